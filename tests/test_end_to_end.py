"""From raw files to the report with one command; again, elsewhere, and in parts."""

import html
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from pathlib import Path

import pandas as pd
import pytest
import yaml
from kedro.framework.project import pipelines
from kedro.framework.session import KedroSession
from kedro.framework.startup import bootstrap_project

from crm_pipelines.columns import RESULT_COLUMNS, RESULT_VALUE, SHOTS, SIDES, N, cold_slice
from crm_pipelines.config import parse
from crm_pipelines.models.registry import BEHAVIOUR_MODELS, behaviour_model
from crm_pipelines.pipeline_registry import STAGES

WHOLE = ("--env=test", "--pipelines=coldstart")
COLD = [cold_slice(side, k) for side, k in product(SIDES, SHOTS)]

BOUNDS = {
    "accuracy": (0, 1),
    "precision": (0, 1),
    "recall": (0, 1),
    "f1": (0, 1),
    "macro_f1": (0, 1),
    "balanced_accuracy": (0, 1),
    "roc_auc": (0, 1),
    "average_precision": (0, 1),
    "majority_accuracy": (0, 1),
    "ece": (0, 1),
    "brier": (0, 2),
    "log_loss": (0, float("inf")),
    "group_fairness": (0, 100),
}
"""Metrics that must be there, and between which numbers."""


@dataclass(frozen=True)
class Finished:
    """A finished run: where its results lie and what it printed."""

    raw_root: Path
    data_root: Path
    output: str

    def table(self, name: str) -> pd.DataFrame:
        """A result table of ``coldstart``."""
        return pd.read_csv(self.data_root / f"08_reporting/demo/coldstart/{name}.csv")

    @property
    def metrics(self) -> bytes:
        """``metrics.csv`` as it is."""
        return (self.data_root / "08_reporting/demo/coldstart/metrics.csv").read_bytes()


def roots(raw_root: Path, data_root: Path) -> str:
    return f"--params=raw_root={raw_root},data_root={data_root}"


@pytest.fixture(scope="session")
def world(kedro_run: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Raw files of a small demo world."""
    folder = tmp_path_factory.mktemp("raw")
    assert kedro_run("--env=test", "--pipelines=simulate", f"--params=raw_root={folder}").exit_code == 0
    return folder


@pytest.fixture(scope="session")
def finished(project: Path, world: Path, tmp_path_factory: pytest.TempPathFactory) -> Finished:
    """The command as a user gives it."""
    data = tmp_path_factory.mktemp("data")
    done = subprocess.run(
        [sys.executable, "-m", "kedro", "run", *WHOLE, roots(world, data)],
        cwd=project,
        env={**os.environ, "PYTHONPATH": str(project / "src")},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    return Finished(world, data, done.stdout)


@pytest.fixture
def copied(finished: Finished, tmp_path: Path) -> Finished:
    """The same results in a place of their own."""
    data = tmp_path / "data"
    shutil.copytree(finished.data_root, data)
    return Finished(finished.raw_root, data, "")


@pytest.mark.slow
class TestResults:
    def test_results_have_their_columns(self, finished):
        for name in ("metrics", "efficiency"):
            assert tuple(finished.table(name).columns) == RESULT_COLUMNS
        assert {"protocol", "slice", "model", "peer", "metric", "difference", "low", "high", "n"} <= set(
            finished.table("comparisons").columns
        )

    def test_every_model_is_evaluated_on_every_slice_of_every_protocol(self, finished):
        splits = pd.read_json(finished.data_root / "08_reporting/demo/preprocessing/splits.json")
        rows = finished.table("metrics")
        found = set(rows[["protocol", "fold", "model", "slice"]].drop_duplicates().itertuples(index=False, name=None))
        views = list(splits[["protocol", "fold"]].itertuples(index=False, name=None))
        assert {protocol for protocol, _ in views} == {"time", "held_out"}
        assert found == {
            (*view, model, part) for view in views for model in BEHAVIOUR_MODELS for part in ("all", "warm", *COLD)
        }

    def test_every_number_is_in_its_range_and_says_how_many_events_it_is_of(self, finished):
        rows = finished.table("metrics")
        assert set(BOUNDS) <= set(rows["metric"])
        assert (rows[N] >= 0).all()
        values = rows[rows[RESULT_VALUE].notna()]
        assert not values.duplicated([column for column in RESULT_COLUMNS if column not in {RESULT_VALUE, N}]).any()
        low, high = (values["metric"].map(lambda name, i=i: BOUNDS.get(name, (0, 100))[i]) for i in (0, 1))
        assert values[RESULT_VALUE].between(low, high).all()

    def test_slices_too_small_have_no_numbers_and_large_ones_all(self, finished):
        rows = finished.table("metrics").query("metric == 'macro_f1'")
        assert rows.loc[rows[N] < 30, RESULT_VALUE].isna().all()
        assert rows.loc[rows[N] >= 30, RESULT_VALUE].notna().all()
        assert rows.groupby("slice")[N].nunique().loc["all"] == 1

    def test_differences_are_inside_their_intervals(self, finished):
        rows = finished.table("comparisons").dropna(subset=["difference"])
        assert set(rows["model"]) == {"tfpnet", "tfpnet_plus"}
        for model, peers in rows.groupby("model")["peer"]:
            assert set(peers) == {*BEHAVIOUR_MODELS} - {model}
        assert (rows["low"] <= rows["high"]).all()
        assert rows["difference"].between(-1, 1).all()

    def test_the_report_shows_every_model_and_loads_nothing_from_elsewhere(self, finished):
        from crm_pipelines.reporting.names import model_label

        page = (finished.data_root / "08_reporting/index.html").read_text(encoding="utf-8")
        for model in BEHAVIOUR_MODELS:
            assert html.escape(model_label(model), quote=False) in page.replace("&#39;", "'")
        loads = re.findall(r"""(?:src|href|action)\s*=\s*["']?([^"'\s>]+)|url\(["']?([^)"']+)|@import\s+(\S+)""", page)
        targets = [target for match in loads for target in match if target]
        within = ("#", "data:", "URL.createObjectURL(")  # the last one hands over a table as a file
        assert [target for target in targets if not target.startswith(within)] == []

    def test_it_ends_with_the_comparison_and_the_place_of_the_report(self, finished):
        closing = finished.output.rstrip().splitlines()
        assert re.search(r"INFO done in .*\d (s|min)", closing[-1])
        assert closing[-2] == f"Report: {finished.data_root / '08_reporting/index.html'}"
        start = next(i for i, line in enumerate(closing) if line.startswith("model "))
        assert "macro-F1" in closing[start]
        table = closing[start + 2 : start + 2 + len(BEHAVIOUR_MODELS)]
        assert all(re.match(r"\S.* +\d\.\d{3} ", line) for line in table)

    def test_it_runs_without_warnings(self, finished):
        assert [line for line in finished.output.splitlines() if re.search(r"\bwarn|deprecat", line, re.I)] == []


@pytest.mark.slow
class TestAgain:
    def test_a_second_run_keeps_every_run_and_every_byte(self, kedro_run, copied, finished):
        before = {path: path.stat().st_mtime_ns for path in copied.data_root.rglob("predictions.parquet")}
        again = kedro_run(*WHOLE, roots(copied.raw_root, copied.data_root))
        assert again.exit_code == 0, again.everything[-3000:]
        assert again.log.count(": kept (same data, parameters and code)") == len(before) == 2 * len(BEHAVIOUR_MODELS)
        assert {path: path.stat().st_mtime_ns for path in copied.data_root.rglob("predictions.parquet")} == before
        assert copied.metrics == finished.metrics

    def test_a_run_elsewhere_gives_the_same_bytes(self, kedro_run, finished, tmp_path):
        """Reproducible: another process, another folder, everything computed anew; some models stand for all."""
        some = ("majority", "logistic_regression", "lightgbm", "tfpnet", "gnn")
        chosen = f"{roots(finished.raw_root, tmp_path)},coldstart.runs.models={' '.join(some)}"
        assert kedro_run(*WHOLE, chosen).exit_code == 0
        anew = Finished(finished.raw_root, tmp_path, "").metrics.splitlines()
        column = RESULT_COLUMNS.index("model")
        wanted = {b"model", *(name.encode() for name in some)}  # the first is in the header
        assert anew == [line for line in finished.metrics.splitlines() if line.split(b",")[column] in wanted]
        assert len(anew) > 100


@pytest.mark.slow
class TestParts:
    @pytest.mark.filterwarnings("ignore:Option '--pipeline' is deprecated")
    def test_the_older_spelling_finds_the_same_pipeline(self, kedro_run, world, tmp_path):
        done = kedro_run("--env=test", "--pipeline=coldstart", "--to-nodes=read_source", roots(world, tmp_path))
        assert done.exit_code == 0
        written = {path.name for path in tmp_path.rglob("*") if path.is_file()}
        assert written == {"interactions.parquet", "customers.parquet", "items.parquet", "ingestion_notes.json"}

    def test_some_models_alone_give_the_same_figures_and_a_report_without_the_others(self, finished, copied, kedro_run):
        paths = roots(copied.raw_root, copied.data_root)
        done = kedro_run(*WHOLE, f"{paths},coldstart.runs.models=majority logistic_regression")
        assert done.exit_code == 0, done.stderr
        rows, all_rows = (results.table("metrics") for results in (copied, finished))
        assert set(rows["model"]) == {"majority", "logistic_regression"}
        expected = all_rows[all_rows["model"].isin(set(rows["model"]))].reset_index(drop=True)
        key = ["model", "protocol", "slice", "metric"]
        pd.testing.assert_frame_equal(
            rows.sort_values(key, ignore_index=True), expected.sort_values(key, ignore_index=True)
        )
        assert copied.table("explanations").empty
        assert "GACE" not in (copied.data_root / "08_reporting/demo/coldstart/paper_a_table_2.csv").read_text()

    def test_one_model_runs_from_stored_inputs(self, kedro_run, copied):
        models = copied.data_root / "07_model_output/demo/coldstart"
        shutil.rmtree(models / "majority")
        shutil.rmtree(copied.data_root / "02_intermediate")  # what came before the inputs is not needed
        done = kedro_run(*WHOLE, "--namespaces=coldstart.majority", roots(copied.raw_root, copied.data_root))
        assert done.exit_code == 0
        assert re.findall(r"step \d+ of \d+: (\S+)", done.log) == ["coldstart.majority.train"]
        assert len(list((models / "majority").rglob("predictions.parquet"))) == 2

    def test_the_report_can_be_built_from_stored_results(self, kedro_run, copied):
        page = copied.data_root / "08_reporting/index.html"
        before = page.read_bytes()
        page.unlink()
        assert kedro_run("--env=test", "--pipelines=reporting", roots(copied.raw_root, copied.data_root)).exit_code == 0
        assert page.read_bytes() == before


@pytest.fixture(scope="module")
def catalog(project: Path):
    """The catalog of the environment `test`."""
    bootstrap_project(project)
    with KedroSession.create(project_path=project, env="test") as session:
        return session.load_context().catalog


class TestConventions:
    """What keeps stages apart and parameters in their place."""

    @pytest.mark.parametrize("stage", STAGES)
    def test_what_crosses_the_border_of_a_stage_is_a_file(self, catalog, stage):
        pipeline = pipelines.get(f"{stage}_models") or pipelines[stage]
        crossing = {name for name in pipeline.inputs() | pipeline.outputs() if not name.startswith("params:")}
        assert crossing
        for name in crossing:
            assert type(catalog.get(name)).__module__.startswith("crm_pipelines.datasets"), name

    @pytest.mark.parametrize("env", ["base", "test"])
    def test_every_model_has_a_block_of_valid_parameters(self, project, env):
        blocks = yaml.safe_load((project / f"conf/{env}/parameters/coldstart.yml").read_text())["coldstart"]
        models = set(blocks) - {"runs", "challengers"}
        assert models == set(BEHAVIOUR_MODELS) if env == "base" else models < set(BEHAVIOUR_MODELS)
        for name in models:
            assert set(blocks[name]) == {"config"}
            parse(behaviour_model(name).Config, blocks[name]["config"], f"coldstart.{name}.config")
