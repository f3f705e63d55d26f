"""Ids as dense integers."""

from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray


def encode(values: Any) -> tuple[NDArray[np.int64], NDArray[np.object_]]:
    """Codes (-1 for null) and the values they stand for; any array, plain, pyarrow or dictionary-encoded."""
    array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.unify_dictionaries().combine_chunks()
    encoded = array if pa.types.is_dictionary(array.type) else array.dictionary_encode()
    codes = encoded.indices.cast(pa.int64()).fill_null(-1).to_numpy(zero_copy_only=False)
    return codes, np.asarray(encoded.dictionary.to_pylist(), dtype=object)


def first_appearance(codes: NDArray[np.int64], size: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Renumber codes in order of first appearance.

    Args:
        codes: (n) in ``0 .. size - 1``, or -1 (unknown, kept).
        size: number of codes.

    Returns:
        New codes (n), and for each new code the old one.
    """
    first = np.full(size, len(codes), dtype=np.int64)
    known = np.flatnonzero(codes >= 0)[::-1]
    first[codes[known]] = known  # written backwards: the earliest position stays
    order = np.argsort(first, kind="stable")[: int((first < len(codes)).sum())]
    new = np.full(size + 1, -1, dtype=np.int32)  # the last entry answers code -1
    new[order] = np.arange(len(order), dtype=np.int32)
    return new[codes], order
