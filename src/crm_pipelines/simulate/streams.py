"""Random streams: one independent child of the seed for each table, so that adding one leaves the others alone."""

import zlib

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]
BoolArray = npt.NDArray[np.bool_]
TextArray = npt.NDArray[np.object_]


def stream(seed: int, name: str, block: int = 0) -> np.random.Generator:
    """Generator of the table ``name`` (and of one block of its rows), the same on every platform."""
    key = (zlib.crc32(name.encode()), block)
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(seed, spawn_key=key)))


def pick(rng: np.random.Generator, cumulative: FloatArray, low: FloatArray, high: FloatArray) -> IntArray:
    """Weighted choice from a contiguous range of a list, one draw a row.

    Args:
        cumulative: running sum of all weights, shape (n,).
        low, high: running sum before the first and after the last candidate of each row, shape (rows,).

    Returns:
        Positions in the list, shape (rows,).
    """
    target = low + rng.random(low.shape[0]) * (high - low)
    position = np.searchsorted(cumulative, target, side="right")
    return np.asarray(np.minimum(position, cumulative.shape[0] - 1), dtype=np.int64)


def choice(rng: np.random.Generator, weights: FloatArray, size: int) -> IntArray:
    """Weighted choice with one set of weights, shape (size,)."""
    cumulative = np.cumsum(weights)
    return pick(rng, cumulative, np.zeros(size), np.full(size, cumulative[-1]))


def choice_by_row(rng: np.random.Generator, weights: FloatArray) -> IntArray:
    """Weighted choice with its own weights in each row of ``weights`` (rows, n), shape (rows,)."""
    cumulative = np.cumsum(weights, axis=1)
    target = rng.random((weights.shape[0], 1)) * cumulative[:, -1:]
    return np.asarray(np.minimum((cumulative <= target).sum(axis=1), weights.shape[1] - 1), dtype=np.int64)


def texts(values: tuple[str, ...]) -> TextArray:
    """Strings as an object array, to be taken from and joined in bulk."""
    return np.array(values, dtype=object)


def sigmoid(x: FloatArray) -> FloatArray:
    """Log-odds to probability."""
    return np.asarray(1.0 / (1.0 + np.exp(-x)), dtype=np.float64)
