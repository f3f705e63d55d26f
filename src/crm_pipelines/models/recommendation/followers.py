"""Followers: what others took among the next W products after each product that is held.

Between a Markov chain, which counts what comes next, and item-kNN, which counts what is held together: a list is judged
by all that is taken later, so all that came later counts, but not what came long before. Rows are mixed with popularity
as if that had been seen ``smoothing`` times, so that a product few hold says little; what a history holds is averaged,
the latest most where ``recency`` is above nought. It is a member of Product Transformer+ and no peer of the paper.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from scipy.sparse import csr_matrix, diags

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.item_scores import history_matrix, restored, stored
from crm_pipelines.models.recommendation.count_member import CountMember, shares
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.sequences.inputs import Histories

AT_ONCE = 512
LONGEST = 200
"""Products of a history that are read, the latest."""
PAIRS = 4_000_000
"""Pairs of events gathered before they are summed."""


class FollowersConfig(Parameters):
    """What is tried.

    Attributes:
        windows: W. smoothing: for each product of the window. recency: power of the lag by which a product counts less.
    """

    windows: tuple[int, ...] = (3, 10, 40)
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
        self._window = 0

    def tried(self, inputs: ProductInputs) -> tuple[tuple[float, ...], ...]:
        """Windows longer than every history say nothing new."""
        longest = int(np.diff(inputs.known.start).max(initial=1))
        windows = [window for window in self.config.windows if window < longest] or [self.config.windows[0]]
        return tuple(map(float, windows)), self.config.smoothing, self.config.recency

    def begin(self, inputs: ProductInputs) -> None:
        """Forget the last fit."""
        self._window, self.popularity = 0, shares(inputs)

    def count(self, inputs: ProductInputs) -> None:
        """Pairs of a customer's products at lags 1 to W."""
        window = int(self.chosen[0])
        if window == self._window:
            return
        self._window = window
        self.counts = following(inputs.known, inputs.n_items, window)

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I); popularity without a history."""
        window, smoothing, recency = self.chosen
        total = np.asarray(self.counts.sum(axis=1)).ravel()
        seen = smoothing * window
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


def following(known: Histories, n_items: int, window: int) -> csr_matrix:
    """(I, I) how often the second came within ``window`` places after the first, in one history."""
    items, owner = known.items, known.owner
    shape = (n_items, n_items)
    counts = csr_matrix(shape, dtype=np.float32)
    gathered: list[tuple[np.ndarray, np.ndarray]] = []
    for lag in range(1, window + 1):
        same = owner[lag:] == owner[:-lag] if len(items) > lag else np.empty(0, dtype=bool)
        gathered.append((items[: max(len(items) - lag, 0)][same], items[lag:][same]))
        if lag == window or sum(len(before) for before, _ in gathered) > PAIRS:
            before, after = (np.concatenate(side) for side in zip(*gathered, strict=True))
            counts = counts + csr_matrix((np.ones(len(before), np.float32), (before, after)), shape=shape)
            gathered = []
    return csr_matrix(counts)
