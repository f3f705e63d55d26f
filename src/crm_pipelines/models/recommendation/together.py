"""Held together: what the customers hold who hold the same products, beside popularity.

Item-kNN by shrunken cosines (Sarwar et al. 2001; the shrinkage of Bell and Koren 2007, "Improved neighborhood-based
collaborative filtering", KDD Cup), with two differences. The shrinkage is chosen on validation's lists and may be
large, so that one or two products shown do not put a rare neighbour first; and a share of popularity is added before
the logarithm is taken. It is a member of Product Transformer+ and no peer of the paper (that is item-CF).
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from scipy.sparse import csr_matrix

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.count_member import CountMember
from crm_pipelines.models.layers.following import LONGEST, shares
from crm_pipelines.models.layers.item_scores import cosines, history_matrix, restored, stored
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.sequences.inputs import Histories

AT_ONCE = 512
BESIDE = 0.02
"""Score of the most popular product beside its neighbours'."""


class TogetherConfig(Parameters):
    """What is tried.

    Attributes:
        shrinkage: added to the norm of a cosine. recency: power of the lag by which a product held counts less.
        neighbours: kept for each product.
    """

    shrinkage: tuple[float, ...] = (3.0, 30.0, 100.0)
    recency: tuple[float, ...] = (0.0, 0.5)
    neighbours: int = Field(default=500, ge=1)


class Together(CountMember):
    """The similarities as the contract has them."""

    name: ClassVar[str] = "together"
    Config: ClassVar[type[Parameters]] = TogetherConfig

    def __init__(self, config: TogetherConfig, seed: int = 42) -> None:
        super().__init__(config, seed)
        self.near = csr_matrix((0, 0), dtype=np.float32)
        self.popularity = np.empty(0)
        self._shrinkage = -1.0

    def tried(self, inputs: ProductInputs) -> tuple[tuple[float, ...], ...]:
        """Shrinkage and recency."""
        return self.config.shrinkage, self.config.recency

    def begin(self, inputs: ProductInputs) -> None:
        """Forget the last fit."""
        self._shrinkage, self.popularity = -1.0, shares(inputs.known, inputs.n_items)

    def count(self, inputs: ProductInputs) -> None:
        """Cosines of the chosen shrinkage."""
        if self.chosen[0] != self._shrinkage:
            self._shrinkage = self.chosen[0]
            held = history_matrix(inputs.known, inputs.n_items)
            self.near = cosines(held, self.config.neighbours, self._shrinkage)

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        lags = tuple((1.0 + lag) ** -self.chosen[1] for lag in range(LONGEST))
        beside = BESIDE * self.popularity / self.popularity.max()
        parts = [np.empty((0, len(self.popularity)), dtype=np.float32)]
        for first in range(0, len(histories), AT_ONCE):
            held = history_matrix(histories.part(slice(first, first + AT_ONCE)), len(self.popularity), lags)
            found = (held @ self.near).toarray() + beside
            parts.append(np.log(found / found.sum(axis=1, keepdims=True)).astype(np.float32))
        return np.concatenate(parts)

    def tensors(self) -> dict[str, torch.Tensor]:
        """Similarities and popularity."""
        return {**stored(self.near), "popularity": torch.from_numpy(self.popularity)}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """What `tensors` gave."""
        self.near, self.popularity = restored(dict(state)), state["popularity"].numpy()
