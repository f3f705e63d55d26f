"""Ranges of numeric features, fitted in chunks so that a memory-mapped matrix is never read whole."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Self

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.floating[Any]]
CHUNK = 65_536
"""Rows read at a time."""


@dataclass(frozen=True)
class FeatureScaler:
    """Standardisation and min-max scaling of F features (paper A: x' = (x - min) / (max - min)).

    Min-max after standardisation equals min-max alone, both being affine; so `transform` gives paper A's
    [0, 1] features and `standardise` the same features at unit variance.

    Values outside the fitted range leave [0, 1] unless ``clip`` is asked for: trees and tests of drift want them
    as they are. A feature that was constant in training says nothing and becomes 0 everywhere. A missing value
    (nan, also an infinite one) becomes the mean.

    Attributes:
        mean, std, minimum, maximum: F numbers each, of the finite fitted values; 0 where there was none.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    minimum: tuple[float, ...]
    maximum: tuple[float, ...]

    @classmethod
    def fit(cls, matrix: Floats, rows: npt.NDArray[np.int64] | None = None, chunk: int = CHUNK) -> Self:
        """Fit on the given rows (default: all) of an (N, F) array or memory map."""
        width = matrix.shape[1]
        n = matrix.shape[0] if rows is None else len(rows)
        if not width or not n:
            zeros = (0.0,) * width
            return cls(zeros, zeros, zeros, zeros)
        # Not scikit-learn's partial_fit: a column all missing in the first chunk stays nan there.
        count, mean, squares = np.zeros(width), np.zeros(width), np.zeros(width)
        minimum, maximum = np.full(width, np.inf), np.full(width, -np.inf)
        for begin in range(0, n, chunk):
            part = _finite(matrix[begin : begin + chunk] if rows is None else matrix[rows[begin : begin + chunk]])
            present = ~np.isnan(part)
            found = present.sum(axis=0)
            total = np.maximum(count + found, 1)
            part_mean = np.where(present, part, 0.0).sum(axis=0) / np.maximum(found, 1)
            # Means and squared deviations of two parts combine without a second pass (Chan, Golub & LeVeque 1979).
            squares += (np.where(present, part - part_mean, 0.0) ** 2).sum(axis=0)
            squares += (part_mean - mean) ** 2 * count * found / total
            mean += (part_mean - mean) * found / total
            count += found
            minimum = np.minimum(minimum, np.where(present, part, np.inf).min(axis=0))
            maximum = np.maximum(maximum, np.where(present, part, -np.inf).max(axis=0))
        seen = count > 0
        return cls(
            mean=tuple(mean.tolist()),
            std=tuple(np.sqrt(squares / np.maximum(count, 1)).tolist()),
            minimum=tuple(np.where(seen, minimum, 0.0).tolist()),
            maximum=tuple(np.where(seen, maximum, 0.0).tolist()),
        )

    def transform(self, matrix: Floats, *, clip: bool = False) -> npt.NDArray[np.float32]:
        """Scale (N, F) by the fitted minimum and maximum; fitted rows come to lie in [0, 1]."""
        scaled = self._affine(matrix, self.minimum, np.subtract(self.maximum, self.minimum))
        return np.clip(scaled, 0.0, 1.0) if clip else scaled

    def standardise(self, matrix: Floats) -> npt.NDArray[np.float32]:
        """Scale (N, F) to mean 0 and variance 1 over the fitted rows."""
        return self._affine(matrix, self.mean, np.asarray(self.std))

    def _affine(self, matrix: Floats, shift: tuple[float, ...], extent: Floats) -> npt.NDArray[np.float32]:
        varies = np.greater(self.maximum, self.minimum) & (extent > 0)
        factor = np.divide(1.0, extent, out=np.zeros(len(varies)), where=varies)
        values = _finite(matrix)
        values = np.where(np.isnan(values), self.mean, values)
        return ((values - shift) * factor).astype(np.float32)

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, for JSON."""
        return {key: list(numbers) for key, numbers in asdict(self).items()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(**{key: tuple(float(x) for x in numbers) for key, numbers in data.items()})


def _finite(matrix: Floats) -> npt.NDArray[np.float64]:
    """As float64, infinities as nan."""
    values = np.array(matrix, dtype=np.float64)
    values[np.isinf(values)] = np.nan
    return values
