"""A run: one fit of one model and what is known about it (protocol x fold x seed).

Models are expensive, so a run is stored once under a fingerprint of everything that went into it. A stopped
benchmark goes on where it was, and a changed parameter, table or line of code makes the run due again.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from pydantic_core import to_json

from crm_pipelines.columns import CUSTOMER
from crm_pipelines.evaluation.predictions import Shards

PREDICTIONS_FILE = "predictions.parquet"
EFFICIENCY_FILE = "efficiency.json"
HISTORY_FILE = "history.json"
MANIFEST_FILE = "run.json"
MODEL_FOLDER = "model"

SHARD_ROWS = 4_000_000
"""Predictions evaluated at once (about): a few hundred bytes of working memory each."""

MEASURED = "measured"
"""Key, in the environment of the measured numbers, of the day on which they were measured (UTC)."""

NOT_APPLICABLE = "not_applicable"
"""Key of a manifest that says why a model could not be fitted on a source; such a run has no predictions."""


@dataclass(frozen=True)
class Run:
    """What a run produced.

    Attributes:
        predictions: one row per predicted event and slice (see ``columns``).
        efficiency: measured numbers (seconds, bytes, events per second) and what they were measured on.
        history: one mapping of metric -> value per training epoch.
        manifest: what identifies the run (source, model, variant, protocol, fold, seed, parameters).
        save_model: writes the fitted model into the folder it is given; None where no model is kept.
    """

    predictions: pd.DataFrame
    efficiency: dict[str, Any]
    history: list[dict[str, Any]]
    manifest: dict[str, Any]
    save_model: Callable[[Path], None] | None = None


@dataclass(frozen=True)
class PendingRun:
    """A run that is executed only if it is not stored yet.

    Attributes:
        fingerprint: of all that determines the result, from ``fingerprint()``.
        execute: trains and predicts.
    """

    fingerprint: str
    execute: Callable[[], Run]


@dataclass(frozen=True)
class StoredRun:
    """A stored run; its large parts are read when asked for.

    Attributes:
        key: its name, for example ``main/time/fold=0/seed=42``.
        path: its folder.
        manifest: what identifies it, with the ``fingerprint``.
    """

    key: str
    path: Path
    manifest: dict[str, Any] = field(repr=False)

    def predictions(self) -> pd.DataFrame:
        """Its predictions."""
        return pd.read_parquet(self.path / PREDICTIONS_FILE)

    def shards(self, rows: int = SHARD_ROWS) -> Sequence[pd.DataFrame]:
        """Its predictions in shards by customer of about ``rows`` rows, each read when it is asked for."""
        path = self.path / PREDICTIONS_FILE
        number = -(-pq.read_metadata(path).num_rows // rows)
        return (self.predictions(),) if number <= 1 else Shards(number, lambda shard: _shard(path, shard, number))

    def efficiency(self) -> dict[str, Any]:
        """Its measured numbers; their environment says on which day, by the date of the file."""
        path = self.path / EFFICIENCY_FILE
        content: dict[str, Any] = _read(path)
        if "environment" not in content:
            return content
        day = f"{datetime.fromtimestamp(path.stat().st_mtime, tz=UTC):%Y-%m-%d}"
        return {**content, "environment": {**content["environment"], MEASURED: day}}

    def history(self) -> list[dict[str, Any]]:
        """Its training history, one mapping per epoch."""
        content: list[dict[str, Any]] = _read(self.path / HISTORY_FILE)
        return content

    @property
    def model_path(self) -> Path | None:
        """Folder of the fitted model, if it was kept."""
        folder = self.path / MODEL_FOLDER
        return folder if folder.is_dir() else None


def _shard(path: Path, shard: int, of: int) -> pd.DataFrame:
    """The rows of the customers whose number leaves the remainder ``shard``, from a file read piece by piece."""
    with pq.ParquetFile(path) as file:
        parts = []
        for batch in file.iter_batches():
            mine = batch.column(CUSTOMER).to_numpy() % of == shard
            parts.append(batch.filter(pa.array(mine)))
        table: pd.DataFrame = pa.Table.from_batches(parts, file.schema_arrow).to_pandas()
    return table


def fingerprint(parts: Mapping[str, object]) -> str:
    """Short name of everything that determines a result.

    Args:
        parts: plain values, dataclasses or pydantic models by name; their order does not matter.

    Returns:
        64 hexadecimal digits, the same on every machine.

    Raises:
        pydantic_core.PydanticSerializationError: for a value that is none of these.
    """
    content = json.dumps(json.loads(to_json(dict(parts))), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(content.encode()).hexdigest()


@cache
def code_version(*parts: str) -> str:
    """Hash of the package's source files, so that results of older code are not taken for current ones.

    Args:
        parts: files or folders below the package that matter (``"models/behaviour"``); all of it by default.

    Returns:
        64 hexadecimal digits; file names and contents count, dates do not.
    """
    package = Path(__file__).parent
    digest = hashlib.sha256()
    roots = [package / part for part in parts] or [package]
    files = {path for root in roots for path in ([root] if root.is_file() else root.rglob("*.py"))}
    for path in sorted(files):
        content = path.read_bytes().replace(b"\r\n", b"\n")
        name = path.relative_to(package).as_posix()
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
