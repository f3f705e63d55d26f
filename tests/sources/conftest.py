"""A folder of raw files to write small fixtures into, and the reader of any source block."""

import gzip
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ibis
import pandas as pd
import pytest
from source_blocks import own

from crm_pipelines import sources
from crm_pipelines.config import SourceSpec, parse
from crm_pipelines.sources import CanonicalTables, RawFolder


@dataclass(frozen=True)
class Folder:
    """Raw files in a temporary folder."""

    raw: RawFolder

    def write(self, name: str, content: str | bytes) -> str:
        """Write a file (packed when its name ends in ``.gz``) and return its name."""
        data = content if isinstance(content, bytes) else content.encode()
        path = self.raw.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(data) if name.endswith(".gz") and isinstance(content, str) else data)
        return name

    def read(self, block: dict[str, Any]) -> CanonicalTables:
        """Read a source block."""
        return sources.read(self.raw, parse(SourceSpec, {"title": "Test", **block}, "sources.test"))

    def log(self, content: str, file: str = "log.csv", **interactions: Any) -> pd.DataFrame:
        """Write a log, read it with the reader ``tables`` and return the interactions."""
        return self.read(own(self.write(file, content), **interactions)).interactions.execute()


@pytest.fixture(scope="session")
def connection() -> Iterator[ibis.BaseBackend]:
    backend = ibis.duckdb.connect(threads=2)
    yield backend
    backend.disconnect()


@pytest.fixture
def folder(tmp_path: Path, connection: ibis.BaseBackend) -> Folder:
    return Folder(RawFolder(tmp_path, connection))


@pytest.fixture
def rows() -> Callable[[Any], list[tuple[Any, ...]]]:
    """A table's rows as tuples, nulls as None."""

    def as_tuples(table: Any) -> list[tuple[Any, ...]]:
        frame = table if isinstance(table, pd.DataFrame) else table.execute()
        return [tuple(None if pd.isna(v) else v for v in row) for row in frame.itertuples(index=False)]

    return as_tuples
