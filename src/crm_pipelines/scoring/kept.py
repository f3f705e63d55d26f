"""A fitted model kept for use: the model of the last fold and the first seed, and all it needs to be applied again.

It is a folder: ``model/`` as the model wrote it, further parts in folders of their own, arrays as ``.npy``, and
``manifest.json`` with what it was fitted on, what its inputs looked like, and a checksum of every file.
"""

import hashlib
import json
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray
from pydantic_core import to_json

from crm_pipelines import __version__
from crm_pipelines.errors import UserError

FORMAT: Final = 2
"""Of the folder; one of another format is refused."""
MANIFEST: Final = "manifest.json"
MODEL: Final = "model"
BEHAVIOUR, RISK, CHURN, ITEMS = "behaviour", "risk", "churn", "items"
SYSTEMS: Final = {BEHAVIOUR: "coldstart", RISK: "risk", CHURN: "engagement", ITEMS: "engagement"}
"""System -> the pipeline that keeps it."""


@dataclass(frozen=True)
class Keeping:
    """What is to be kept.

    Attributes:
        system: one of `SYSTEMS`.
        manifest: plain values that say what it is; see the functions that make them.
        model: folder of the fitted model; None where the pipeline fitted none.
        arrays: by name.
        parts: name of a folder -> writes into it.
    """

    system: str
    manifest: Mapping[str, Any]
    model: Path | None
    arrays: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    parts: Mapping[str, Callable[[Path], None]] = field(default_factory=dict)

    def save(self, folder: Path) -> None:
        """Write everything into an empty folder, the manifest last."""
        if self.model is not None:
            shutil.copytree(self.model, folder / MODEL)
        for name, write in self.parts.items():
            write(folder / name)
        for name, array in self.arrays.items():
            np.save(folder / f"{name}.npy", np.asarray(array), allow_pickle=False)
        files = {
            path.relative_to(folder).as_posix(): _checksum(path) for path in sorted(folder.rglob("*")) if path.is_file()
        }
        head = {"format": FORMAT, "version": __version__, "system": self.system, "fitted": self.model is not None}
        content = to_json({**head, **self.manifest, "files": files}, indent=2, inf_nan_mode="null")
        (folder / MANIFEST).write_bytes(content + b"\n")


@dataclass(frozen=True)
class Kept:
    """What was kept, its files checked.

    Attributes:
        folder: where it lies.
        manifest: see `Keeping`.
    """

    folder: Path
    manifest: Mapping[str, Any]

    @classmethod
    def load(cls, folder: Path) -> Self:
        """Open a folder that `Keeping.save` wrote.

        Raises:
            UserError: there is no manifest, it is of another format or version, or a file is not as it was written.
        """
        again = f"delete {folder} and run the pipeline that writes it again"
        try:
            manifest = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
            found = {key: manifest[key] for key in ("format", "version", "system", "files")}
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{folder}: no readable manifest of a kept model ({error}); {again}") from error
        if found["format"] != FORMAT:
            raise UserError(f"{folder}: kept in format {found['format']!r}, this version reads {FORMAT}; {again}")
        if _series(found["version"]) != _series(__version__):
            raise UserError(f"{folder}: kept by version {found['version']!r}, this is {__version__}; {again}")
        if not isinstance(found["files"], dict):
            raise UserError(f"{folder}: the manifest lists no files; {again}")
        there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} - {MANIFEST}
        for name, checksum in found["files"].items():
            if name not in there:
                raise UserError(f"{folder}: file '{name}' is missing; {again}")
            if _checksum(folder / name) != checksum:
                raise UserError(f"{folder}: file '{name}' is not as it was written; {again}")
        if further := sorted(there - set(found["files"])):
            raise UserError(f"{folder}: file '{further[0]}' was not written by this project; {again}")
        return cls(folder, manifest)

    def usable(self, system: str) -> bool:
        """Whether there is a fitted model in it.

        Raises:
            UserError: it belongs to another system.
        """
        if self.manifest["system"] != system:
            raise UserError(
                f"{self.folder}: holds the model of '{self.manifest['system']}' where that of '{system}' is expected; "
                f"delete the folder and run --pipelines={SYSTEMS[system]} again"
            )
        return bool(self.manifest["fitted"])

    @property
    def model(self) -> Path:
        """Folder of the fitted model."""
        return self.folder / MODEL

    @property
    def name(self) -> str:
        """Name of the model, as the registry knows it."""
        return str(self.manifest["model"])

    def array(self, name: str) -> NDArray[Any]:
        """An array by its name."""
        found: NDArray[Any] = np.load(self.folder / f"{name}.npy", allow_pickle=False)
        return found


def nothing(system: str) -> Keeping:
    """What is kept where a pipeline had nothing to fit for a system, so that no older model is taken for today's."""
    return Keeping(system, {}, None)


def _series(version: object) -> str:
    """Versions of one series read one another's models."""
    return ".".join(str(version).split(".")[:2])


def _checksum(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
