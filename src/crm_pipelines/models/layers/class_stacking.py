"""Members of an average of class probabilities, weighted by how well they do together on rows none has learnt from.

As `layers.stacking`, for any number of classes: log-probabilities are added with one weight per member, none negative,
and one constant per class (Breiman 1996, "Stacked regressions"; Genest and Zidek 1986 on pooling logarithms).
"""

import numpy as np
from scipy.optimize import minimize
from scipy.special import log_softmax

LIMIT = 1e-6


def logs(probabilities: np.ndarray) -> np.ndarray:
    """Log-probabilities (B, C), none below `LIMIT`."""
    return np.asarray(np.log(np.clip(probabilities, LIMIT, 1.0)), dtype=np.float64)


def stack_classes(members: np.ndarray, labels: np.ndarray, shrinkage: float) -> tuple[np.ndarray, np.ndarray]:
    """Weights (M,) and constants (C,) for log-probabilities (N, M, C) of labels (N,).

    They minimise the mean log-loss plus ``shrinkage`` times the squared distance from equal weights and no constants.
    """
    n, count, classes = members.shape
    equal = np.concatenate([np.full(count, 1 / count), np.zeros(classes)])
    rows = np.arange(n)

    def loss(values: np.ndarray) -> tuple[float, np.ndarray]:
        scores = np.tensordot(members, values[:count], axes=(1, 0)) + values[count:]
        log_p = log_softmax(scores, axis=1)
        away = values - equal
        slope = np.exp(log_p)
        slope[rows, labels] -= 1
        gradient = np.concatenate([np.einsum("nmc,nc->m", members, slope), slope.sum(axis=0)]) / n
        return float(-log_p[rows, labels].mean() + shrinkage * away @ away), gradient + 2 * shrinkage * away

    bounds = [(0.0, None)] * count + [(None, None)] * classes
    found = minimize(loss, equal, jac=True, method="L-BFGS-B", bounds=bounds)
    return np.asarray(found.x[:count]), np.asarray(found.x[count:])


def pooled(members: np.ndarray, weights: np.ndarray, constants: np.ndarray) -> np.ndarray:
    """Probabilities (B, C) from members' log-probabilities (B, M, C)."""
    scores = np.tensordot(members, weights, axes=(1, 0)) + constants
    return np.asarray(np.exp(log_softmax(scores, axis=1)), dtype=np.float64)
