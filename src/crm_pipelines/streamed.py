"""Arrays that are computed while they are written, a part at a time, so that they never lie in memory whole."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import DTypeLike, NDArray

ROWS = 262_144
"""Rows of a part."""


@dataclass(frozen=True, eq=False)
class StreamedArray:
    """An array of known shape whose rows come in parts, in order.

    Attributes:
        shape: of the whole; the first entry counts rows.
        dtype: of every part.
        parts: gives consecutive blocks of rows, anew at every call.
    """

    shape: tuple[int, ...]
    dtype: np.dtype[Any]
    parts: Callable[[], Iterator[NDArray[Any]]]

    @classmethod
    def of_rows(
        cls, shape: tuple[int, ...], dtype: DTypeLike, rows: Callable[[slice], NDArray[Any]], size: int = ROWS
    ) -> "StreamedArray":
        """From a function that gives the rows of a slice; ``size`` rows are asked for at a time."""
        slices = [slice(first, min(first + size, shape[0])) for first in range(0, shape[0], size)]
        return cls(shape, np.dtype(dtype), lambda: (rows(part) for part in slices))

    def save(self, path: Path) -> None:
        """Write an ``.npy`` file: the bytes that `numpy.save` writes of the whole array.

        Raises:
            ValueError: if the parts are of another type, or together not as many rows as announced.
        """
        header = {
            "descr": np.lib.format.dtype_to_descr(self.dtype),
            "fortran_order": False,
            "shape": self.shape,
        }
        rows = 0
        with path.open("wb") as file:
            np.lib.format.write_array_header_1_0(file, header)
            for part in self.parts():
                self._check(part)
                np.ascontiguousarray(part).tofile(file)
                rows += len(part)
        if rows != self.shape[0]:
            raise ValueError(f"{rows} rows came for an array of shape {self.shape}")

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """The whole in memory; for small ones and for tests."""
        parts = [np.empty((0, *self.shape[1:]), dtype=self.dtype), *self.parts()]
        for part in parts:
            self._check(part)
        return np.concatenate(parts).astype(dtype or self.dtype, copy=False)

    def _check(self, part: NDArray[Any]) -> None:
        if part.dtype != self.dtype or part.shape[1:] != self.shape[1:]:
            raise ValueError(f"a part is {part.dtype} {part.shape}, the array {self.dtype} {self.shape}")


def stored_rows(path: Path) -> Callable[[slice], NDArray[Any]]:
    """Reads slices of the rows of an ``.npy`` file into memory, without mapping it: what was read is not kept."""
    with path.open("rb") as file:
        np.lib.format.read_magic(file)
        shape, _, dtype = np.lib.format.read_array_header_1_0(file)
        begins = file.tell()
    row = dtype.itemsize * int(np.prod(shape[1:]))

    def rows(part: slice) -> NDArray[Any]:
        first, end, _ = part.indices(shape[0])
        flat = np.fromfile(path, dtype, (end - first) * row // dtype.itemsize, offset=begins + first * row)
        return flat.reshape(end - first, *shape[1:])

    return rows


def mapped(array: NDArray[Any], path: Path) -> NDArray[Any]:
    """The array from a file that it is written to, so that the system may take its memory back."""
    if not array.size:  # nothing can be mapped
        return array
    np.save(path, array, allow_pickle=False)
    # asarray drops the memmap subclass, which slows small slices down, and keeps the map.
    return np.asarray(np.load(path, mmap_mode="r", allow_pickle=False))
