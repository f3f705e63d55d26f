"""Followers: what others took among the next W products after each product that is held.

Between a Markov chain, which counts what comes next, and item-kNN, which counts what is held together: a list is judged
by all that is taken later, so all that came later counts, but not what came long before. Rows are mixed with popularity
as if that had been seen after ``smoothing`` events, so that a product few hold says little; what a history holds is
averaged, the latest most where ``recency`` is above nought. It is a member of Product Transformer+ and no peer of the
paper.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.count_member import LONGEST, CountMember, shares
from crm_pipelines.models.layers.item_scores import history_matrix, restored, stored
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.sequences.inputs import Histories

AT_ONCE = 512
PAIRS = 4_000_000
"""Pairs of events gathered before they are summed."""


class FollowersConfig(Parameters):
    """What is tried.

    Attributes:
        windows: W. decay: power of the lag by which a product that came later counts less. smoothing: events after
            which popularity has been seen. recency: power of the lag by which a product of the history counts less.
    """

    windows: tuple[int, ...] = (10, 40)
    decay: tuple[float, ...] = (0.0, 1.0)
    smoothing: tuple[float, ...] = (1.0, 10.0)
    recency: tuple[float, ...] = (0.0, 0.5, 1.0)


class Followers(CountMember):
    """The counts as the contract has them."""

    name: ClassVar[str] = "followers"
    Config: ClassVar[type[Parameters]] = FollowersConfig

    def __init__(self, config: FollowersConfig, seed: int = 42) -> None:
        super().__init__(config, seed)
        self.counts = csr_matrix((0, 0), dtype=np.float32)
        self.popularity = np.empty(0)
        self._counted = (0.0, 0.0)

    def tried(self, inputs: ProductInputs) -> tuple[tuple[float, ...], ...]:
        """Windows longer than every history say nothing new."""
        longest = int(np.diff(inputs.known.start).max(initial=1))
        windows = [window for window in self.config.windows if window < longest] or [self.config.windows[0]]
        return tuple(map(float, windows)), self.config.decay, self.config.smoothing, self.config.recency

    def begin(self, inputs: ProductInputs) -> None:
        """Forget the last fit."""
        self._counted, self.popularity = (0.0, 0.0), shares(inputs)

    def count(self, inputs: ProductInputs) -> None:
        """Pairs of a customer's products at lags 1 to W."""
        window, decay = self.chosen[:2]
        if (window, decay) != self._counted:
            self._counted = (window, decay)
            self.counts = following(inputs.known, inputs.n_items, int(window), decay)

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I); popularity without a history."""
        window, decay, smoothing, recency = self.chosen
        total = np.asarray(self.counts.sum(axis=1)).ravel()
        seen = smoothing * sum(lag**-decay for lag in range(1, int(window) + 1))
        rows = csr_matrix(diags(1 / (total + seen)) @ self.counts)
        lags = tuple((1.0 + lag) ** -recency for lag in range(LONGEST))
        parts = [np.empty((0, len(self.popularity)), dtype=np.float32)]
        for first in range(0, len(histories), AT_ONCE):
            held = history_matrix(histories.part(slice(first, first + AT_ONCE)), len(self.popularity), lags)
            weight = np.asarray(held.sum(axis=1)).ravel()
            held = csr_matrix(diags(1 / np.maximum(weight, 1e-9)) @ held)
            beside = np.where(weight > 0, held @ (seen / (total + seen)), 1.0)  # what popularity is left with
            found = (held @ rows).toarray() + beside[:, None] * self.popularity
            parts.append(np.log(np.maximum(found, 1e-12)).astype(np.float32))
        return np.concatenate(parts)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Counts and popularity."""
        return {**stored(self.counts), "popularity": torch.from_numpy(self.popularity)}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """What `tensors` gave."""
        self.counts, self.popularity = restored(dict(state)), state["popularity"].numpy()


def following(known: Histories, n_items: int, window: int, decay: float) -> csr_matrix:
    """(I, I) how often the second came at lags 1 to ``window`` after the first in one history, by lag ** -decay."""
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
    return csr_matrix(counts)
