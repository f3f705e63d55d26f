"""A linear model on TF-IDF of n-grams: what logistic regression and the support vector machine share."""

import warnings
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from scipy import sparse as sp
from sklearn.exceptions import ConvergenceWarning

from crm_pipelines.config import Parameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.models.layers.weighted_ngrams import (
    NGramParameters,
    WeightedNGrams,
    full_coefficients,
    softmax,
)
from crm_pipelines.training.weights import load_weights, save_weights

CHUNK = 4096
"""Documents scored at once."""


class NGramLinear:
    """TF-IDF blocks, then scores that are linear in them; a model gives the estimator."""

    name: ClassVar[str]
    Config: ClassVar[type[Parameters]]
    reads_words: ClassVar[bool] = False
    cross_fitted: ClassVar[bool] = False

    def __init__(self, config: Any, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.ngrams = WeightedNGrams(self._parameters())
        self.coefficients = np.zeros((0, 0), dtype=np.float32)
        self.intercept = np.zeros(0)
        self._tables: list[np.ndarray] | None = None

    def _parameters(self) -> NGramParameters:
        parameters: NGramParameters = self.config.ngrams
        return parameters

    def estimator(self) -> Any:
        """The scikit-learn estimator, unfitted."""
        raise NotImplementedError

    def fit(self, inputs: TextInputs) -> list[dict[str, float]]:
        """Fit frequencies and coefficients on the training documents."""
        counts = self.ngrams.counts(inputs, inputs.train)
        self.ngrams.fit(counts)
        self.fit_weights(self.ngrams.weigh(counts), inputs.labels[inputs.train], len(inputs.classes))
        return []

    def fit_weights(self, x: sp.csr_matrix, labels: np.ndarray, classes: int) -> None:
        """Fit the coefficients on weighted n-grams (N, F) and labels (N,)."""
        estimator = self.estimator()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            estimator.fit(x, labels)
        self.coefficients, self.intercept = full_coefficients(estimator, classes)
        self._tables = None

    def scores(self, inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
        """Scores (B, C) of document rows (B,)."""
        if self._tables is None:
            self._tables = self.ngrams.spread(self.coefficients)
        out = np.zeros((len(rows), len(self.intercept)))
        for start in range(0, len(rows), CHUNK):
            part = rows[start : start + CHUNK]
            out[start : start + len(part)] = self.ngrams.scores(inputs, part, self._tables) + self.intercept
        return out

    def predict_proba(self, inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, C)."""
        return softmax(self.scores(inputs, rows)) if len(rows) else np.zeros((0, len(self.intercept)))

    def state(self) -> dict[str, torch.Tensor]:
        """The fitted arrays."""
        own = {"coefficients": torch.from_numpy(self.coefficients), "intercept": torch.from_numpy(self.intercept)}
        return {**own, **self.ngrams.state()}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Take over what :meth:`state` gave."""
        self.coefficients, self.intercept = state["coefficients"].numpy(), state["intercept"].numpy()
        self.ngrams.restore(state)
        self._tables = None

    def save(self, directory: Path) -> None:
        """Write frequencies and coefficients."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, self.state())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(cls.Config(**stored["config"]), stored["seed"])
        model.restore(state)
        return model

    @property
    def n_parameters(self) -> int:
        """Coefficients and intercepts."""
        return int(self.coefficients.size + self.intercept.size)
