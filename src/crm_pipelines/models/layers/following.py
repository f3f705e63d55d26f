"""What others took among the next W items after each item that is held.

Between a Markov chain, which counts what comes next, and item-kNN, which counts what is held together. Rows are mixed
with popularity as if that had been seen after ``smoothing`` events, so that an item few hold says little; what a
history holds is averaged, the latest most where ``recency`` is above nought.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags

from crm_pipelines.models.layers.item_scores import history_matrix, restored, stored
from crm_pipelines.sequences.inputs import Histories

LONGEST = 200
"""Items of a history that are read, the latest, where they count by their lag."""
AT_ONCE = 512
PAIRS = 4_000_000
"""Pairs of events gathered before they are summed."""


@dataclass(frozen=True)
class Following:
    """Counts, and how they are read.

    Attributes:
        counts: (I, I) of `following`. popularity: (I,) shares of the events.
        seen: events after which popularity has been seen, as `counts` weighs them.
        recency: power of the lag by which an item of the history counts less.
    """

    counts: csr_matrix
    popularity: np.ndarray
    seen: float
    recency: float

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I); popularity without a history."""
        total = np.asarray(self.counts.sum(axis=1)).ravel()
        rows = csr_matrix(diags(1 / (total + self.seen)) @ self.counts)
        lags = tuple((1.0 + lag) ** -self.recency for lag in range(LONGEST))
        parts = [np.empty((0, len(self.popularity)), dtype=np.float32)]
        for first in range(0, len(histories), AT_ONCE):
            held = history_matrix(histories.part(slice(first, first + AT_ONCE)), len(self.popularity), lags)
            weight = np.asarray(held.sum(axis=1)).ravel()
            held = csr_matrix(diags(1 / np.maximum(weight, 1e-9)) @ held)
            beside = np.where(weight > 0, held @ (self.seen / (total + self.seen)), 1.0)  # left to popularity
            found = (held @ rows).toarray() + beside[:, None] * self.popularity
            parts.append(np.log(np.maximum(found, 1e-12)).astype(np.float32))
        return np.concatenate(parts)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Counts and popularity."""
        return {**stored(self.counts), "popularity": torch.from_numpy(self.popularity)}

    @classmethod
    def from_tensors(cls, state: Mapping[str, torch.Tensor], seen: float, recency: float) -> Self:
        """What `tensors` gave."""
        return cls(restored(dict(state)), state["popularity"].numpy(), seen, recency)


def seen_after(smoothing: float, window: int, decay: float) -> float:
    """Weight in `following` of what follows ``smoothing`` events."""
    return smoothing * float(sum(lag**-decay for lag in range(1, window + 1)))


def following(known: Histories, n_items: int, window: int, decay: float, backward: float = 0.0) -> csr_matrix:
    """(I, I) how often the second came at lags 1 to ``window`` after the first in one history, by lag ** -decay.

    ``backward`` is what it counts if it came before the first, beside what it counts if it came after.
    """
    items, owner = known.items, known.owner
    shape = (n_items, n_items)
    counts = csr_matrix(shape, dtype=np.float32)
    gathered: list[tuple[np.ndarray, np.ndarray, np.ndarray]] = []
    for lag in range(1, window + 1):
        same = owner[lag:] == owner[:-lag] if len(items) > lag else np.empty(0, dtype=bool)
        weight = np.full(int(same.sum()), lag**-decay, dtype=np.float32)
        gathered.append((weight, items[: max(len(items) - lag, 0)][same], items[lag:][same]))
        if lag == window or sum(len(each) for each, _, _ in gathered) > PAIRS:
            values, before, after = (np.concatenate(side) for side in zip(*gathered, strict=True))
            counts = counts + csr_matrix((values, (before, after)), shape=shape)
            gathered = []
    return csr_matrix(counts + backward * counts.T if backward else counts)


def shares(known: Histories, n_items: int) -> np.ndarray:
    """(I,) float64 share of the events, each item counted half a time more than it occurs."""
    counts = np.bincount(known.items, minlength=n_items) + 0.5
    return np.asarray(counts / counts.sum(), dtype=np.float64)
