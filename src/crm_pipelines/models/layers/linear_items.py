"""The frame of models whose scores are what a history holds times one item-by-item matrix (EASE, item-kNN)."""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from scipy.sparse import csr_matrix

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.item_scores import (
    fit_temperature,
    history_matrix,
    log_probabilities,
    restored,
    stored,
)
from crm_pipelines.sequences.inputs import Histories, SequenceInputs
from crm_pipelines.training.weights import load_weights, save_weights


class LinearItemModel:
    """A model of the next item that ignores the order: subclasses say what the matrix is.

    Scores become probabilities by a temperature that validation chooses.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Parameters]]

    def __init__(self, config: Any, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.weights = csr_matrix((0, 0), dtype=np.float32)
        self.temperature = 1.0

    def matrix(self, held: csr_matrix) -> csr_matrix:
        """(I, I) from what each customer's known part holds (U, I): 1 or nothing."""
        raise NotImplementedError

    def fit(self, inputs: SequenceInputs) -> list[dict[str, float]]:
        """The matrix, then the temperature."""
        self.weights = self.matrix(history_matrix(inputs.known, inputs.n_items))
        self.temperature = fit_temperature(self._scores, inputs)
        return []

    def _scores(self, histories: Histories) -> np.ndarray:
        held = history_matrix(histories, self.weights.shape[0])
        return np.asarray((held @ self.weights).toarray(), dtype=np.float32)

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        return log_probabilities(self._scores(histories), self.temperature)

    def save(self, directory: Path) -> None:
        """Write the matrix."""
        config = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "temperature": self.temperature,
        }
        save_weights(directory, config, stored(self.weights))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        kept, state = load_weights(directory)
        model = cls(cls.Config(**kept["config"]), kept["seed"])
        model.weights, model.temperature = restored(state), kept["temperature"]
        return model

    @property
    def n_parameters(self) -> int:
        """Entries of the matrix that are not nought."""
        return int(self.weights.nnz)
