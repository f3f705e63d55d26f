"""The runs of one model: each executed once, stored whole, and kept until something that went into it changes."""

import json
import logging
import multiprocessing
import os
import re
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, ClassVar

from kedro.io import AbstractDataset

from crm_pipelines.datasets.atomic import replacing, write_json
from crm_pipelines.errors import UserError
from crm_pipelines.processes import side_by_side
from crm_pipelines.runs import (
    EFFICIENCY_FILE,
    HISTORY_FILE,
    MANIFEST_FILE,
    MODEL_FOLDER,
    PREDICTIONS_FILE,
    PendingRun,
    StoredRun,
)

logger = logging.getLogger(__name__)

INDEX_FILE = "runs.json"
"""Keys of the runs last asked for; it exists only while all of them are complete."""

_FINGERPRINT = "fingerprint"
_KEY = re.compile(r"[\w=@+-][\w=@+.-]*(/[\w=@+-][\w=@+.-]*)*")


class RunsDataset(AbstractDataset[Mapping[str, PendingRun], list[StoredRun]]):
    """A folder of runs by key (``main/time/fold=0/seed=42``).

    Saving executes the pending runs and stores each as soon as it is done, so stopping in between loses only those
    under way. Runs whose fingerprint is already stored are kept. Runs no longer asked for stay on disk but are not
    loaded. With several processes runs are executed side by side; each is the same as alone. Saving then returns
    while the last run is still under way, so that no process waits for it: the next model's runs start beside it.
    Loading waits for it, and so does `finish_runs`.
    """

    _open: ClassVar[list["RunsDataset"]] = []
    """Those with a run under way."""

    def __init__(self, *, filepath: str, processes: int = 1, metadata: dict[str, Any] | None = None) -> None:
        """Point at a folder.

        Args:
            filepath: the folder; its name is the model's, used in messages.
            processes: runs executed side by side, at least 1.
            metadata: ignored here, read by Kedro-Viz.
        """
        self.path = Path(filepath)
        self.processes = processes
        self.metadata = metadata
        self._rest: Iterator[None] = iter(())

    def save(self, data: Mapping[str, PendingRun]) -> None:
        """Execute and store what is not stored yet; with several processes the last run may still be under way.

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
        self._rest = self._progress({key: data[key] for key in due}, list(data))
        for _ in due[:-1]:
            next(self._rest)
        earlier = list(self._open)
        if self._at_a_time(len(due)) > 1 and _waited_for():
            self._open.append(self)
        else:
            self.finish()
        for other in earlier:
            other.finish()

    def finish(self) -> None:
        """Wait for the run still under way, if there is one."""
        if self in self._open:
            self._open.remove(self)
        for _ in self._rest:
            pass

    def _progress(self, due: Mapping[str, PendingRun], asked_for: list[str]) -> Iterator[None]:
        """Execute what is due, saying after each run how far it is; then mark all that was asked for as complete."""
        started = time.monotonic()
        for done, key in enumerate(self._executed(due), start=1):
            left = (time.monotonic() - started) / done * (len(due) - done)
            about = f", about {_about(left)} left" if done < len(due) else ""
            logger.info("%s %s: done, %d of %d%s", self.path.name, key, done, len(due), about)
            if done < len(due):
                yield
        write_json({"runs": asked_for}, self.path / INDEX_FILE)

    def _at_a_time(self, due: int) -> int:
        """Processes for ``due`` runs; not fewer for few, since their number must not change while a run is open."""
        return min(int(self.processes), os.cpu_count() or 1) if due > 1 else 1

    def _executed(self, due: Mapping[str, PendingRun]) -> Iterator[str]:
        """Execute and store runs; yields the key of each that is done."""
        processes = self._at_a_time(len(due))
        if processes == 1:
            for key, run in due.items():
                logger.info("%s %s ...", self.path.name, key)
                yield _execute_and_store(self.path, key, run)
            return
        from joblib import delayed

        logger.info("%s: %d runs, %d at a time ...", self.path.name, len(due), processes)
        calls = (delayed(_in_worker)(self.path, key, run) for key, run in due.items())
        yield from side_by_side(calls, processes, ordered=False)

    def load(self) -> list[StoredRun]:
        """The runs last asked for, in that order; predictions are not read yet.

        Raises:
            UserError: if they are not complete.
        """
        self.finish()
        if not self._exists():
            raise UserError(
                f"the runs in {self.path} are not complete: run the pipeline of their models again, "
                "what is finished is kept"
            )
        keys = _read(self.path / INDEX_FILE)["runs"]
        return [StoredRun(key, self.path / key, _read(self.path / key / MANIFEST_FILE)) for key in keys]

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


def finish_runs() -> None:
    """Wait for every run still under way."""
    for dataset in list(RunsDataset._open):
        dataset.finish()


def _waited_for() -> bool:
    """Whether this is the main thread of the main process, where `finish_runs` is called at the end."""
    return multiprocessing.parent_process() is None and threading.current_thread() is threading.main_thread()


def _execute_and_store(folder: Path, key: str, pending: PendingRun) -> str:
    """Write a run's folder; its manifest makes it count, and all of it appears at once. Returns the key."""
    run = pending.execute()
    with replacing(folder / key) as partial:
        partial.mkdir()
        run.predictions.to_parquet(partial / PREDICTIONS_FILE, index=False)
        write_json(run.efficiency, partial / EFFICIENCY_FILE)
        write_json(run.history, partial / HISTORY_FILE)
        if run.save_model is not None:
            (partial / MODEL_FOLDER).mkdir()
            run.save_model(partial / MODEL_FOLDER)
        write_json({**run.manifest, _FINGERPRINT: pending.fingerprint}, partial / MANIFEST_FILE)
    return key


def _in_worker(folder: Path, key: str, pending: PendingRun) -> str:
    """The same in a process of its own, whose messages name the run they belong to."""
    handler = logging.StreamHandler(sys.stdout)
    handler.setFormatter(logging.Formatter(f"%(asctime)s %(levelname)s {folder.name} {key}: %(message)s", "%H:%M:%S"))
    package = logging.getLogger("crm_pipelines")
    package.addHandler(handler)
    package.setLevel(logging.INFO)
    try:
        return _execute_and_store(folder, key, pending)
    finally:
        package.removeHandler(handler)


def _about(seconds: float) -> str:
    """A remaining time without false precision: ``20 s``, ``3 min``, ``1 h 40 min``."""
    if seconds < 90:
        return f"{max(10, round(seconds, -1)):.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"{minutes} min"


def _read(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
