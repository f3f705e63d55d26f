"""From histories to scores of every item, by a sparse matrix; what count models of the next item share."""

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix
from scipy.special import log_softmax

from crm_pipelines.sequences.inputs import Histories, SequenceInputs

CHUNK = 2048
"""Histories scored at once."""
TEMPERATURES = tuple(float(value) for value in np.geomspace(0.003, 100.0, 40))


def history_matrix(histories: Histories, n_items: int, weights: tuple[float, ...] | None = None) -> csr_matrix:
    """(B, I) what each history holds: an item's count, or the weights of the lags at which it stands.

    Args:
        histories: B of them.
        n_items: I.
        weights: of the last item, the one before it, and so on; older ones weigh nothing. None: every item weighs 1,
            however often it occurs.
    """
    owner, items = histories.owner, histories.items
    if weights is None:
        matrix = csr_matrix((np.ones(len(items), np.float32), (owner, items)), shape=(len(histories), n_items))
        matrix.data[:] = 1.0
        return matrix
    lag = histories.start[1:][owner] - 1 - np.arange(len(items))
    recent = lag < len(weights)
    values = np.asarray(weights, dtype=np.float32)[lag[recent]]
    return csr_matrix((values, (owner[recent], items[recent])), shape=(len(histories), n_items))


def without_seen(scores: NDArray[np.float32], histories: Histories) -> NDArray[np.float32]:
    """The same array (B, I) with minus infinity at every item that the history holds."""
    scores[histories.owner, histories.items] = -np.inf
    return scores


def log_probabilities(scores: NDArray[np.float32], temperature: float) -> NDArray[np.float32]:
    """(B, I) logarithms of softmax(scores / temperature)."""
    return np.asarray(log_softmax(scores / temperature, axis=1), dtype=np.float32)


def fit_temperature(score: Callable[[Histories], NDArray[np.float32]], inputs: SequenceInputs) -> float:
    """The temperature of `TEMPERATURES` at which the validation targets are most likely; 1 without any."""
    targets = inputs.validation[:CHUNK]
    if not len(targets):
        return 1.0
    histories = inputs.histories(targets)
    scores = score(histories)
    if inputs.no_repeats:
        scores = without_seen(scores, histories)
    rows = np.arange(len(targets))
    likelihood = [
        float(log_probabilities(scores, temperature)[rows, inputs.items[targets]].mean())
        for temperature in TEMPERATURES
    ]
    return TEMPERATURES[int(np.argmax(likelihood))]


def largest(matrix: NDArray[np.float32], kept: int) -> csr_matrix:
    """The ``kept`` entries of largest size in each row of a dense matrix (I, I), as a sparse one."""
    n = matrix.shape[1]
    if kept >= n:
        return csr_matrix(matrix)
    columns = np.empty((len(matrix), kept), dtype=np.int64)
    for first in range(0, len(matrix), CHUNK):  # the places of a whole matrix of 12,000 items are 1.2 GB
        rows = slice(first, first + CHUNK)
        columns[rows] = np.argpartition(-np.abs(matrix[rows]), kept, axis=1)[:, :kept]
    columns.sort(axis=1)
    values = np.take_along_axis(matrix, columns, axis=1)
    start = np.arange(0, kept * len(matrix) + 1, kept)
    found = csr_matrix((values.ravel(), columns.ravel(), start), shape=matrix.shape)
    found.eliminate_zeros()
    return found


def cosines(held: csr_matrix, neighbours: int, shrinkage: float) -> csr_matrix:
    """Shrunken cosines between the columns of what customers hold (U, I), the largest of each row: (I, I).

    Args:
        held: 1 or nothing. neighbours: kept for each item.
        shrinkage: added to the norm, so that two items met once by one customer are not the nearest of all.
    """
    together = csr_matrix(held.T @ held).astype(np.float32)
    norm = np.sqrt(together.diagonal())
    together.setdiag(0)
    together.eliminate_zeros()
    rows = np.repeat(np.arange(together.shape[0]), np.diff(together.indptr))
    together.data /= norm[rows] * norm[together.indices] + shrinkage
    order = np.lexsort((-together.data, rows))
    place = np.arange(len(rows)) - together.indptr[rows]
    kept = order[place < neighbours]  # lexsort keeps rows together, so places are ranks
    return csr_matrix((together.data[kept], (rows[kept], together.indices[kept])), shape=together.shape)


def stored(matrix: csr_matrix) -> dict[str, torch.Tensor]:
    """A sparse matrix as tensors for `save_weights`."""
    return {
        "width": torch.tensor([matrix.shape[1]]),
        "values": torch.from_numpy(matrix.data.astype(np.float32)),
        "columns": torch.from_numpy(matrix.indices.astype(np.int64)),
        "rows": torch.from_numpy(matrix.indptr.astype(np.int64)),
    }


def restored(state: dict[str, torch.Tensor]) -> csr_matrix:
    """What `stored` made tensors of."""
    rows = state["rows"].numpy()
    shape = (len(rows) - 1, int(state["width"][0]))
    return csr_matrix((state["values"].numpy(), state["columns"].numpy(), rows), shape=shape)
