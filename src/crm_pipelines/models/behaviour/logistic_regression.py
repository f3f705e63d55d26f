"""Multinomial logistic regression on the shared event features, by scikit-learn."""

import warnings
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch
from pydantic import Field
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as Estimator

from crm_pipelines.config import Parameters
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.training.weights import load_weights, save_weights


class LogisticRegressionConfig(Parameters):
    """Hyper-parameters.

    Attributes:
        penalties: inverse L2 strengths tried; the one with the lowest validation log-loss is kept.
        iterations: most L-BFGS iterations of each.
        limit: standardised features are cut at this many deviations.
    """

    penalties: tuple[float, ...] = (0.001, 0.01)
    iterations: int = Field(default=100, ge=1)
    limit: float = 5.0


class LogisticRegression:
    """Linear in the standardised features; the coefficients are the model."""

    name: ClassVar[str] = "logistic_regression"
    Config: ClassVar[type[Parameters]] = LogisticRegressionConfig

    def __init__(self, config: LogisticRegressionConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.mean = self.scale = np.zeros(0)
        self.coefficients = np.zeros((0, 0))
        """(C, F)"""
        self.intercept = np.zeros(0)

    def _rows(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        x = (inputs.features(events) - self.mean) / self.scale
        return np.clip(x, -self.config.limit, self.config.limit)

    def fit(self, inputs: EventInputs) -> list[dict[str, float]]:
        """Fit one estimator per penalty and keep the best on validation."""
        raw = inputs.features(inputs.train)
        self.mean = raw.mean(axis=0, dtype=np.float64).astype(np.float32)
        deviation = raw.std(axis=0, dtype=np.float64).astype(np.float32)
        self.scale = np.where(deviation > 1e-6, deviation, 1.0).astype(np.float32)
        x, y = self._rows(inputs, inputs.train), inputs.labels[inputs.train]
        truth = np.arange(len(inputs.validation)), inputs.labels[inputs.validation]
        history = []
        best = np.inf
        estimator = Estimator(max_iter=self.config.iterations, warm_start=True)
        for penalty in sorted(self.config.penalties):
            estimator.set_params(C=penalty)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # the validation loss decides, not the gradient
                estimator.fit(x, y)
            coefficients, intercept = self._full(estimator, len(inputs.classes))
            probabilities = self._softmax(self._rows(inputs, inputs.validation) @ coefficients.T + intercept)
            loss = float(-np.log(np.clip(probabilities[truth], 1e-15, None)).mean())
            history.append({"penalty": penalty, "validation_loss": loss})
            if loss < best:
                best, self.coefficients, self.intercept = loss, coefficients, intercept
        return history

    @staticmethod
    def _full(estimator: Estimator, classes: int) -> tuple[np.ndarray, np.ndarray]:
        """Coefficients of all classes; scikit-learn keeps one row for two classes and none for absent ones."""
        rows, intercept = estimator.coef_, estimator.intercept_
        if len(estimator.classes_) == 2:
            rows, intercept = np.vstack([-rows, rows]) / 2, np.array([-intercept[0], intercept[0]]) / 2
        full, bias = np.zeros((classes, rows.shape[1])), np.full(classes, -30.0)
        full[estimator.classes_], bias[estimator.classes_] = rows, intercept
        return full, bias

    @staticmethod
    def _softmax(logits: np.ndarray) -> np.ndarray:
        shifted = np.exp(logits - logits.max(axis=1, keepdims=True))
        out: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
        return out

    def predict_proba(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C)."""
        if not len(events):
            return np.zeros((0, len(inputs.classes)))
        return self._softmax(self._rows(inputs, events) @ self.coefficients.T + self.intercept)

    def save(self, directory: Path) -> None:
        """Write coefficients and scaling."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        state = {
            name: torch.from_numpy(np.ascontiguousarray(getattr(self, name)))
            for name in ("mean", "scale", "coefficients", "intercept")
        }
        save_weights(directory, config, state)

    @classmethod
    def load(cls, directory: Path) -> "LogisticRegression":
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(LogisticRegressionConfig(**stored["config"]), stored["seed"])
        for name, tensor in state.items():
            if name in ("mean", "scale", "coefficients", "intercept"):
                setattr(model, name, tensor.numpy())
        return model

    @property
    def n_parameters(self) -> int:
        """Coefficients and intercepts."""
        return int(self.coefficients.size + self.intercept.size)
