"""Members of an average weighted by how well they do together on rows that none of them has learnt from.

Breiman 1996, "Stacked regressions", Machine Learning 24(1): weights that are not negative keep the average stable.
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import expit

LIMIT = 1e-6
"""Probabilities are kept this far from 0 and 1 before their logit is taken."""


def logits(probabilities: np.ndarray) -> np.ndarray:
    """log(p / (1 - p)) of the positive class, (B,) from (B, 2)."""
    p = np.clip(probabilities[:, 1].astype(np.float64), LIMIT, 1 - LIMIT)
    out: np.ndarray = np.log(p / (1 - p))
    return out


def stack(members: np.ndarray, labels: np.ndarray, shrinkage: float) -> np.ndarray:
    """Weights (M + 1,), none of the first M negative and the last a constant, of members' logits (N, M).

    They minimise the mean log-loss of ``members @ weights[:-1] + weights[-1]`` against labels (N,), plus
    ``shrinkage`` times the squared distance from equal weights, which decides where rows are few.
    """
    count = members.shape[1]
    equal = np.append(np.full(count, 1 / count), 0.0)
    columns = np.column_stack([members, np.ones(len(members))])
    sign = 1 - 2 * labels

    def loss(weights: np.ndarray) -> tuple[float, np.ndarray]:
        margin = sign * (columns @ weights)
        away = weights - equal
        value = float(np.logaddexp(0, margin).mean() + shrinkage * away @ away)
        return value, columns.T @ (sign * expit(margin)) / len(labels) + 2 * shrinkage * away

    found = minimize(loss, equal, jac=True, method="L-BFGS-B", bounds=[(0.0, None)] * count + [(None, None)])
    return np.asarray(found.x, dtype=np.float64)


def stack_few(members: np.ndarray, labels: np.ndarray, shrinkage: float, least: float) -> np.ndarray:
    """Weights as of `stack`, but zero for members that are not worth their time.

    While some weigh less than ``least``, the one that weighs least is left out and the others are weighed anew.
    """
    kept = np.arange(members.shape[1])
    weights = stack(members, labels, shrinkage)
    while len(kept) > 1 and weights[:-1].min() < least:
        kept = np.delete(kept, weights[:-1].argmin())
        weights = stack(members[:, kept], labels, shrinkage)
    out = np.zeros(members.shape[1] + 1)
    out[kept], out[-1] = weights[:-1], weights[-1]
    return out
