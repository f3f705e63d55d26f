"""Trees and a linear model on a table of records, as members of an average: fitted, asked for logits, written."""

from pathlib import Path

import numpy as np
from safetensors.torch import load_file, save_file

from crm_pipelines.models.layers.boosting import BoostedTrees, BoostingParameters
from crm_pipelines.models.layers.extreme_boosting import ExtremeBoostingParameters, ExtremeTrees
from crm_pipelines.models.layers.record_columns import (
    Imputation,
    coded_columns,
    linear_columns,
    raw_columns,
    tree_columns,
)
from crm_pipelines.models.layers.record_summaries import summaries
from crm_pipelines.models.layers.softmax_regression import SoftmaxParameters, SoftmaxRegression
from crm_pipelines.models.layers.stacking import logits
from crm_pipelines.records.inputs import RecordInputs


class BoostedMember:
    """LightGBM on numbers, the sequence, its summaries, and categories as such."""

    def __init__(self, parameters: BoostingParameters, seed: int) -> None:
        self.trees = BoostedTrees(parameters, seed, 2)

    @staticmethod
    def _columns(inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        return np.concatenate([summaries(inputs, rows), coded_columns(inputs, rows)], axis=1)

    def fit(self, inputs: RecordInputs) -> None:
        """Boost until the validation log-loss stops falling."""
        x = self._columns(inputs, inputs.train)
        self.trees.fit(
            x,
            inputs.labels[inputs.train],
            self._columns(inputs, inputs.validation),
            inputs.labels[inputs.validation],
            categorical=range(x.shape[1] - len(inputs.cardinalities), x.shape[1]),
        )

    def logits(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """(B,) of the positive class."""
        return logits(self.trees.predict_proba(self._columns(inputs, rows)))

    def save(self, stem: Path) -> None:
        """Write the trees beside others: ``<stem>.txt``."""
        stem.with_suffix(".txt").write_text(self.trees.text, encoding="utf-8")

    def restore(self, stem: Path) -> None:
        """Read what :meth:`save` wrote."""
        self.trees.text = stem.with_suffix(".txt").read_text(encoding="utf-8")

    @property
    def n_parameters(self) -> int:
        """Leaf values and split thresholds."""
        return self.trees.n_parameters


class ExtremeMember:
    """XGBoost on numbers, the sequence, its summaries, and one-hot categories."""

    def __init__(self, parameters: ExtremeBoostingParameters, seed: int) -> None:
        self.trees = ExtremeTrees(parameters, seed)

    @staticmethod
    def _columns(inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        return np.concatenate([summaries(inputs, rows), tree_columns(inputs, rows)], axis=1)

    def fit(self, inputs: RecordInputs) -> None:
        """Boost until the validation log-loss stops falling."""
        parts = (inputs.train, inputs.validation)
        self.trees.fit(*(part for ids in parts for part in (self._columns(inputs, ids), inputs.labels[ids])))

    def logits(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """(B,) of the positive class."""
        return logits(self.trees.predict_proba(self._columns(inputs, rows)))

    def save(self, stem: Path) -> None:
        """Write the trees beside others: ``<stem>.json``."""
        stem.with_suffix(".json").write_text(self.trees.text, encoding="utf-8")

    def restore(self, stem: Path) -> None:
        """Read what :meth:`save` wrote."""
        self.trees.text = stem.with_suffix(".json").read_text(encoding="utf-8")

    @property
    def n_parameters(self) -> int:
        """Leaf values and split thresholds."""
        return self.trees.n_parameters


class LinearMember:
    """Logistic regression on numbers, the sequence and one-hot categories."""

    def __init__(self, parameters: SoftmaxParameters, seed: int) -> None:
        self.regression = SoftmaxRegression(parameters)
        self.imputation = Imputation.of(np.zeros((1, 0), dtype=np.float32))

    def _columns(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        return linear_columns(inputs, rows, self.imputation)

    def fit(self, inputs: RecordInputs) -> None:
        """Fit one estimator per penalty and keep the best on validation."""
        self.imputation = Imputation.of(raw_columns(inputs, inputs.train))
        self.regression.fit(
            self._columns(inputs, inputs.train),
            inputs.labels[inputs.train],
            self._columns(inputs, inputs.validation),
            inputs.labels[inputs.validation],
            2,
        )

    def logits(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """(B,) of the positive class."""
        return logits(self.regression.predict_proba(self._columns(inputs, rows))) if len(rows) else np.zeros(0)

    def save(self, stem: Path) -> None:
        """Write the coefficients beside others: ``<stem>.safetensors``."""
        save_file({**self.regression.state(), **self.imputation.state()}, stem.with_suffix(".safetensors"))

    def restore(self, stem: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = load_file(stem.with_suffix(".safetensors"))
        self.regression.restore(state)
        self.imputation = Imputation.restore(state)

    @property
    def n_parameters(self) -> int:
        """Coefficients and intercepts."""
        return self.regression.n_parameters
