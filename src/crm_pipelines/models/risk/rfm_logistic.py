"""Logistic regression on recency, frequency and value alone, each also as its logarithm: hard to beat, easy to explain.

Named by the issue as the peer to beat; the model in marketing since Bult and Wansbeek 1995, "Optimal selection for
direct mail", Marketing Science 14(4).
"""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.rfm import RFMParameters, rfm, why_not
from crm_pipelines.models.layers.softmax_regression import SoftmaxParameters, SoftmaxRegression
from crm_pipelines.models.risk.base import NotApplicableError
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.training.weights import load_weights, save_weights


class RFMLogisticConfig(RFMParameters, SoftmaxParameters):
    """The columns and the hyper-parameters of the regression."""

    penalties: tuple[float, ...] = (0.01, 0.1, 1.0, 10.0)
    iterations: int = Field(default=200, ge=1)


class RFMLogistic:
    """Linear in six columns; the coefficients are the model."""

    name: ClassVar[str] = "rfm_logistic"
    Config: ClassVar[type[Parameters]] = RFMLogisticConfig

    def __init__(self, config: RFMLogisticConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.regression = SoftmaxRegression(config)

    def _columns(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        values = rfm(inputs, rows, self.config.columns)
        return np.concatenate([values, np.log1p(values)], axis=1).astype(np.float32)

    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Fit one estimator per penalty and keep the best on validation."""
        if why := why_not(inputs, self.config.columns):
            raise NotApplicableError(why)
        return self.regression.fit(
            self._columns(inputs, inputs.train),
            inputs.labels[inputs.train],
            self._columns(inputs, inputs.validation),
            inputs.labels[inputs.validation],
            2,
        )

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, 2)."""
        return self.regression.predict_proba(self._columns(inputs, rows)) if len(rows) else np.zeros((0, 2))

    def save(self, directory: Path) -> None:
        """Write coefficients and scaling."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, self.regression.state())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(RFMLogisticConfig(**stored["config"]), stored["seed"])
        model.regression.restore(state)
        return model

    @property
    def n_parameters(self) -> int:
        """Coefficients and intercepts."""
        return self.regression.n_parameters
