"""Popularity by attributes: the share of the customers like this one who hold a product, by ridge regression.

One linear regression of what everybody holds (1 or nothing) on the encoded attributes, all products at once (Hoerl and
Kennard 1970, "Ridge regression", Technometrics 12); the column of ones is not penalised, so without attributes, and the
more the heavier the penalty, it is popularity. It is a member of Product Transformer+ and no peer of the paper.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.count_member import CountMember
from crm_pipelines.models.layers.item_scores import history_matrix
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.sequences.inputs import Histories

LEAST = 0.1
"""Of a product's share among all customers: no attribute says less."""


class AttributePopularityConfig(Parameters):
    """What is tried.

    Attributes:
        penalty: of the ridge, in customers.
    """

    penalty: tuple[float, ...] = (10.0, 30.0, 100.0, 300.0)


class AttributePopularity(CountMember):
    """The regression as the contract has it."""

    name: ClassVar[str] = "attribute_popularity"
    Config: ClassVar[type[Parameters]] = AttributePopularityConfig

    def __init__(self, config: AttributePopularityConfig, seed: int = 42) -> None:
        super().__init__(config, seed)
        self.weights = np.empty((0, 0))
        self.share = np.empty(0)

    def tried(self, inputs: ProductInputs) -> tuple[tuple[float, ...], ...]:
        """One choice where nothing is known of customers."""
        return (self.config.penalty if inputs.profiles.shape[1] > 1 else self.config.penalty[:1],)

    def count(self, inputs: ProductInputs) -> None:
        """Solve the normal equations (F, F)."""
        held = history_matrix(inputs.known, inputs.n_items)
        rows = np.flatnonzero(np.diff(held.indptr))
        profiles = inputs.profiles[rows].astype(np.float64)
        penalty = np.full(profiles.shape[1], self.chosen[0])
        penalty[0] = 1e-6
        right = np.asarray((held[rows].T @ profiles).T)  # (F, I)
        self.weights = np.linalg.solve(profiles.T @ profiles + np.diag(penalty), right)
        self.share = (np.asarray(held.sum(axis=0)).ravel() + 0.5) / (len(rows) + 1.0)

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        if histories.profiles is None:
            found = np.tile(self.share, (len(histories), 1))
        else:
            found = np.maximum(histories.profiles @ self.weights, LEAST * self.share)
        return np.asarray(np.log(found / found.sum(axis=1, keepdims=True)), dtype=np.float32)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The regression, and everybody's shares."""
        return {"weights": torch.from_numpy(self.weights), "share": torch.from_numpy(self.share)}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """What `tensors` gave."""
        self.weights, self.share = state["weights"].numpy(), state["share"].numpy()
