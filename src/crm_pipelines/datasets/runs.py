"""The runs of one model: each executed once, stored whole, and kept until something that went into it changes."""

import json
import logging
import re
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from kedro.io import AbstractDataset

from crm_pipelines.datasets.atomic import replacing, write_json
from crm_pipelines.errors import UserError
from crm_pipelines.runs import (
    EFFICIENCY_FILE,
    HISTORY_FILE,
    MANIFEST_FILE,
    MODEL_FOLDER,
    PREDICTIONS_FILE,
    PendingRun,
    Run,
    StoredRun,
)

logger = logging.getLogger(__name__)

INDEX_FILE = "runs.json"
"""Keys of the runs last asked for; it exists only while all of them are complete."""

_FINGERPRINT = "fingerprint"
_KEY = re.compile(r"[\w=@+-][\w=@+.-]*(/[\w=@+-][\w=@+.-]*)*")


class RunsDataset(AbstractDataset[Mapping[str, PendingRun], list[StoredRun]]):
    """A folder of runs by key (``main/time/fold=0/seed=42``).

    Saving executes the pending runs one after another and stores each before the next begins, so stopping in
    between loses one run at most. Runs whose fingerprint is already stored are kept. Runs no longer asked for
    stay on disk but are not loaded.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Point at a folder.

        Args:
            filepath: the folder; its name is the model's, used in messages.
            metadata: ignored here, read by Kedro-Viz.
        """
        self.path = Path(filepath)
        self.metadata = metadata

    def save(self, data: Mapping[str, PendingRun]) -> None:
        """Execute and store what is not stored yet.

        Raises:
            ValueError: for a key that cannot be a path below the folder.
            UserError: if the folder cannot be written.
        """
        for key in data:
            if not _KEY.fullmatch(key):
                raise ValueError(f"'{key}' cannot name a run")
        due = [key for key, run in data.items() if self._stored(key) != run.fingerprint]
        for key in data:
            if key not in due:
                logger.info("%s %s: kept (same data, parameters and code)", self.path.name, key)
        if due:
            (self.path / INDEX_FILE).unlink(missing_ok=True)
        seconds = 0.0
        for done, key in enumerate(due):
            left = f", about {_about(seconds / done * (len(due) - done))} left" if done else ""
            logger.info("%s %s: run %d of %d%s", self.path.name, key, done + 1, len(due), left)
            started = time.monotonic()
            self._store(key, data[key].fingerprint, data[key].execute())
            seconds += time.monotonic() - started
        write_json({"runs": list(data)}, self.path / INDEX_FILE)

    def load(self) -> list[StoredRun]:
        """The runs last asked for, in that order; predictions are not read yet.

        Raises:
            UserError: if they are not complete.
        """
        if not self._exists():
            raise UserError(
                f"the runs in {self.path} are not complete: run the pipeline of their models again, "
                "what is finished is kept"
            )
        keys = _read(self.path / INDEX_FILE)["runs"]
        return [StoredRun(key, self.path / key, _read(self.path / key / MANIFEST_FILE)) for key in keys]

    def _store(self, key: str, fingerprint: str, run: Run) -> None:
        """Write a run's folder; its manifest makes it count, and all of it appears at once."""
        with replacing(self.path / key) as partial:
            partial.mkdir()
            run.predictions.to_parquet(partial / PREDICTIONS_FILE, index=False)
            write_json(run.efficiency, partial / EFFICIENCY_FILE)
            write_json(run.history, partial / HISTORY_FILE)
            if run.save_model is not None:
                (partial / MODEL_FOLDER).mkdir()
                run.save_model(partial / MODEL_FOLDER)
            write_json({**run.manifest, _FINGERPRINT: fingerprint}, partial / MANIFEST_FILE)

    def _stored(self, key: str) -> str | None:
        """Fingerprint of a stored run; None if there is none that can be read."""
        try:
            found = _read(self.path / key / MANIFEST_FILE).get(_FINGERPRINT)
        except (OSError, ValueError, AttributeError):
            return None
        return found if isinstance(found, str) else None

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.path.as_posix()}

    def _exists(self) -> bool:
        return (self.path / INDEX_FILE).is_file()


def _about(seconds: float) -> str:
    """A remaining time without false precision: ``20 s``, ``3 min``, ``1 h 40 min``."""
    if seconds < 90:
        return f"{max(10, round(seconds, -1)):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
