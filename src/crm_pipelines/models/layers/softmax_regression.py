"""Multinomial logistic regression on raw columns, by scikit-learn: what linear models here share."""

import warnings

import numpy as np
import torch
from pydantic import Field
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression as Estimator
from torch import Tensor

from crm_pipelines.config import Parameters


class SoftmaxParameters(Parameters):
    """Hyper-parameters of the regression.

    Attributes:
        penalties: inverse L2 strengths tried; the one with the lowest validation log-loss is kept.
        iterations: most L-BFGS iterations of each.
        limit: standardised features are cut at this many deviations.
    """

    penalties: tuple[float, ...] = (0.001, 0.01)
    iterations: int = Field(default=100, ge=1)
    limit: float = 5.0


class SoftmaxRegression:
    """Standardise the columns by the training rows, then a softmax that is linear in them.

    Attributes:
        mean, scale: of the columns (F,), float32.
        coefficients: (C, F). intercept: (C,).
    """

    NAMES = ("mean", "scale", "coefficients", "intercept")
    """Arrays that make a fitted regression."""

    def __init__(self, parameters: SoftmaxParameters) -> None:
        self.parameters = parameters
        self.mean = self.scale = np.zeros(0)
        self.coefficients = np.zeros((0, 0))
        self.intercept = np.zeros(0)

    def _rows(self, raw: np.ndarray) -> np.ndarray:
        x = (raw - self.mean) / self.scale
        return np.clip(x, -self.parameters.limit, self.parameters.limit)

    def fit(
        self, raw: np.ndarray, labels: np.ndarray, validation: np.ndarray, validation_labels: np.ndarray, classes: int
    ) -> list[dict[str, float]]:
        """Fit one estimator per penalty on raw (N, F) and labels (N,); keep the best on validation.

        Returns:
            One row a penalty: penalty, validation_loss.
        """
        self.mean = raw.mean(axis=0, dtype=np.float64).astype(np.float32)
        deviation = raw.std(axis=0, dtype=np.float64).astype(np.float32)
        self.scale = np.where(deviation > 1e-6, deviation, 1.0).astype(np.float32)
        x = self._rows(raw)
        truth = np.arange(len(validation)), validation_labels
        history = []
        best = np.inf
        estimator = Estimator(max_iter=self.parameters.iterations, warm_start=True)
        for penalty in sorted(self.parameters.penalties):
            estimator.set_params(C=penalty)
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)  # the validation loss decides, not the gradient
                estimator.fit(x, labels)
            coefficients, intercept = self._full(estimator, classes)
            probabilities = self._softmax(self._rows(validation) @ coefficients.T + intercept)
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

    def predict_proba(self, raw: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C) of raw rows (B, F); B is at least 1."""
        return self._softmax(self._rows(raw) @ self.coefficients.T + self.intercept)

    def state(self) -> dict[str, Tensor]:
        """The fitted arrays, to be saved."""
        return {name: torch.from_numpy(np.ascontiguousarray(getattr(self, name))) for name in self.NAMES}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over what :meth:`state` gave."""
        for name in self.NAMES:
            setattr(self, name, state[name].numpy())

    @property
    def n_parameters(self) -> int:
        """Coefficients and intercepts."""
        return int(self.coefficients.size + self.intercept.size)
