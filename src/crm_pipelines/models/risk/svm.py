"""Support vector machine with a Gaussian kernel, by scikit-learn; its cost is chosen on validation.

Cortes and Vapnik 1995, "Support-vector networks", Machine Learning 20. Named by the paper (Table 1). The time of a fit
grows with the square of its rows, so of many a sample is taken. Its margins become probabilities by a logistic
curve fitted on validation (Platt 1999).
"""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from pydantic import Field
from scipy.special import expit
from sklearn.linear_model import LogisticRegression as Curve
from sklearn.metrics import log_loss
from sklearn.metrics.pairwise import rbf_kernel
from sklearn.svm import SVC
from torch import Tensor

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.record_columns import Imputation, linear_columns, raw_columns
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.training.weights import load_weights, save_weights


class SVMConfig(Parameters):
    """Hyper-parameters.

    Attributes:
        costs: C tried; the one with the lowest validation log-loss is kept.
        most_rows: training rows used at most, drawn at random.
        limit: standardised columns are cut at this many deviations.
    """

    costs: tuple[float, ...] = Field(default=(0.1, 1.0), min_length=1)
    most_rows: int = Field(default=6_000, ge=10)
    limit: float = Field(default=5.0, gt=0)


class SVM:
    """The machine as the model contract has it: support vectors, their weights and the curve."""

    name: ClassVar[str] = "svm"
    Config: ClassVar[type[Parameters]] = SVMConfig

    def __init__(self, config: SVMConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.imputation = Imputation.of(np.zeros((1, 0), dtype=np.float32))
        self.state: dict[str, np.ndarray] = {}
        """``mean, scale`` of the columns, ``vectors, weights, bias, gamma``, and ``slope, offset`` of the curve."""

    def _rows(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        x = (linear_columns(inputs, rows, self.imputation) - self.state["mean"]) / self.state["scale"]
        out: np.ndarray = np.clip(x, -self.config.limit, self.config.limit).astype(np.float64)
        return out

    def _margins(self, x: np.ndarray) -> np.ndarray:
        s = self.state
        out: np.ndarray = rbf_kernel(x, s["vectors"], gamma=float(s["gamma"][0])) @ s["weights"] + s["bias"][0]
        return out

    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Fit one machine per cost on a sample of the training rows, and keep the best on validation."""
        draw = np.random.default_rng(self.seed)
        train = np.sort(draw.permutation(inputs.train)[: self.config.most_rows])
        self.imputation = Imputation.of(raw_columns(inputs, inputs.train))
        raw = linear_columns(inputs, train, self.imputation)
        deviation = raw.std(axis=0)
        self.state = {"mean": raw.mean(axis=0), "scale": np.where(deviation > 1e-6, deviation, 1.0)}
        x, y = self._rows(inputs, train), inputs.labels[train]
        validation, truth = self._rows(inputs, inputs.validation), inputs.labels[inputs.validation]
        history, best, kept = [], np.inf, self.state
        for cost in self.config.costs:
            machine = SVC(C=cost, gamma="scale", random_state=self.seed).fit(x, y)
            self.state = {
                **self.state,
                "vectors": machine.support_vectors_,
                "weights": machine.dual_coef_[0],
                "bias": machine.intercept_,
                "gamma": np.asarray([machine._gamma]),
            }
            margins = self._margins(validation)[:, None]
            curve = Curve(C=1e3).fit(margins, truth)
            loss = float(log_loss(truth, curve.predict_proba(margins), labels=[0, 1]))
            history.append({"cost": cost, "validation_loss": loss})
            if loss < best:
                best, kept = loss, {**self.state, "slope": curve.coef_[0], "offset": curve.intercept_}
        self.state = kept
        return history

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, 2)."""
        if not len(rows):
            return np.zeros((0, 2))
        buys = expit(self._margins(self._rows(inputs, rows)) * self.state["slope"][0] + self.state["offset"][0])
        return np.stack([1 - buys, buys], axis=1)

    def save(self, directory: Path) -> None:
        """Write the arrays."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, {**self._tensors(), **self.imputation.state()})

    def _tensors(self) -> dict[str, Tensor]:
        return {f"svm.{name}": torch.from_numpy(np.ascontiguousarray(value)) for name, value in self.state.items()}

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(SVMConfig(**stored["config"]), stored["seed"])
        model.imputation = Imputation.restore(state)
        model.state = {name.removeprefix("svm."): t.numpy() for name, t in state.items() if name.startswith("svm.")}
        return model

    @property
    def n_parameters(self) -> int:
        """Support vectors with their weights."""
        return int(self.state["vectors"].size + self.state["weights"].size) if self.state else 0
