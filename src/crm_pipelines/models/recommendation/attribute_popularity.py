"""Popularity by attributes: the share of the customers like this one who hold a product, by ridge regression.

One linear regression of what everybody holds (1 or nothing) on the encoded attributes, all products at once (Hoerl and
Kennard 1970, "Ridge regression", Technometrics 12); the column of ones is not penalised, so without attributes, and the
more the heavier the penalty, it is popularity. An attribute of many values is given in steps as well, since liking
seldom rises or falls evenly with age. The penalty is the one of least error on each customer by the regression without
him, which one solution gives for all (Allen 1974, "The relationship between variable selection and data augmentation
and a method for prediction", Technometrics 16): every customer learnt from is asked, not the few of validation. It is a
member of Product Transformer+ and no peer of the paper.
"""

from collections.abc import Mapping
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from scipy.sparse import csr_matrix

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.count_member import CountMember
from crm_pipelines.models.layers.item_scores import history_matrix
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.sequences.inputs import Histories

LEAST = 0.1
"""Of a product's share among all customers: no attribute says less."""
MANY = 10
"""Values above which an attribute is given in steps."""
ASKED = 20_000
"""Most customers by whose errors the penalty is chosen."""
AT_ONCE = 1024


class AttributePopularityConfig(Parameters):
    """What is tried.

    Attributes:
        penalty: of the ridge, in customers.
        steps: into which an attribute of many values is cut, with about as many customers in each; 1: none.
    """

    penalty: tuple[float, ...] = (10.0, 30.0, 100.0, 200.0, 300.0)
    steps: int = Field(default=5, ge=1)


class AttributePopularity(CountMember):
    """The regression as the contract has it."""

    name: ClassVar[str] = "attribute_popularity"
    Config: ClassVar[type[Parameters]] = AttributePopularityConfig

    def __init__(self, config: AttributePopularityConfig, seed: int = 42) -> None:
        super().__init__(config, seed)
        self.weights = np.empty((0, 0))
        self.share = np.empty(0)
        self.cut = np.empty(0, dtype=np.int64)
        self.above = np.empty(0)

    def tried(self, inputs: ProductInputs) -> tuple[tuple[float, ...], ...]:
        """One choice where nothing is known of customers."""
        return (self.config.penalty if inputs.profiles.shape[1] > 1 else self.config.penalty[:1],)

    def fit(self, inputs: ProductInputs) -> list[dict[str, float]]:
        """Cut into steps, choose the penalty by customers left out, solve."""
        held = history_matrix(inputs.known, inputs.n_items)
        rows = np.flatnonzero(np.diff(held.indptr))
        self.cut, self.above = steps(inputs.profiles[rows], self.config.steps)
        profiles, held = self._stepped(inputs.profiles[rows]), held[rows]
        gram, right = profiles.T @ profiles, np.asarray((held.T @ profiles).T)  # (F, F), (F, I)
        drawn = np.random.default_rng(self.seed).permutation(len(rows))[:ASKED]
        best, self.chosen = np.inf, ()
        for penalty in self.tried(inputs)[0]:
            ridge = np.full(len(gram), penalty)
            ridge[0] = 1e-6
            inverse = np.linalg.inv(gram + np.diag(ridge))
            weights = inverse @ right
            error = left_out(profiles[drawn], held[drawn], inverse, weights)
            if error < best or not self.chosen:
                best, self.chosen, self.weights = error, (penalty,), weights
        self.share = (np.asarray(held.sum(axis=0)).ravel() + 0.5) / (len(rows) + 1.0)
        return []

    def _stepped(self, profiles: np.ndarray) -> np.ndarray:
        """(B, F + steps) float64."""
        return np.hstack([profiles, profiles[:, self.cut] > self.above]).astype(np.float64)

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        if histories.profiles is None:
            found = np.tile(self.share, (len(histories), 1))
        else:
            found = np.maximum(self._stepped(histories.profiles) @ self.weights, LEAST * self.share)
        return np.asarray(np.log(found / found.sum(axis=1, keepdims=True)), dtype=np.float32)

    def tensors(self) -> dict[str, torch.Tensor]:
        """The regression, everybody's shares, and where attributes are cut."""
        found = {"weights": self.weights, "share": self.share, "cut": self.cut, "above": self.above}
        return {name: torch.from_numpy(value) for name, value in found.items()}

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """What `tensors` gave."""
        self.weights, self.share = state["weights"].numpy(), state["share"].numpy()
        self.cut, self.above = state["cut"].numpy(), state["above"].numpy()


def steps(profiles: np.ndarray, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Columns (S,) of encoded attributes (B, F) that are cut, and the values (S,) above which a step begins."""
    found = []
    for column in range(1, profiles.shape[1]):
        values = profiles[:, column].astype(np.float64)
        if len(np.unique(values)) > MANY:
            edges = np.unique(np.quantile(values, np.linspace(0, 1, number + 1)[1:-1]))
            found += [(column, edge) for edge in edges]
    return np.array([column for column, _ in found], dtype=np.int64), np.array([edge for _, edge in found])


def left_out(profiles: np.ndarray, held: csr_matrix, inverse: np.ndarray, weights: np.ndarray) -> float:
    """Mean squared error of customers' rows (B, I), each as the regression without that customer would give it."""
    total = 0.0
    for first in range(0, len(profiles), AT_ONCE):
        some = profiles[first : first + AT_ONCE]
        leverage = np.einsum("bf,fg,bg->b", some, inverse, some, optimize=True)
        error = held[first : first + AT_ONCE].toarray() - some @ weights
        total += float(((error**2).sum(axis=1) / (1 - np.minimum(leverage, 0.999)) ** 2).sum())
    return total / max(len(profiles), 1)
