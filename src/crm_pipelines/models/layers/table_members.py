"""Trees and linear models on a table of records, as members of an average: fitted, asked for logits, written."""

from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from pydantic import Field
from safetensors.torch import load_file, save_file

from crm_pipelines.models.layers.boosting import BoostedTrees, BoostingParameters
from crm_pipelines.models.layers.extreme_boosting import ExtremeBoostingParameters, ExtremeTrees
from crm_pipelines.models.layers.flat_records import FlatRecords
from crm_pipelines.models.layers.piecewise import PiecewiseLinear
from crm_pipelines.models.layers.record_columns import Imputation
from crm_pipelines.models.layers.softmax_regression import SoftmaxParameters, SoftmaxRegression
from crm_pipelines.models.layers.stacking import logits
from crm_pipelines.records.inputs import RecordInputs


class Member(Protocol):
    """What an average asks of a member that is no network."""

    def fit(self, inputs: RecordInputs) -> None:
        """Learn from the training rows; validation stops and chooses."""
        ...

    def logits(self, records: FlatRecords) -> np.ndarray:
        """(B,) of the positive class."""
        ...

    def save(self, stem: Path) -> None:
        """Write what was fitted beside others, under a suffix of its own."""
        ...

    def restore(self, stem: Path) -> None:
        """Read what :meth:`save` wrote."""
        ...

    @property
    def n_parameters(self) -> int:
        """Numbers that were fitted."""
        ...


def _parts(inputs: RecordInputs) -> tuple[FlatRecords, np.ndarray, FlatRecords, np.ndarray]:
    """Training and validation rows with their labels."""
    train, validation = inputs.train, inputs.validation
    return (
        FlatRecords(inputs, train),
        inputs.labels[train],
        FlatRecords(inputs, validation),
        inputs.labels[validation],
    )


class BoostedMember:
    """LightGBM on numbers, the sequence, its summaries, and categories as such."""

    def __init__(self, parameters: BoostingParameters, seed: int) -> None:
        self.trees = BoostedTrees(parameters, seed, 2)

    def fit(self, inputs: RecordInputs) -> None:
        """Boost until the validation log-loss stops falling."""
        train, y, validation, truth = _parts(inputs)
        width = train.coded.shape[1]
        codes = range(width - len(inputs.cardinalities), width)
        self.trees.fit(train.coded, y, validation.coded, truth, categorical=codes)

    def logits(self, records: FlatRecords) -> np.ndarray:
        """(B,) of the positive class."""
        return logits(self.trees.predict_proba(records.coded))

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

    def _columns(self, records: FlatRecords) -> tuple[np.ndarray, int]:
        """Columns, and how many of them at the end are codes."""
        return records.split, 0

    def fit(self, inputs: RecordInputs) -> None:
        """Boost until the validation log-loss stops falling."""
        train, y, validation, truth = _parts(inputs)
        x, codes = self._columns(train)
        self.trees.fit(x, y, self._columns(validation)[0], truth, categorical=codes)

    def logits(self, records: FlatRecords) -> np.ndarray:
        """(B,) of the positive class."""
        x, codes = self._columns(records)
        return logits(self.trees.predict_proba(x, categorical=codes))

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


class SetMember(ExtremeMember):
    """XGBoost on numbers, the sequence, its summaries, and categories as such."""

    def _columns(self, records: FlatRecords) -> tuple[np.ndarray, int]:
        return records.coded, records.codes.shape[1]


class LevelMember(ExtremeMember):
    """XGBoost on numbers, categories as such, and summaries of the sequence without its steps."""

    def _columns(self, records: FlatRecords) -> tuple[np.ndarray, int]:
        return records.coded_levels, records.codes.shape[1]


class LinearMember:
    """Logistic regression on numbers, the sequence and one-hot categories."""

    def __init__(self, parameters: SoftmaxParameters, seed: int) -> None:
        self.regression = SoftmaxRegression(parameters)
        self.imputation = Imputation.of(np.zeros((1, 0), dtype=np.float32))

    def fit(self, inputs: RecordInputs) -> None:
        """Fit one estimator per penalty and keep the best on validation."""
        train, y, validation, truth = _parts(inputs)
        self.imputation = Imputation.of(train.raw)
        self.regression.fit(train.imputed(self.imputation), y, validation.imputed(self.imputation), truth, 2)

    def logits(self, records: FlatRecords) -> np.ndarray:
        """(B,) of the positive class."""
        if not len(records):
            return np.zeros(0)
        return logits(self.regression.predict_proba(records.imputed(self.imputation)))

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


class AdditiveParameters(SoftmaxParameters):
    """Hyper-parameters of an additive model.

    Attributes:
        bins: of each number. most: codes of all numbers together; a wide table gets fewer bins, two at least.
    """

    penalties: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03)
    iterations: int = Field(default=60, ge=1)
    bins: int = Field(default=10, ge=2)
    most: int = Field(default=1_000, ge=1)


class AdditiveMember:
    """Logistic regression on piecewise-linear codes of numbers and of the sequence's summaries, and on categories.

    A sum of one curve for each number (Hastie and Tibshirani 1986, "Generalized additive models", Statistical Science
    1(3)): smoother than trees, and with far fewer numbers to fit than a network.
    """

    def __init__(self, parameters: AdditiveParameters, seed: int) -> None:
        self.parameters = parameters
        self.regression = SoftmaxRegression(parameters)
        self.codes = PiecewiseLinear(0, parameters.bins)

    def _columns(self, records: FlatRecords) -> np.ndarray:
        codes = self.codes(torch.from_numpy(records.levels)).flatten(1).numpy()
        return np.concatenate([codes, records.one_hot], axis=1)

    def fit(self, inputs: RecordInputs) -> None:
        """Fit one estimator per penalty and keep the best on validation."""
        train, y, validation, truth = _parts(inputs)
        width = train.levels.shape[1]
        self.codes = PiecewiseLinear(width, max(2, min(self.parameters.bins, self.parameters.most // max(1, width))))
        self.codes.fit(torch.from_numpy(train.levels))
        self.regression.fit(self._columns(train), y, self._columns(validation), truth, 2)

    def logits(self, records: FlatRecords) -> np.ndarray:
        """(B,) of the positive class."""
        return logits(self.regression.predict_proba(self._columns(records))) if len(records) else np.zeros(0)

    def save(self, stem: Path) -> None:
        """Write coefficients and quantiles beside others: ``<stem>.safetensors``."""
        save_file({**self.regression.state(), **self.codes.state_dict()}, stem.with_suffix(".safetensors"))

    def restore(self, stem: Path) -> None:
        """Read what :meth:`save` wrote."""
        state = load_file(stem.with_suffix(".safetensors"))
        self.regression.restore(state)
        self.codes = PiecewiseLinear(*state["low"].shape)
        self.codes.load_state_dict({name: state[name] for name in self.codes.state_dict()})

    @property
    def n_parameters(self) -> int:
        """Coefficients and intercepts."""
        return self.regression.n_parameters
