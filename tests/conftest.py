"""Fixtures shared by all tests."""

import os
from pathlib import Path

import pytest

# Before anything imports them: no telemetry, no window system.
os.environ["DO_NOT_TRACK"] = "1"
os.environ.setdefault("MPLBACKEND", "Agg")

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


def pytest_unconfigure() -> None:
    """Let go of the shared table backends: DuckDB complains of those still open after the last line of the summary."""
    from kedro_datasets._utils import ConnectionMixin

    for backend in ConnectionMixin._connections.values():
        backend.disconnect()
    ConnectionMixin._connections.clear()
