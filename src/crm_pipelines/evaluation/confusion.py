"""Confusion counts and the metrics that follow from them alone.

Every function takes counts of shape (..., C, C), true class by predicted class, and returns one number per leading
index, so a thousand resamples are scored in one call. "Classes that occur" are those with a true example in the
counts at hand; a class never predicted and never hit has precision, recall and F1 of 0 (``zero_division=0``).
No rows at all give NaN.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from crm_pipelines.evaluation.predictions import Codes, Floats


def confusion_counts(true: Codes, decided: Codes, n_classes: int) -> Floats:
    """Counts (C, C) of true class by decided class, from two arrays (N,) of class positions."""
    return np.bincount(true * n_classes + decided, minlength=n_classes**2).reshape(n_classes, n_classes).astype(float)


def _ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any], empty: float = 0.0) -> Floats:
    """``part / whole``, and ``empty`` where ``whole`` is 0."""
    ratio: Floats = np.full(np.broadcast(part, whole).shape, empty)
    np.divide(part, whole, out=ratio, where=whole > 0)
    return ratio


def _hits(counts: Floats) -> Floats:
    return np.diagonal(counts, axis1=-2, axis2=-1)


def _support_weighted(scores: Floats, counts: Floats) -> Floats:
    support = counts.sum(axis=-1)
    return _ratio((scores * support).sum(axis=-1), support.sum(axis=-1), np.nan)


def _mean_over_occurring(scores: Floats, counts: Floats) -> Floats:
    occurs = counts.sum(axis=-1) > 0
    return _ratio((scores * occurs).sum(axis=-1), occurs.sum(axis=-1), np.nan)


def class_precision(counts: Floats) -> Floats:
    """Precision of each class (..., C)."""
    return _ratio(_hits(counts), counts.sum(axis=-2))


def class_recall(counts: Floats) -> Floats:
    """Recall of each class (..., C)."""
    return _ratio(_hits(counts), counts.sum(axis=-1))


def class_f1(counts: Floats) -> Floats:
    """F1 of each class (..., C)."""
    return _ratio(2 * _hits(counts), counts.sum(axis=-1) + counts.sum(axis=-2))


def _binary_or_weighted(scores: Floats, counts: Floats) -> Floats:
    """With two classes the score of the last, positive one; with more the mean weighted by true examples."""
    if counts.shape[-1] > 2:
        return _support_weighted(scores, counts)
    return np.where(counts.sum(axis=(-2, -1)) > 0, scores[..., -1], np.nan)


def accuracy(counts: Floats) -> Floats:
    """Share of rows decided correctly."""
    return _ratio(_hits(counts).sum(axis=-1), counts.sum(axis=(-2, -1)), np.nan)


def macro_f1(counts: Floats) -> Floats:
    """Unweighted mean of F1 over the classes that occur among the true labels."""
    return _mean_over_occurring(class_f1(counts), counts)


def balanced_accuracy(counts: Floats) -> Floats:
    """Unweighted mean of recall over the classes that occur among the true labels."""
    return _mean_over_occurring(class_recall(counts), counts)


def precision(counts: Floats) -> Floats:
    """Two classes: of the last class; more: mean weighted by true examples."""
    return _binary_or_weighted(class_precision(counts), counts)


def recall(counts: Floats) -> Floats:
    """Two classes: of the last class; more: mean weighted by true examples (which equals accuracy)."""
    return _binary_or_weighted(class_recall(counts), counts)


def f1(counts: Floats) -> Floats:
    """Two classes: of the last class; more: mean weighted by true examples."""
    return _binary_or_weighted(class_f1(counts), counts)


CONFUSION_METRICS: Final[Mapping[str, Callable[[Floats], Floats]]] = {
    "accuracy": accuracy,
    "precision": precision,
    "recall": recall,
    "f1": f1,
    "macro_f1": macro_f1,
    "balanced_accuracy": balanced_accuracy,
}
"""The metrics that can be resampled from counts, by the name they have in results."""

OVER_CLASSES: Final = ("macro_f1", "balanced_accuracy")
"""Means over classes: undefined where every true example is of one class, since there is nothing to average."""
