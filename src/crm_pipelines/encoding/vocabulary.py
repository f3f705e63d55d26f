"""Categories of a column as integer codes (for embeddings) and one-hot columns (for everything else)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd

UNKNOWN: Final = 0
"""Code of every category the training part does not hold."""

OTHER: Final = "(other)"


@dataclass(frozen=True)
class Vocabulary:
    """The training categories of one column, most frequent first, equally frequent ones by name.

    Attributes:
        categories: category of code 1, 2, ...; code 0 is `UNKNOWN`.
        max_categories: the first so many have a one-hot column of their own.
    """

    categories: tuple[str, ...]
    max_categories: int

    @classmethod
    def fit(cls, labels: "pd.Series[Any]", max_categories: int) -> Self:
        """Fit on the labels of the training entities; missing ones are left out."""
        counts = labels.value_counts()
        ranked = counts.sort_index().sort_values(ascending=False, kind="stable")
        return cls(tuple(str(name) for name in ranked.index), max_categories)

    @property
    def cardinality(self) -> int:
        """Number of codes, `UNKNOWN` included: the rows an embedding table needs."""
        return len(self.categories) + 1

    def encode(self, labels: "pd.Series[Any]") -> npt.NDArray[np.int32]:
        """Codes of N labels, int32 (N,)."""
        return (pd.Index(self.categories, dtype="str").get_indexer(pd.Index(labels)) + 1).astype(np.int32)

    @property
    def columns(self) -> tuple[str, ...]:
        """Categories of the one-hot columns; the last is `OTHER` if the training part holds rarer categories.

        Without rarer categories there is no column to share, and an unseen category is a row of zeros, as in
        scikit-learn's ``OneHotEncoder(handle_unknown="infrequent_if_exist")``.
        """
        rarer = len(self.categories) > self.max_categories
        return (*self.categories[: self.max_categories], *((OTHER,) if rarer else ()))

    def one_hot(self, codes: npt.NDArray[np.int32]) -> npt.NDArray[np.float32]:
        """One-hot rows of N codes, float32 (N, len(columns))."""
        own = min(len(self.categories), self.max_categories)
        rows = np.eye(own + 1, dtype=np.float32)
        slot = np.where((codes == UNKNOWN) | (codes > own), own, codes - 1)
        return rows[slot, : len(self.columns)]

    def to_dict(self) -> dict[str, Any]:
        """As plain values, for JSON."""
        return {"categories": list(self.categories), "max_categories": self.max_categories}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        categories: Iterable[str] = data["categories"]
        return cls(tuple(categories), int(data["max_categories"]))
