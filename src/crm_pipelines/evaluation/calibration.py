"""Calibration: temperature scaling, expected calibration error, reliability tables, Brier score, log-loss.

Temperature scaling after Guo et al. 2017, "On Calibration of Modern Neural Networks" (arXiv:1706.04599); bins of
equal mass after Nixon et al. 2019, "Measuring Calibration in Deep Learning" (arXiv:1904.01685).
"""

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.optimize import minimize_scalar
from scipy.special import logsumexp

from crm_pipelines.evaluation.predictions import Codes, Floats
from crm_pipelines.evaluation.scores import Scores, exact_total

TINY = 1e-15
"""Probabilities are kept this far from 0 wherever a logarithm is taken."""
BINS = 15
MAX_TEMPERATURE = 20.0
"""Temperatures are sought between its inverse and itself."""


def log_probabilities(probabilities: Floats) -> Floats:
    """Natural logarithm of ``probabilities`` (N, C), from ``log(TINY)`` up."""
    return np.asarray(np.log(np.maximum(probabilities, TINY)), dtype=np.float64)


def apply_temperature(probabilities: Floats, temperature: float) -> Floats:
    """``p^(1/T)`` (N, C) with rows adding up to 1; T above 1 softens, T below 1 sharpens, T = 1 changes nothing."""
    if temperature == 1.0:
        return probabilities
    scaled = log_probabilities(probabilities) / temperature
    powers = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(powers / powers.sum(axis=1, keepdims=True), dtype=np.float64)


def fit_temperature(probabilities: Floats, true: Codes) -> float:
    """The temperature that minimises the log-loss of (N, C) probabilities on validation labels (N,).

    Sought on a logarithmic scale. It is 1 where there are no rows and where no other value lowers the loss.
    """
    if len(true) == 0:
        return 1.0
    logs = log_probabilities(probabilities)
    mean_hit = float(logs[np.arange(len(true)), true].mean())

    def loss(log_temperature: float) -> float:
        inverse = float(np.exp(-log_temperature))
        return float(np.mean(logsumexp(logs * inverse, axis=1))) - inverse * mean_hit

    bound = float(np.log(MAX_TEMPERATURE))
    found = minimize_scalar(loss, bounds=(-bound, bound), method="bounded", options={"xatol": 1e-4})
    return float(np.exp(found.x)) if found.fun < loss(0.0) - 1e-12 else 1.0


def log_losses(probabilities: Floats, true: Codes) -> Floats:
    """Negative log-probability (N,) of the true class, probabilities clipped at ``TINY``."""
    hit = probabilities[np.arange(len(true)), true]
    return np.asarray(-np.log(np.clip(hit, TINY, 1.0)), dtype=np.float64)


def log_loss(probabilities: Floats, true: Codes) -> float:
    """Mean of :func:`log_losses`; NaN without rows."""
    return float(exact_total(log_losses(probabilities, true)) / len(true)) if len(true) else float("nan")


def brier_terms(probabilities: Floats, true: Codes) -> Floats:
    """Sum (N,) over classes of squared error."""
    hit = probabilities[np.arange(len(true)), true]
    return np.asarray(np.square(probabilities).sum(axis=1) - 2 * hit + 1, dtype=np.float64)


def brier_score(probabilities: Floats, true: Codes) -> float:
    """Mean of :func:`brier_terms`, between 0 and 2; NaN without rows.

    This is Brier's own multi-class form; with two classes it is twice the one-column form some tools print.
    """
    return float(exact_total(brier_terms(probabilities, true)) / len(true)) if len(true) else float("nan")


def top_label(probabilities: Floats, true: Codes) -> Scores:
    """The highest probability of each row, and whether that class is right."""
    top = probabilities.argmax(axis=1)
    return Scores.of(probabilities[np.arange(len(true)), top], top == true)


def one_against_rest(probabilities: Floats, true: Codes) -> tuple[Scores, ...]:
    """For each class its probability in every row, and whether it is the true one."""
    return tuple(Scores.of(probabilities[:, code], true == code) for code in range(probabilities.shape[1]))


def calibration_gap(table: pd.DataFrame) -> float:
    """Mean distance between confidence and accuracy of `Scores.bins`, weighted by their rows."""
    n = table["n"].to_numpy(dtype=np.float64)
    distance = np.abs(table["confidence"].to_numpy() - table["accuracy"].to_numpy())
    return float((n * distance).sum() / n.sum()) if n.sum() else float("nan")


def expected_calibration_error(probabilities: Floats, true: Codes, bins: int = BINS) -> float:
    """Top-label ECE: distance between the highest probability of a row and how often that class is right.

    ``bins`` bins of equal mass; NaN without rows.
    """
    return calibration_gap(top_label(probabilities, true).bins(bins))


def classwise_calibration_error(probabilities: Floats, true: Codes, bins: int = BINS) -> float:
    """Class-wise ECE: mean over classes of the one-against-rest calibration error; NaN without rows."""
    found = [calibration_gap(scores.bins(bins)) for scores in one_against_rest(probabilities, true)]
    return float(np.mean(found))


def reliability_table(scores: Sequence[Scores], classes: Sequence[str], bins: int = BINS) -> pd.DataFrame:
    """Points of a reliability diagram: ``class, bin, confidence, accuracy, n``, from :func:`one_against_rest`."""
    tables = []
    for label, of_class in zip(classes, scores, strict=True):
        table = of_class.bins(bins)
        table.insert(0, "class", label)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
