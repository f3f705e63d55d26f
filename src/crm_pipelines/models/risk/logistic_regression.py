"""Logistic regression on standardised numbers and one-hot categories, by scikit-learn.

Missing numbers are the training median, with a column that says so. Named by the paper (Guerola-Navarro et al. 2021).
"""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.record_columns import Imputation, linear_columns, raw_columns
from crm_pipelines.models.layers.softmax_regression import SoftmaxParameters, SoftmaxRegression
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.training.weights import load_weights, save_weights


class LogisticRegressionConfig(SoftmaxParameters):
    """The hyper-parameters of the regression; tables of records take weaker penalties than logs of events."""

    penalties: tuple[float, ...] = (0.001, 0.01, 0.1, 1.0)
    iterations: int = Field(default=100, ge=1)


class LogisticRegression:
    """Linear in the standardised columns; the coefficients are the model."""

    name: ClassVar[str] = "logistic_regression"
    Config: ClassVar[type[Parameters]] = LogisticRegressionConfig

    def __init__(self, config: LogisticRegressionConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.regression = SoftmaxRegression(config)
        self.imputation = Imputation.of(np.zeros((1, 0), dtype=np.float32))

    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Fit one estimator per penalty and keep the best on validation."""
        self.imputation = Imputation.of(raw_columns(inputs, inputs.train))
        return self.regression.fit(
            linear_columns(inputs, inputs.train, self.imputation),
            inputs.labels[inputs.train],
            linear_columns(inputs, inputs.validation, self.imputation),
            inputs.labels[inputs.validation],
            2,
        )

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, 2)."""
        if not len(rows):
            return np.zeros((0, 2))
        return self.regression.predict_proba(linear_columns(inputs, rows, self.imputation))

    def save(self, directory: Path) -> None:
        """Write coefficients, scaling and medians."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, {**self.regression.state(), **self.imputation.state()})

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(LogisticRegressionConfig(**stored["config"]), stored["seed"])
        model.regression.restore(state)
        model.imputation = Imputation.restore(state)
        return model

    @property
    def n_parameters(self) -> int:
        """Coefficients and intercepts."""
        return self.regression.n_parameters
