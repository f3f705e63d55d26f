"""Records as flat rows of numbers, for models that know no sequence and no embedding."""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from crm_pipelines.records.inputs import RecordInputs

MOST_CATEGORIES = 64
"""Codes of one table column that get a column of their own."""


def raw_columns(inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
    """(B, F) [numbers | sequence, step by step], nan where missing or where a record has no such step."""
    ids = np.asarray(rows, dtype=np.int64)
    steps = np.where(inputs.sequence_mask[ids, :, None], inputs.sequence[ids], np.float32(np.nan))
    width = steps.shape[1] * steps.shape[2]
    return np.concatenate([inputs.numeric[ids], steps.reshape(len(ids), width)], axis=1)


def one_hot(inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
    """(B, K) one column for each category, that of missing and unseen ones included.

    Of a table column with more than `MOST_CATEGORIES` codes the later ones share one column.
    """
    codes = inputs.codes[np.asarray(rows, dtype=np.int64)]
    columns = [np.zeros((len(codes), 0), dtype=bool)]
    for j, size in enumerate(inputs.cardinalities):
        own = np.arange(min(size, MOST_CATEGORIES), dtype=codes.dtype)
        columns.append(codes[:, [j]] == own[None, :])
        if size > MOST_CATEGORIES:
            columns.append(codes[:, [j]] >= MOST_CATEGORIES)
    return np.concatenate(columns, axis=1).astype(np.float32)


def tree_columns(inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
    """(B, F + K) numbers and one-hot categories, for trees that take missing values as they are."""
    return np.concatenate([raw_columns(inputs, rows), one_hot(inputs, rows)], axis=1)


def coded_columns(inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
    """(B, F + Fc) numbers and, last, categorical codes, for trees that know what a category is."""
    codes = inputs.codes[np.asarray(rows, dtype=np.int64)].astype(np.float32)
    return np.concatenate([raw_columns(inputs, rows), codes], axis=1)


class Imputation(NamedTuple):
    """Medians of the training rows in place of missing values, and a column that says where there was none.

    Attributes:
        median: (F,) of each column; 0 where a column is missing in every training row.
        known: (F,) the column is present in some training row; otherwise it is never read.
        gaps: (G,) columns with present and missing training rows; of those always missing together, the first.
    """

    median: np.ndarray
    known: np.ndarray
    gaps: np.ndarray

    @classmethod
    def of(cls, raw: np.ndarray) -> "Imputation":
        """Fit on training rows (N, F)."""
        missing = np.isnan(raw)
        known = ~missing.all(axis=0)
        median = np.zeros(raw.shape[1], dtype=np.float32)
        median[known] = np.nanmedian(raw[:, known], axis=0)
        gaps = np.flatnonzero(missing.any(axis=0) & known)
        _, first = np.unique(np.packbits(missing[:, gaps], axis=0), axis=1, return_index=True)
        return cls(median, known, gaps[np.sort(first)])

    def __call__(self, raw: np.ndarray) -> np.ndarray:
        """(B, F) with nan -> (B, F + G) without."""
        missing = np.isnan(raw)
        filled = np.where(missing | ~self.known, self.median, raw)
        return np.concatenate([filled, missing[:, self.gaps].astype(np.float32)], axis=1)

    def state(self) -> dict[str, Tensor]:
        """The fitted arrays, to be saved."""
        return {f"imputation.{name}": torch.from_numpy(value) for name, value in self._asdict().items()}

    @classmethod
    def restore(cls, state: dict[str, Tensor]) -> "Imputation":
        """From what :meth:`state` gave."""
        return cls(*(state[f"imputation.{name}"].numpy() for name in cls._fields))


def linear_columns(inputs: RecordInputs, rows: np.ndarray, imputation: Imputation) -> np.ndarray:
    """(B, F + G + one-hot) without missing values, for linear models."""
    return np.concatenate([imputation(raw_columns(inputs, rows)), one_hot(inputs, rows)], axis=1)
