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
AHEAD = 60
"""Places of each member's list from which the pool's first ones may come."""
FACTORS = (0.0, 0.5, 0.75, 1.5, 2.5)
ROUNDS = 3
GAIN = 1e-3
"""Least gain in NDCG for which a weight is changed: smaller ones are noise."""


def list_quality(scores: np.ndarray, relevant: np.ndarray, wanted: np.ndarray | None = None) -> float:
    """Mean NDCG@10 of lists by ``scores`` (Q, C), of which ``relevant`` (Q, C) products count; 0 without queries.

    ``wanted`` (Q,) products were taken in all, those without a score among them; by default the relevant ones.
    """
    if not len(scores):
        return 0.0
    most = min(LENGTH, scores.shape[1])
    top = np.argpartition(-scores, most - 1, axis=1)[:, :most]
    top = np.take_along_axis(top, np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable"), axis=1)
    discount = 1 / np.log2(np.arange(most) + 2)
    gain = (np.take_along_axis(relevant, top, axis=1) * discount).sum(axis=1)
    ideal = np.cumsum(discount)[np.clip(relevant.sum(axis=1) if wanted is None else wanted, 1, most) - 1]
    return float((gain / ideal).mean())


def list_weights(
    parts: list[np.ndarray], relevant: np.ndarray, starts: list[np.ndarray], bags: int = 1, seed: int = 0
) -> np.ndarray:
    """Weights (K,), none negative, of good NDCG@10: from one of ``starts`` or one member, changed one at a time.

    What makes the relevant products most likely need not put them first; a list is judged by its head. The search is
    repeated on ``bags`` samples of the queries with replacement, and the weights found are averaged, since a few
    hundred queries are soon learnt by heart (Breiman 1996, "Bagging predictors", Machine Learning 24).

    Args:
        parts: K tables (Q, I) of logarithms; minus infinity, in all of them alike, where a product is not offered.
        relevant: (Q, I) which products were taken. starts: weights (K,) to begin with. bags, seed: as above.
    """
    columns = heads(parts)
    closed = np.where(np.isfinite(np.take_along_axis(parts[0], columns, axis=1)), 0.0, -np.inf).astype(np.float32)
    stacked = np.stack([np.take_along_axis(part, columns, axis=1) for part in parts]).astype(np.float32)  # (K, Q, C)
    stacked[:, np.isinf(closed)] = 0.0
    marked, wanted = np.take_along_axis(relevant, columns, axis=1), relevant.sum(axis=1)
    draw = np.random.default_rng(seed)
    found = []
    for _ in range(bags):
        rows = draw.integers(0, len(wanted), len(wanted)) if bags > 1 else np.arange(len(wanted))
        found.append(_searched(stacked[:, rows], closed[rows], marked[rows], wanted[rows], starts))
    sizes = np.sum(found, axis=1, keepdims=True)  # of one size, so that none counts for more than the others
    return np.asarray((found / sizes).mean(axis=0) * sizes.mean())


def heads(parts: list[np.ndarray]) -> np.ndarray:
    """(Q, C) columns that stand among the first `AHEAD` of any of K tables (Q, I), and others where there are fewer."""
    ahead = np.zeros_like(parts[0], dtype=bool)
    most = min(AHEAD, parts[0].shape[1])
    for part in parts:
        np.put_along_axis(ahead, np.argpartition(-part, most - 1, axis=1)[:, :most], True, axis=1)
    width = int(ahead.sum(axis=1).max(initial=most))
    return np.asarray(np.argsort(~ahead, axis=1, kind="stable")[:, :width])


def _searched(
    stacked: np.ndarray, closed: np.ndarray, relevant: np.ndarray, wanted: np.ndarray, starts: list[np.ndarray]
) -> np.ndarray:
    """The best weights found for tables (K, Q, C), of which ``closed`` (Q, C) is minus infinity where nothing is."""

    def quality(weights: np.ndarray) -> float:
        return list_quality(np.tensordot(weights.astype(np.float32), stacked, axes=1) + closed, relevant, wanted)

    best = max((*starts, *np.eye(len(stacked))), key=quality)
    reached = quality(best)
    for _ in range(ROUNDS):
        before = reached
        for member in range(len(stacked)):
            size = best[member] or float(best.max()) * 0.2
            for factor in FACTORS:
                tried = best.copy()
                tried[member] = size * factor
                if tried.sum() > 0 and (found := quality(tried)) > reached + GAIN:
                    best, reached = tried, found
        if reached - before < GAIN:
            break
    return np.asarray(best)
