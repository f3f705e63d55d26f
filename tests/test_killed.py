"""A run killed at any moment leaves old files or new ones, and the next run ends as an undisturbed one does."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

KILLS = 20
MOST = 60
"""Runs that are aimed at; on a machine whose speed changes some end before they are struck."""

# Imports once, then forks a child for every run, so that a kill costs the time of a run and not that of its imports.
PROGRAM = """
import os, random, signal, sys, time
from pathlib import Path
from click.testing import CliRunner
from kedro.framework.startup import bootstrap_project

project, conf, raw, data = map(Path, sys.argv[1:5])
kills, most = map(int, sys.argv[5:7])
bootstrap_project(project)
from crm_pipelines.cli import run
import crm_pipelines.pipelines.preprocessing.nodes, crm_pipelines.sources, ibis, pandas, sklearn.cluster

def arguments(raw):
    params = f"source=mine,raw_root={raw},data_root={data}"
    return [f"--conf-source={conf}", "--env=test", "--pipelines=ingestion,preprocessing", "--to-nodes=index_events",
            f"--params={params}"]

def started(raw):
    child = os.fork()
    if child:
        return child
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    result = CliRunner().invoke(run, arguments(raw))
    os._exit(0 if result.exit_code == 0 else 1)

def finished(raw):
    begun = time.monotonic()
    _, status = os.waitpid(started(raw), 0)
    assert status == 0, "an undisturbed run failed"
    return time.monotonic() - begun

def files():
    found = {}
    for path in sorted(data.rglob("*")):
        inside = path.relative_to(data).parts
        if path.is_file() and not any(part.startswith(".partial-") for part in inside):
            name = "/".join(part.removeprefix(".previous-") for part in inside)
            found.setdefault(name, set()).add(path.read_bytes())
    return found

finished(raw / "new")
new = files()
took = finished(raw / "old")
old = files()
assert set(old) == set(new) and old != new
draw = random.Random(42)
stopped = 0
for kill in range(most):
    if stopped == kills:
        break
    child = started(raw / ("new", "old")[kill % 2])
    time.sleep(draw.uniform(0.0, 0.9 * took))
    os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    stopped += os.WIFSIGNALED(status)
    now = files()
    assert set(now) == set(old), f"kill {kill}: {set(now) ^ set(old)}"
    for name, contents in now.items():
        assert contents <= old[name] | new[name], f"kill {kill}: {name} is torn"
for name, whole in (("new", new), ("old", old)):
    finished(raw / name)
    assert files() == whole, "the run after the kills ended otherwise than an undisturbed one"
assert not [path for path in data.rglob(".*")], "something was left behind"
print(stopped)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
def test_a_run_killed_at_random_moments_leaves_no_torn_file(project: Path, tmp_path: Path):
    from test_bad_inputs import BLOCK, CLIENTS, GOOD_CLIENTS, LOG, Mistake, Shop, good_log

    shop = Shop(tmp_path)
    shop.set_up(Mistake((), block=BLOCK), project)
    for name, n in (("old", 3000), ("new", 3600)):
        for path, text in ((LOG, good_log(n)), (CLIENTS, GOOD_CLIENTS)):
            file = tmp_path / "raws" / name / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            PROGRAM,
            *map(str, (project, tmp_path / "conf", tmp_path / "raws", shop.data, KILLS, MOST)),
        ],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src")},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    stopped = int(done.stdout.split()[-1])
    assert stopped == KILLS
