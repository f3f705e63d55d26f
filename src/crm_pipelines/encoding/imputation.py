"""Missing attributes: the mean of numeric, the mode of categorical columns (paper A), of training entities."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

NO_VALUE: Final = ""
"""Fills a categorical column without a single training value; it belongs to no vocabulary."""

REPORT_COLUMNS: Final = ("side", "column", "kind", "value", "missing", "missing_in_training", "entities")


@dataclass(frozen=True)
class Imputer:
    """What stands in for a missing attribute.

    Attributes:
        numeric: column -> mean over training entities; 0 for a column they hold no value of.
        categorical: column -> most frequent training category, of equally frequent ones the smallest name.
    """

    numeric: Mapping[str, float]
    categorical: Mapping[str, str]

    @classmethod
    def fit(
        cls,
        attributes: pd.DataFrame,
        numeric: Sequence[str],
        categorical: Sequence[str],
        training: npt.NDArray[np.bool_],
    ) -> Self:
        """Fit on the rows of ``attributes`` (one per entity) where ``training`` holds."""
        known = attributes.loc[training]
        means, modes = {}, {}
        for column in numeric:
            values = as_numbers(known[column])
            means[column] = float(values.mean()) if values.notna().any() else 0.0
        for column in categorical:
            present = as_labels(known[column]).dropna()
            modes[column] = str(present.mode().min()) if len(present) else NO_VALUE
        return cls(means, modes)

    def apply(self, attributes: pd.DataFrame) -> pd.DataFrame:
        """The fitted columns, float64 and str, without a missing value."""
        filled: dict[str, pd.Series[Any]] = {}
        for column, mean in self.numeric.items():
            filled[column] = as_numbers(attributes[column]).fillna(mean)
        for column, mode in self.categorical.items():
            filled[column] = as_labels(attributes[column]).fillna(mode)
        return pd.DataFrame(filled, index=attributes.index)

    def report(self, attributes: pd.DataFrame, training: npt.NDArray[np.bool_], side: str) -> pd.DataFrame:
        """One line per column: the value put in and how often (`REPORT_COLUMNS`)."""
        lines = []
        for kind, fitted in (("numeric", self.numeric), ("categorical", self.categorical)):
            for column, value in fitted.items():
                cells = attributes[column]
                absent = (as_numbers(cells) if kind == "numeric" else as_labels(cells)).isna().to_numpy()
                counts = (int(absent.sum()), int(absent[training].sum()), len(absent))
                lines.append((side, column, kind, str(value), *counts))
        return pd.DataFrame(lines, columns=list(REPORT_COLUMNS))


def as_numbers(cells: "pd.Series[Any]") -> "pd.Series[float]":
    """As float64; infinities count as missing."""
    return cells.astype("float64").replace([np.inf, -np.inf], np.nan)


def as_labels(cells: "pd.Series[Any]") -> "pd.Series[Any]":
    """As str; empty cells count as missing."""
    labels = cells.astype("str")
    return labels.mask(cells.isna() | (labels.str.strip() == ""))
