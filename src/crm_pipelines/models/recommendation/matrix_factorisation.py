"""Matrix factorisation of what is held, by alternating least squares.

Hu, Koren and Volinsky 2008, "Collaborative filtering for implicit feedback datasets", ICDM: a held product counts 1
with confidence 1 + alpha, any other 0 with confidence 1. A customer's vector is solved for from the history at hand,
so new customers need no fit of their own.
"""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from pydantic import Field
from scipy.sparse import csr_matrix

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.item_scores import fit_temperature, history_matrix, log_probabilities
from crm_pipelines.sequences.inputs import Histories, SequenceInputs
from crm_pipelines.training.weights import load_weights, save_weights

AT_ONCE = 2048


class MatrixFactorisationConfig(Parameters):
    """Sizes.

    Attributes:
        width: of the vectors. alpha: confidence in what is held. penalty: lambda. rounds: of both sides.
    """

    width: int = Field(default=32, ge=1)
    alpha: float = Field(default=10.0, gt=0)
    penalty: float = Field(default=5.0, gt=0)
    rounds: int = Field(default=12, ge=1)


class MatrixFactorisation:
    """The vectors as the contract has them."""

    name: ClassVar[str] = "matrix_factorisation"
    Config: ClassVar[type[Parameters]] = MatrixFactorisationConfig

    def __init__(self, config: MatrixFactorisationConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.items = np.empty((0, 0), dtype=np.float32)
        self.temperature = 1.0

    def fit(self, inputs: SequenceInputs) -> list[dict[str, float]]:
        """Solve for one side given the other, in turns."""
        held = history_matrix(inputs.known, inputs.n_items)
        held = csr_matrix(held[np.flatnonzero(np.diff(held.indptr))])
        by_item = csr_matrix(held.T)
        draw = np.random.default_rng(self.seed)
        self.items = draw.normal(0, 0.1, (inputs.n_items, self.config.width)).astype(np.float32)
        for _ in range(self.config.rounds):
            customers = self._solved(held, self.items)
            self.items = self._solved(by_item, customers)
        self.temperature = fit_temperature(self._scores, inputs)
        return []

    def _solved(self, held: csr_matrix, other: np.ndarray) -> np.ndarray:
        """(N, d) vectors of the rows of ``held`` (N, M), given those of the columns (M, d)."""
        d, alpha = self.config.width, self.config.alpha
        gram = other.T @ other + self.config.penalty * np.eye(d, dtype=np.float32)
        outer = (other[:, :, None] * other[:, None, :]).reshape(len(other), d * d)
        parts = [np.empty((0, d), dtype=np.float32)]
        for first in range(0, held.shape[0], AT_ONCE):
            rows = held[first : first + AT_ONCE]
            left = gram + alpha * (rows @ outer).reshape(-1, d, d)
            right = (1 + alpha) * (rows @ other)
            parts.append(np.linalg.solve(left, right[:, :, None])[:, :, 0].astype(np.float32))
        return np.concatenate(parts)

    def _scores(self, histories: Histories) -> np.ndarray:
        customers = self._solved(history_matrix(histories, len(self.items)), self.items)
        return np.asarray(customers @ self.items.T, dtype=np.float32)

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        return log_probabilities(self._scores(histories), self.temperature)

    def save(self, directory: Path) -> None:
        """Write the products' vectors."""
        config = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "temperature": self.temperature,
        }
        save_weights(directory, config, {"items": torch.from_numpy(self.items)})

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        kept, state = load_weights(directory)
        model = cls(MatrixFactorisationConfig(**kept["config"]), kept["seed"])
        model.items, model.temperature = state["items"].numpy(), kept["temperature"]
        return model

    @property
    def n_parameters(self) -> int:
        """Of the products; customers' are solved for."""
        return self.items.size
