"""What work costs: CPU time of a call; wall time, CPU time and peak memory of a command in a process of its own."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Self

PROJECT = Path(__file__).parents[1]


def cpu_seconds(work: Callable[[], object]) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


@dataclass(frozen=True)
class Cost:
    """Wall and CPU seconds, and the largest resident memory in GiB (mapped files included)."""

    wall: float
    cpu: float
    peak: float

    @classmethod
    def of(cls, command: list[str]) -> Self:
        """Run a command of this interpreter from the project's folder; its output is shown only if it fails."""
        started = time.perf_counter()
        environment = {**os.environ, "PYTHONPATH": str(PROJECT / "src"), "DO_NOT_TRACK": "1", "OMP_NUM_THREADS": "1"}
        child = subprocess.Popen(
            [sys.executable, *command], cwd=PROJECT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
        )
        assert child.stdout is not None
        output = child.stdout.read()
        _, status, used = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
        if child.returncode:
            raise SystemExit(output.decode())
        return cls(time.perf_counter() - started, used.ru_utime + used.ru_stime, used.ru_maxrss / 2**20)

    def __str__(self) -> str:
        return f"{self.wall:7.1f} s wall {self.cpu:7.1f} s CPU {self.peak:6.2f} GiB"


def kedro(pipelines: str, *options: str, **params: object) -> list[str]:
    """A command that runs pipelines."""
    given = ",".join(f"{name}={value}" for name, value in params.items())
    return ["-m", "kedro", "run", f"--pipelines={pipelines}", *options, f"--params={given}"]
