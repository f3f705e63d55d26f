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


LENGTH = 10
"""Of the lists that `list_weights` looks at."""
FACTORS = (0.0, 0.25, 0.5, 0.75, 1.5, 2.5, 5.0)
ROUNDS = 3
GAIN = 1e-3
"""Least gain in NDCG for which a weight is changed: smaller ones are noise."""


def list_quality(scores: np.ndarray, relevant: np.ndarray) -> float:
    """Mean NDCG@10 of lists by ``scores`` (Q, I), of which ``relevant`` (Q, I) products count; 0 without queries."""
    if not len(scores):
        return 0.0
    most = min(LENGTH, scores.shape[1])
    top = np.argpartition(-scores, most - 1, axis=1)[:, :most]
    top = np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable"), axis=1)
    discount = 1 / np.log2(np.arange(most) + 2)
    gain = (np.take_along_axis(relevant, top, axis=1) * discount).sum(axis=1)
    ideal = np.cumsum(discount)[np.clip(relevant.sum(axis=1), 1, most) - 1]
    return float((gain / ideal).mean())


def list_weights(parts: list[np.ndarray], relevant: np.ndarray, start: np.ndarray) -> np.ndarray:
    """Weights (K,), none negative, of good NDCG@10: from ``start`` or one member alone, changed one at a time.

    What makes the relevant products most likely need not put them first; a list is judged by its head.

    Args:
        parts: K tables (Q, I) of logarithms; minus infinity, in all of them alike, where a product is not offered.
        relevant: (Q, I) which products were taken. start: (K,) weights to begin with.
    """
    finite = np.isfinite(parts[0])
    stacked = np.stack([np.where(finite, part, 0.0) for part in parts]).astype(np.float32)
    closed = np.where(finite, 0.0, -np.inf).astype(np.float32)

    def quality(weights: np.ndarray) -> float:
        return list_quality(np.tensordot(weights.astype(np.float32), stacked, axes=1) + closed, relevant)

    best = max((start, *np.eye(len(parts))), key=quality)
    reached = quality(best)
    for _ in range(ROUNDS):
        before = reached
        for member in range(len(parts)):
            size = best[member] or float(best.max()) * 0.2
            for factor in FACTORS:
                tried = best.copy()
                tried[member] = size * factor
                if tried.sum() > 0 and (found := quality(tried)) > reached + GAIN:
                    best, reached = tried, found
        if reached - before < GAIN:
            break
    return np.asarray(best)
