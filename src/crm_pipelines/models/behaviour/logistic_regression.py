"""Multinomial logistic regression on the shared event features, by scikit-learn."""

from pathlib import Path
from typing import ClassVar

import numpy as np

from crm_pipelines.config import Parameters
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.layers.softmax_regression import SoftmaxParameters, SoftmaxRegression
from crm_pipelines.training.weights import load_weights, save_weights


class LogisticRegressionConfig(SoftmaxParameters):
    """Nothing beside the hyper-parameters of the regression."""


class LogisticRegression:
    """Linear in the standardised features; the coefficients are the model."""

    name: ClassVar[str] = "logistic_regression"
    Config: ClassVar[type[Parameters]] = LogisticRegressionConfig

    def __init__(self, config: LogisticRegressionConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.regression = SoftmaxRegression(config)

    def fit(self, inputs: EventInputs) -> list[dict[str, float]]:
        """Fit one estimator per penalty and keep the best on validation."""
        train, validation = inputs.train, inputs.validation
        return self.regression.fit(
            inputs.features(train),
            inputs.labels[train],
            inputs.features(validation),
            inputs.labels[validation],
            len(inputs.classes),
        )

    def predict_proba(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C)."""
        if not len(events):
            return np.zeros((0, len(inputs.classes)))
        return self.regression.predict_proba(inputs.features(events))

    def save(self, directory: Path) -> None:
        """Write coefficients and scaling."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, self.regression.state())

    @classmethod
    def load(cls, directory: Path) -> "LogisticRegression":
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(LogisticRegressionConfig(**stored["config"]), stored["seed"])
        model.regression.restore(state)
        return model

    @property
    def n_parameters(self) -> int:
        """Coefficients and intercepts."""
        return self.regression.n_parameters
