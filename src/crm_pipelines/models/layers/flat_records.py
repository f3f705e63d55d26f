"""Some records as the columns that members of an average read, each kind of column made once for all of them."""

from functools import cached_property

import numpy as np

from crm_pipelines.models.layers.record_columns import Imputation, one_hot, raw_columns
from crm_pipelines.models.layers.record_summaries import summaries
from crm_pipelines.records.inputs import RecordInputs


class FlatRecords:
    """Columns of records (B,) of some inputs, float32, nan where missing.

    Args:
        inputs: all records. rows: which of them.
    """

    def __init__(self, inputs: RecordInputs, rows: np.ndarray) -> None:
        self.inputs, self.rows = inputs, np.asarray(rows, dtype=np.int64)

    def __len__(self) -> int:
        return len(self.rows)

    @cached_property
    def summaries(self) -> np.ndarray:
        """(B, S) of the sequence."""
        return summaries(self.inputs, self.rows)

    @cached_property
    def raw(self) -> np.ndarray:
        """(B, F) numbers, then the sequence step by step."""
        return raw_columns(self.inputs, self.rows)

    @cached_property
    def one_hot(self) -> np.ndarray:
        """(B, K) categories, a column each."""
        return one_hot(self.inputs, self.rows)

    @cached_property
    def codes(self) -> np.ndarray:
        """(B, Fc) categories, as codes."""
        return self.inputs.codes[self.rows].astype(np.float32)

    @cached_property
    def coded(self) -> np.ndarray:
        """(B, S + F + Fc) for trees that know categories."""
        return np.concatenate([self.summaries, self.raw, self.codes], axis=1)

    @cached_property
    def split(self) -> np.ndarray:
        """(B, S + F + K) for trees that do not."""
        return np.concatenate([self.summaries, self.raw, self.one_hot], axis=1)

    @cached_property
    def levels(self) -> np.ndarray:
        """(B, S + Fn) the sequence by its summaries alone, and the numbers."""
        return np.concatenate([self.summaries, self.inputs.numeric[self.rows]], axis=1)

    @cached_property
    def coded_levels(self) -> np.ndarray:
        """(B, S + Fn + Fc) for trees that know categories and read the sequence by its summaries alone."""
        return np.concatenate([self.levels, self.codes], axis=1)

    def imputed(self, imputation: Imputation) -> np.ndarray:
        """(B, F + G + K) without missing values, for linear models."""
        return np.concatenate([imputation(self.raw), self.one_hot], axis=1)
