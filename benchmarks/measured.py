"""What work costs: CPU time of a call; wall time, CPU time and peak memory of a command in a process of its own."""

import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

PROJECT = Path(__file__).parents[1]


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


_STEP = re.compile(r"step \d+ of \d+: (\S+)")
GIB = 2**30
_EVERY = 0.05
"""Seconds between two looks at a process's memory."""


@dataclass
class Stage:
    """Wall seconds, and largest memory in GiB, of one node of a pipeline."""

    wall: float = 0.0
    peak: float = 0.0
    own: float = 0.0


@dataclass(frozen=True)
class Cost:
    """What a command took.

    Attributes:
        wall, cpu: seconds; CPU time of processes it started included.
        peak: largest resident memory in GiB, mapped files included, which the system takes back when it needs them.
        own: the same without mapped files (`RssAnon`), looked at twenty times a second; 0 where the system does not
            tell. Processes that the command starts are not looked at.
        stages: node of a Kedro pipeline -> what it took.
    """

    wall: float
    cpu: float
    peak: float
    own: float = 0.0
    stages: dict[str, Stage] = field(default_factory=dict)

    @classmethod
    def of(cls, command: list[str]) -> Self:
        """Run a command of this interpreter from the project's folder; its output is shown only if it fails."""
        started = time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"}
        child = subprocess.Popen(
            [sys.executable, *command], cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert child.stdout is not None
        stages, now, over = {"": Stage()}, [""], threading.Event()

        def look() -> None:
            since = time.perf_counter()
            while not over.wait(_EVERY):
                resident, own = memory(child.pid)
                stage, moment = stages[now[0]], time.perf_counter()
                stage.peak, stage.own = max(stage.peak, resident), max(stage.own, own)
                stage.wall, since = stage.wall + moment - since, moment

        watch = threading.Thread(target=look, daemon=True)
        watch.start()
        output = bytearray()
        for line in child.stdout:
            output += line
            if found := _STEP.search(line.decode(errors="replace")):
                stages[found[1]], now[0] = Stage(), found[1]
        over.set()
        watch.join()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(output.decode())
        wall, cpu, peak = time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20
        return cls(wall, cpu, peak, max(stage.own for stage in stages.values()), stages)

    def __str__(self) -> str:
        own = f" ({self.own:.2f} without mapped files)" if self.own else ""
        return f"{self.wall:7.1f} s wall {self.cpu:7.1f} s CPU {self.peak:6.2f} GiB{own}"

    def by_stage(self) -> str:
        """A line for each node."""
        return "\n".join(
            f"{'':4}{name or 'start':28} {each.wall:7.1f} s wall {each.peak:6.2f} GiB ({each.own:.2f})"
            for name, each in self.stages.items()
        )


def memory(process: int | str = "self") -> tuple[float, float]:
    """Resident memory of a process in GiB, and that part which no file stands behind; zeros where nothing tells."""
    try:
        text = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    except OSError:  # another system, or a process that has just ended
        return 0.0, 0.0
    kilobytes = dict(re.findall(r"^(VmRSS|RssAnon):\s+(\d+) kB", text, re.MULTILINE))
    return int(kilobytes.get("VmRSS", 0)) / 2**20, int(kilobytes.get("RssAnon", 0)) / 2**20


def kedro(pipelines: str, *options: str, **params: object) -> list[str]:
    """A command that runs pipelines."""
    given = ",".join(f"{name}={value}" for name, value in params.items())
    return ["-m", "kedro", "run", f"--pipelines={pipelines}", *options, f"--params={given}"]
