"""Logarithmic opinion pool: models of the next item, weighted so that what came was most likely.

Genest and Zidek 1986, "Combining probability distributions", Statistical Science 1(1): the pooled logarithm is the
weighted sum of the members' logarithms.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax


def pooled(parts: list[np.ndarray], weights: np.ndarray) -> np.ndarray:
    """(B, I) logarithms of probabilities of the weighted sum of K such tables."""
    total = sum(weight * part for weight, part in zip(weights, parts, strict=True))
    return np.asarray(log_softmax(total, axis=1), dtype=np.float32)


def pool_weights(parts: list[np.ndarray], chosen: np.ndarray) -> np.ndarray:
    """Weights (K,), none negative, at which the ``chosen`` items (B,) are most likely; equal ones without any.

    Args:
        parts: K tables (B, I); minus infinity, in all of them alike, where an item cannot be chosen.
    """
    start = np.full(len(parts), 1 / len(parts))
    if not len(chosen):
        return start
    finite = np.isfinite(parts[0])
    stacked = np.stack([np.where(finite, part, 0.0) for part in parts])  # (K, B, I)
    rows = np.arange(len(chosen))
    own = stacked[:, rows, chosen]  # (K, B)

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        scores = np.where(finite, np.tensordot(weights, stacked, axes=1), -np.inf)
        logs = log_softmax(scores, axis=1)
        expected = np.einsum("bi,kbi->kb", np.exp(logs), stacked)
        return float(-logs[rows, chosen].mean()), (expected - own).mean(axis=1)

    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=[(0.0, 5.0)] * len(parts))
    return np.asarray(found.x)
