"""Results that are folders: arrays, sparse matrices, event stores, the demo world; and what is only read."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

import numpy as np
from kedro.io import AbstractDataset, DatasetError
from kedro_datasets._utils import ConnectionMixin
from numpy.typing import NDArray

from crm_pipelines.datasets.atomic import existing, recover, replacing
from crm_pipelines.streamed import StreamedArray

if TYPE_CHECKING:
    import ibis
    import pandas as pd
    from scipy.sparse import csr_array

    from crm_pipelines.events.store import EventStore
    from crm_pipelines.models.tagging.bilstm_crf import BiLSTMCRF
    from crm_pipelines.preparation.encoders import Encoders
    from crm_pipelines.reporting.results import Results
    from crm_pipelines.scoring.kept import Keeping, Kept
    from crm_pipelines.sources.raw import RawFolder

Saved = TypeVar("Saved")
Loaded = TypeVar("Loaded")


class FolderDataset(AbstractDataset[Saved, Loaded], Generic[Saved, Loaded]):
    """A folder written as one thing: it is replaced whole or not at all.

    Subclasses say how their values become files.
    """

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Point at a folder.

        Args:
            filepath: the folder; its former content is replaced on save.
            metadata: ignored here, read by Kedro-Viz.
        """
        self.path = Path(filepath)
        self.metadata = metadata

    @abstractmethod
    def write(self, data: Saved, folder: Path) -> None:
        """Write the values into an empty folder."""

    @abstractmethod
    def read(self, folder: Path) -> Loaded:
        """Read what ``write`` wrote."""

    def save(self, data: Saved) -> None:
        """Write the folder anew."""
        with replacing(self.path) as partial:
            partial.mkdir()
            self.write(data, partial)

    def load(self) -> Loaded:
        """Read the folder.

        Raises:
            UserError: if it does not exist.
        """
        return self.read(existing(self.path))

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.path.as_posix()}

    def _exists(self) -> bool:
        return self.path.exists()


Arrays = Mapping[str, NDArray[Any] | StreamedArray]


class ArraysDataset(FolderDataset[Arrays, dict[str, NDArray[Any]]]):
    """Named NumPy arrays, one ``.npy`` each; loaded as memory maps, so that only what is used is read.

    A name may hold slashes (``time/fold=0/train``) and becomes a path. Arrays of objects are refused; a
    `StreamedArray` is computed while it is written.
    """

    def write(self, data: Arrays, folder: Path) -> None:
        """One file per array."""
        for name, array in data.items():
            path = _member(folder, name, ".npy")
            if isinstance(array, StreamedArray):
                array.save(path)
            else:
                np.save(path, np.asarray(array), allow_pickle=False)

    def read(self, folder: Path) -> dict[str, NDArray[Any]]:
        """Arrays by name, in the order of their names; read-only."""
        return {name: _memory_map(path) for name, path in _members(folder, ".npy").items()}


class SparseDataset(FolderDataset["Mapping[str, csr_array]", "dict[str, csr_array]"]):
    """Named SciPy sparse arrays, one ``.npz`` each."""

    def write(self, data: "Mapping[str, csr_array]", folder: Path) -> None:
        """One file per array."""
        from scipy.sparse import save_npz

        for name, array in data.items():
            save_npz(_member(folder, name, ".npz"), array)

    def read(self, folder: Path) -> "dict[str, csr_array]":
        """Sparse arrays by name, in the order of their names."""
        from scipy.sparse import load_npz

        return {name: load_npz(path) for name, path in _members(folder, ".npz").items()}


class EventStoresDataset(FolderDataset["Mapping[str, EventStore]", "dict[str, EventStore]"]):
    """Event stores by name, one folder each, loaded as memory maps."""

    def write(self, data: "Mapping[str, EventStore]", folder: Path) -> None:
        """One folder per store."""
        for name, store in data.items():
            store.save(_member(folder, name, ""))

    def read(self, folder: Path) -> "dict[str, EventStore]":
        """Stores by name, in the order of their names."""
        from crm_pipelines.events.store import EventStore

        return {path.name: EventStore.load(path) for path in sorted(folder.iterdir()) if path.is_dir()}


class EncodersDataset(FolderDataset["Encoders", "Encoders"]):
    """What was fitted on one training part (`preparation.encoders`)."""

    def write(self, data: "Encoders", folder: Path) -> None:
        """Its files."""
        data.save(folder)

    def read(self, folder: Path) -> "Encoders":
        """Read back.

        Raises:
            UserError: a file is missing or cannot be read.
        """
        from crm_pipelines.preparation.encoders import Encoders

        return Encoders.load(folder)


class KeptDataset(FolderDataset["Keeping", "Kept | None"]):
    """A fitted model kept for use, with its manifest (`scoring.kept`); None where nothing has been kept yet."""

    def write(self, data: "Keeping", folder: Path) -> None:
        """Its files, and a manifest with a checksum of each."""
        data.save(folder)

    def load(self) -> "Kept | None":
        """What was kept; a missing system is no error.

        Raises:
            UserError: it is of another format or version, or its files are not those that were written.
        """
        recover(self.path)
        return self.read(self.path) if self.path.is_dir() else None

    def read(self, folder: Path) -> "Kept":
        """Read back; see `load`."""
        from crm_pipelines.scoring.kept import Kept

        return Kept.load(folder)


class WorldDataset(FolderDataset[Any, Path]):
    """The simulated world as raw files in the published formats; ingestion reads them like anybody's."""

    def write(self, data: Any, folder: Path) -> None:
        """Every file of the world."""
        from crm_pipelines.simulate.writers import write_world

        write_world(data, folder)

    def read(self, folder: Path) -> Path:
        """The folder itself."""
        return folder


class CSVTablesDataset(FolderDataset["Mapping[str, pd.DataFrame]", Path]):
    """Raw tables by name, a CSV file with a header each; readers of sources read them like anybody's."""

    def write(self, data: "Mapping[str, pd.DataFrame]", folder: Path) -> None:
        """One file per table."""
        for name, table in data.items():
            table.to_csv(_member(folder, name, ".csv"), index=False, lineterminator="\n")

    def read(self, folder: Path) -> Path:
        """The folder itself."""
        return folder


class ResultsDataset(AbstractDataset[Any, "Results"]):
    """Every result file below the reporting folder, of all sources and pipelines run so far; read-only."""

    def __init__(self, *, filepath: str, metadata: dict[str, Any] | None = None) -> None:
        """Point at a folder.

        Args:
            filepath: the reporting folder.
            metadata: ignored here, read by Kedro-Viz.
        """
        self.path = Path(filepath)
        self.metadata = metadata

    def load(self) -> "Results":
        """What is there now; a folder that does not exist yet holds no results."""
        from crm_pipelines.reporting.results import Results

        return Results.read(self.path)

    def save(self, data: Any) -> None:
        """Refused: each result has its own entry in the catalog.

        Raises:
            DatasetError: always.
        """
        raise DatasetError(f"{self.path} is read here; results are written by their own catalog entries")

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.path.as_posix()}

    def _exists(self) -> bool:
        return self.path.is_dir()


class RawFolderDataset(ConnectionMixin, AbstractDataset[Any, "RawFolder"]):
    """The folder of raw files, read-only, with the backend that reads them."""

    # The group and the configuration are the key of the shared connection: the one of TableDataset.
    _CONNECTION_GROUP: ClassVar[str] = "ibis"

    def __init__(self, *, filepath: str, connection: dict[str, Any], metadata: dict[str, Any] | None = None) -> None:
        """Point at a folder.

        Args:
            filepath: the folder below which the sources' files lie.
            connection: Ibis backend and its options, as for ``TableDataset``.
            metadata: ignored here, read by Kedro-Viz.
        """
        self.path = Path(filepath)
        self.metadata = metadata
        self._connection_config = dict(connection)

    def load(self) -> "RawFolder":
        """The folder and the backend.

        Raises:
            UserError: if it does not exist.
        """
        from crm_pipelines.sources.raw import RawFolder

        return RawFolder(root=existing(self.path), connection=self._connection)

    def save(self, data: Any) -> None:
        """Refused: raw files are never changed.

        Raises:
            DatasetError: always.
        """
        raise DatasetError(f"{self.path} holds raw files, which are only read")

    def _connect(self) -> "ibis.BaseBackend":
        import ibis

        options = dict(self._connection_config)
        backend: ibis.BaseBackend = getattr(ibis, options.pop("backend")).connect(**options)
        return backend

    def _describe(self) -> dict[str, Any]:
        return {"filepath": self.path.as_posix(), "backend": self._connection_config["backend"]}

    def _exists(self) -> bool:
        return self.path.exists()


def _member(folder: Path, name: str, suffix: str) -> Path:
    """File of a named value, its parent folders created.

    Raises:
        ValueError: for a name that would lead out of the folder.
    """
    parts = PurePosixPath(name)
    if parts.is_absolute() or not parts.parts or any(part.startswith(".") for part in parts.parts):
        raise ValueError(f"'{name}' cannot name a file below {folder}")
    path = folder / f"{name}{suffix}"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def _members(folder: Path, suffix: str) -> dict[str, Path]:
    """Files of the named values, by name."""
    return {
        path.relative_to(folder).as_posix().removesuffix(suffix): path for path in sorted(folder.rglob(f"*{suffix}"))
    }


def _memory_map(path: Path) -> NDArray[Any]:
    try:
        return np.load(path, mmap_mode="r", allow_pickle=False)  # type: ignore[no-any-return]
    except ValueError:  # nothing to map in an empty array
        return np.load(path, allow_pickle=False)  # type: ignore[no-any-return]


class TaggerDataset(FolderDataset["Sequence[BiLSTMCRF]", "list[BiLSTMCRF]"]):
    """A fitted tagger of entities, as a list of one; an empty list where none was fitted."""

    def write(self, data: "Sequence[BiLSTMCRF]", folder: Path) -> None:
        """Write its weights."""
        for tagger in data:
            tagger.save(folder)

    def read(self, folder: Path) -> "list[BiLSTMCRF]":
        """The tagger, if there is one."""
        from crm_pipelines.models.tagging.bilstm_crf import BiLSTMCRF  # torch takes seconds to import

        return [BiLSTMCRF.load(folder)] if any(folder.iterdir()) else []
