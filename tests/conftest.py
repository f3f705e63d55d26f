"""Fixtures shared by all tests."""

import contextlib
import logging
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from hypothesis import settings as hypothesis_settings

# Busy machines are slow at first calls, and a run is to find what the last one found.
hypothesis_settings.register_profile("suite", deadline=None, derandomize=True)
hypothesis_settings.load_profile("suite")

# Before anything imports them: no telemetry, no window system, one thread (two are far slower on a busy machine).
os.environ["DO_NOT_TRACK"] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")
os.environ.setdefault("OMP_NUM_THREADS", "1")

PROJECT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def project() -> Path:
    """Root folder of the project."""
    return PROJECT


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the published data sets (``CRM_REAL_DATA``); tests that ask for it are skipped where it is missing."""
    folder = Path(os.environ.get("CRM_REAL_DATA", PROJECT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no published data sets in {folder}; name their folder in CRM_REAL_DATA")
    return folder


@dataclass(frozen=True)
class Ran:
    """What a command did: its exit status, what it printed, and what it logged (with tracebacks, if any)."""

    exit_code: int
    stdout: str
    stderr: str
    log: str

    @property
    def last_line(self) -> str:
        """The last line on stderr."""
        return self.stderr.rstrip().rsplit("\n", 1)[-1]

    @property
    def everything(self) -> str:
        """All of it."""
        return f"{self.stdout}{self.stderr}{self.log}"


class _Lines(logging.Handler):
    """Keeps what is logged; the project's own handler writes to where pytest cannot see it."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append(self.format(record))


@pytest.fixture(scope="session")
def kedro_run(project: Path) -> Callable[..., Ran]:
    """``kedro run`` with the given arguments in this process, which saves the seconds that imports take."""

    def call(*arguments: str) -> Ran:
        from click.testing import CliRunner
        from kedro.framework.startup import bootstrap_project

        from crm_pipelines.cli import run

        lines = _Lines()
        logging.getLogger().addHandler(lines)
        try:
            with contextlib.chdir(project):
                bootstrap_project(project)
                result = CliRunner().invoke(run, list(arguments))
        finally:
            logging.getLogger().removeHandler(lines)
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception  # a bug, whose traceback should be seen
        return Ran(result.exit_code, result.stdout, result.stderr, "\n".join(lines.lines))

    return call


def pytest_unconfigure() -> None:
    """Let go of the shared table backends: DuckDB complains of those still open after the last line of the summary."""
    from kedro_datasets._utils import ConnectionMixin

    for backend in ConnectionMixin._connections.values():
        backend.disconnect()
    ConnectionMixin._connections.clear()
