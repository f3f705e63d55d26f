"""What every risk model is given: one protocol and fold of one table of records, ready to train on and to predict."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class RecordInputs:
    """Inputs of n records: Fn numbers, Fc categories, T steps of C channels. Everything fitted was fitted on ``train``.

    Attributes:
        protocol: ``stratified`` or ``time``. fold: number of the fold.
        record_id: (n) identifiers, as in the source.
        classes: name of the negative and of the positive class.
        labels: (n) int64, 1 for the positive class.
        numeric: (n, Fn) float32, raw; nan where missing.
        numeric_names: names of its columns.
        codes: (n, Fc) int32 categorical codes; 0 = missing, or not seen in training.
        cardinalities: number of codes of each of those columns, 0 included.
        categorical_names: names of those columns.
        sequence: (n, T, C) float32, raw, oldest step first; nan where missing. T or C is 0 for a source without.
        sequence_mask: (n, T) True where the record has that step.
        channel_names, step_names: names of the C channels and the T steps.
        amount: (n) float32 amount of the next period, the target of quantiles and never an input; nan where absent.
        customer: (n) int64 group that a bootstrap draws as a whole.
        train, validation, test: record rows, int64.
        groups: name of a fairness axis -> (n) group of each record.
        modalities: name of a further view of the records (``events``, ``text``) -> (n, ...) float32; a row (or a step
            of it) that is nan throughout is one that the record lacks.
    """

    protocol: str
    fold: int
    record_id: NDArray[Any]
    classes: tuple[str, str]
    labels: NDArray[np.int64]
    numeric: NDArray[np.float32]
    numeric_names: tuple[str, ...]
    codes: NDArray[np.int32]
    cardinalities: tuple[int, ...]
    categorical_names: tuple[str, ...]
    sequence: NDArray[np.float32]
    sequence_mask: NDArray[np.bool_]
    channel_names: tuple[str, ...]
    step_names: tuple[str, ...]
    amount: NDArray[np.float32]
    customer: NDArray[np.int64]
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    groups: Mapping[str, NDArray[Any]]
    modalities: Mapping[str, NDArray[np.float32]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that tables, names and rows fit together.

        Raises:
            ValueError: naming the first that does not.
        """
        n = len(self.record_id)
        for name in ("labels", "numeric", "codes", "sequence", "sequence_mask", "amount", "customer"):
            if len(getattr(self, name)) != n:
                raise ValueError(f"{name} has {len(getattr(self, name))} rows, there are {n} records")
        for name, values in self.modalities.items():
            if len(values) != n:
                raise ValueError(f"modality '{name}' has {len(values)} rows, there are {n} records")
        widths = {
            "numeric_names": (len(self.numeric_names), self.numeric.shape[1]),
            "categorical_names": (len(self.categorical_names), self.codes.shape[1]),
            "cardinalities": (len(self.cardinalities), self.codes.shape[1]),
            "step_names": (len(self.step_names), self.sequence.shape[1]),
            "channel_names": (len(self.channel_names), self.sequence.shape[2]),
        }
        for name, (found, expected) in widths.items():
            if found != expected:
                raise ValueError(f"{found} {name}, {expected} columns")

    def __len__(self) -> int:
        return len(self.record_id)

    def features(self, rows: NDArray[np.int64]) -> NDArray[np.float32]:
        """(B, F) [numbers | sequence, step by step] of records (B); nan where missing.

        Categories are left out: whether ``codes`` become one-hot columns or embeddings is the model's matter.
        """
        ids = np.asarray(rows, dtype=np.int64)
        width = self.sequence.shape[1] * self.sequence.shape[2]
        return np.concatenate([self.numeric[ids], self.sequence[ids].reshape(len(ids), width)], axis=1)

    @cached_property
    def all_feature_names(self) -> tuple[str, ...]:
        """Names of the F columns of `features`; a cell of the sequence is called ``channel@step``."""
        return (*self.numeric_names, *(f"{c}@{step}" for step in self.step_names for c in self.channel_names))
