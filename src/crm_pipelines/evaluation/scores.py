"""Sums that do not depend on how the rows are ordered or split: exact totals, and how often each score occurred.

What is computed from them for the rows of several shards together has the bytes that one table would have given.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from crm_pipelines.evaluation.predictions import Codes, Floats

_HALF = 26
_CHUNK = 1 << 24
"""Rows summed at once: halves of mantissas below 2^27 then add up to whole numbers that a float holds exactly."""


def exact_total(values: Floats) -> Fraction:
    """The sum of finite numbers (N,), without rounding."""
    found = Fraction(0)
    for start in range(0, len(values), _CHUNK):
        mantissa, exponent = np.frexp(values[start : start + _CHUNK])
        whole = np.ldexp(mantissa, 53).astype(np.int64)
        lowest = int(exponent.min())
        high = np.bincount(exponent - lowest, whole >> _HALF)
        low = np.bincount(exponent - lowest, whole & ((1 << _HALF) - 1))
        for place, (above, below) in enumerate(zip(high.tolist(), low.tolist(), strict=True)):
            found += Fraction((int(above) << _HALF) + int(below)) * Fraction(2) ** (lowest + place - 53)
    return found


@dataclass(frozen=True)
class Scores:
    """How often each score occurred, and how often with a positive outcome.

    Attributes:
        value: different scores (D,), rising.
        n: rows with each (D,).
        positive: of these, rows with a positive outcome (D,).
    """

    value: Floats
    n: Codes
    positive: Codes

    @classmethod
    def of(cls, value: Floats, positive: npt.NDArray[Any]) -> Self:
        """Of scores (N,) and outcomes (N,), 0 or 1."""
        return cls._counted(value, np.ones(len(value)), positive)

    @classmethod
    def merged(cls, parts: Sequence["Scores"]) -> Self:
        """Of the rows of all parts together."""
        columns = zip(*((part.value, part.n, part.positive) for part in parts), strict=True)
        return cls._counted(*(np.concatenate(column) for column in columns))

    @classmethod
    def _counted(cls, value: Floats, n: npt.NDArray[Any], positive: npt.NDArray[Any]) -> Self:
        different, place = np.unique(value, return_inverse=True)
        counts = (np.bincount(place, each, len(different)).astype(np.int64) for each in (n, positive))
        return cls(different, *counts)

    @property
    def rows(self) -> int:
        """N."""
        return int(self.n.sum())

    def ranking(self) -> tuple[float, float]:
        """ROC AUC and average precision; NaN without positive or without negative outcomes."""
        negative = self.n - self.positive
        if not self.positive.any() or not negative.any():
            return float("nan"), float("nan")
        outcome = np.repeat([1, 0], len(self.value))
        score, weight = np.tile(self.value, 2), np.concatenate([self.positive, negative])
        kept = weight > 0
        asked = outcome[kept], score[kept]
        return tuple(
            float(metric(*asked, sample_weight=weight[kept])) for metric in (roc_auc_score, average_precision_score)
        )  # type: ignore[return-value]

    def bins(self, bins: int) -> pd.DataFrame:
        """``bin, confidence, accuracy, n`` of bins of about equal mass; those without rows are left out.

        Equal scores always share a bin, so a model that gives every row the same one has one bin rather than ``bins``
        random ones.
        """
        index = (np.cumsum(self.n) - self.n) * bins // max(self.rows, 1)  # by the rank of its first row
        n = np.bincount(index, self.n, bins).astype(np.int64)
        filled = n > 0
        return pd.DataFrame(
            {
                "bin": np.flatnonzero(filled),
                "confidence": np.bincount(index, self.value * self.n, bins)[filled] / n[filled],
                "accuracy": np.bincount(index, self.positive, bins)[filled] / n[filled],
                "n": n[filled],
            }
        )
