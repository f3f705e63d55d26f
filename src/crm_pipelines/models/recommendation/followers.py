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
from scipy.sparse import csr_matrix

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.count_member import CountMember
from crm_pipelines.models.layers.following import Following, following, seen_after, shares
from crm_pipelines.models.layers.item_scores import restored
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.sequences.inputs import Histories


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
        self._counted, self.popularity = (0.0, 0.0), shares(inputs.known, inputs.n_items)

    def count(self, inputs: ProductInputs) -> None:
        """Pairs of a customer's products at lags 1 to W."""
        window, decay = self.chosen[:2]
        if (window, decay) != self._counted:
            self._counted = (window, decay)
            self.counts = following(inputs.known, inputs.n_items, int(window), decay)

    @property
    def following(self) -> Following:
        """The counts as the chosen numbers have them read."""
        window, decay, smoothing, recency = self.chosen
        return Following(self.counts, self.popularity, seen_after(smoothing, int(window), decay), recency)

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I); popularity without a history."""
        return self.following.log_probabilities(histories)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Counts and popularity."""
        return self.following.tensors()

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """What `tensors` gave."""
        self.counts, self.popularity = restored(dict(state)), state["popularity"].numpy()
