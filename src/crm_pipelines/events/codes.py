"""Ids as dense integers."""

from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray


def encoded(values: Any) -> pa.DictionaryArray:
    """Values as a dictionary and indices into it; any array, plain, pyarrow or dictionary-encoded, also in chunks."""
    array = values if isinstance(values, (pa.Array, pa.ChunkedArray)) else pa.array(values, from_pandas=True)
    if isinstance(array, pa.ChunkedArray):
        array = array.unify_dictionaries().combine_chunks()
    return array if pa.types.is_dictionary(array.type) else array.dictionary_encode()


def encode(values: Any) -> tuple[NDArray[np.int32], NDArray[np.object_]]:
    """Codes (-1 for null) and the values they stand for; see `encoded`."""
    array = encoded(values)
    codes = array.indices.cast(pa.int32()).fill_null(-1).to_numpy(zero_copy_only=False)
    return codes, np.asarray(array.dictionary.to_pylist(), dtype=object)


def looked_up(keys: pa.DictionaryArray, known: Any, values: Any) -> pa.DictionaryArray:
    """The value that belongs to each key, null where the key is not known; every different key is looked up once.

    Args:
        keys: (n). known: (m) different keys. values: (m), the value of each.
    """
    found = pc.index_in(keys.dictionary, value_set=known)  # null where unknown
    of_key = encoded(encoded(values).take(found))
    indices = of_key.indices.take(keys.indices)
    return pa.DictionaryArray.from_arrays(indices, of_key.dictionary)


def first_appearance(codes: NDArray[np.integer[Any]], size: int) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
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
