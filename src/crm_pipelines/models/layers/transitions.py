"""Which item follows which, by counting: the Markov chain over a window that stands beside every network here."""

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.sparse import csr_matrix, diags

from crm_pipelines.models.layers.item_scores import history_matrix, restored, stored
from crm_pipelines.sequences.inputs import Histories


class Transitions:
    """Counts of item b after item a at lags 1 to W, a lag l counting 1 / l; and how often each item occurs.

    Attributes:
        follows: (I, I) rows of probabilities, empty for an item that nothing followed.
        popularity: (I,) share of the events, each item counted once more than it occurs.
    """

    def __init__(self, follows: csr_matrix, popularity: NDArray[np.float64]) -> None:
        self.follows, self.popularity = follows, popularity

    @classmethod
    def count(cls, known: Histories, n_items: int, window: int) -> "Transitions":
        """Count over sequences."""
        items, owner = known.items, known.owner
        counts = csr_matrix((n_items, n_items), dtype=np.float64)
        for lag in range(1, window + 1):
            same = owner[lag:] == owner[:-lag] if len(items) > lag else np.empty(0, dtype=bool)
            pairs = (items[: max(len(items) - lag, 0)][same], items[lag:][same])
            counts = counts + csr_matrix((np.full(len(pairs[0]), 1.0 / lag), pairs), shape=counts.shape)
        total = np.asarray(counts.sum(axis=1)).ravel()
        scale = np.divide(1.0, total, out=np.zeros_like(total), where=total > 0)
        popularity = np.bincount(items, minlength=n_items) + 1.0
        return cls(csr_matrix(diags(scale) @ counts), popularity / popularity.sum())

    def probabilities(self, histories: Histories, window: int, smoothing: float) -> NDArray[np.float64]:
        """(B, I): rows of the last ``window`` items, averaged by 1 / lag, mixed with popularity."""
        lags = tuple(1.0 / lag for lag in range(1, window + 1))
        weighted = (history_matrix(histories, len(self.popularity), lags) @ self.follows).toarray()
        total = weighted.sum(axis=1, keepdims=True)
        followed = np.divide(weighted, total, out=np.zeros_like(weighted), where=total > 0)
        share = np.where(total > 0, smoothing, 1.0)
        mixed: NDArray[np.float64] = (1 - share) * followed + share * self.popularity
        return mixed

    def tensors(self) -> dict[str, torch.Tensor]:
        """For `save_weights`."""
        return {**stored(self.follows), "popularity": torch.from_numpy(self.popularity)}

    @classmethod
    def from_tensors(cls, state: dict[str, torch.Tensor]) -> "Transitions":
        """What `tensors` gave."""
        return cls(restored(state), state["popularity"].numpy())
