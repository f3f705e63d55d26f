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


def log_loss(probabilities: Floats, true: Codes) -> float:
    """Mean negative log-probability of the true class, probabilities clipped at ``TINY``."""
    hit = probabilities[np.arange(len(true)), true]
    return float(-np.log(np.clip(hit, TINY, 1.0)).mean()) if len(true) else float("nan")


def brier_score(probabilities: Floats, true: Codes) -> float:
    """Mean over rows of the sum over classes of squared error, between 0 and 2.

    This is Brier's own multi-class form; with two classes it is twice the one-column form some tools print.
    """
    if len(true) == 0:
        return float("nan")
    hit = probabilities[np.arange(len(true)), true]
    return float((np.square(probabilities).sum(axis=1) - 2 * hit + 1).mean())


def equal_mass_bins(confidence: Floats, bins: int = BINS) -> Codes:
    """Bin (N,) of each confidence (N,) so that bins hold about equally many rows.

    Equal confidences always share a bin, so the result does not depend on the order of the rows, and a model
    that gives every row the same confidence has one bin rather than ``bins`` random ones.
    """
    ordered = np.sort(confidence)
    first_rank = np.searchsorted(ordered, confidence, side="left")
    return np.asarray(first_rank * bins // max(len(confidence), 1), dtype=np.int64)


def _bin_table(confidence: Floats, correct: Floats, bins: int) -> pd.DataFrame:
    """bin, confidence, accuracy, n for each bin that holds rows."""
    index = equal_mass_bins(confidence, bins)
    n = np.bincount(index, minlength=bins)
    filled = n > 0
    return pd.DataFrame(
        {
            "bin": np.flatnonzero(filled),
            "confidence": np.bincount(index, confidence, bins)[filled] / n[filled],
            "accuracy": np.bincount(index, correct, bins)[filled] / n[filled],
            "n": n[filled],
        }
    )


def _gap(table: pd.DataFrame) -> float:
    """Mean distance between confidence and accuracy, bins weighted by their rows."""
    n = table["n"].to_numpy(dtype=np.float64)
    distance = np.abs(table["confidence"].to_numpy() - table["accuracy"].to_numpy())
    return float((n * distance).sum() / n.sum()) if n.sum() else float("nan")


def expected_calibration_error(probabilities: Floats, true: Codes, bins: int = BINS) -> float:
    """Top-label ECE: distance between the highest probability of a row and how often that class is right.

    ``bins`` bins of equal mass; NaN without rows.
    """
    if len(true) == 0:
        return float("nan")
    top = probabilities.argmax(axis=1)
    return _gap(_bin_table(probabilities[np.arange(len(true)), top], (top == true).astype(float), bins))


def classwise_calibration_error(probabilities: Floats, true: Codes, bins: int = BINS) -> float:
    """Class-wise ECE: mean over classes of the one-against-rest calibration error; NaN without rows."""
    if len(true) == 0:
        return float("nan")
    columns = range(probabilities.shape[1])
    return float(np.mean([_gap(_bin_table(probabilities[:, c], (true == c).astype(float), bins)) for c in columns]))


def reliability_table(probabilities: Floats, true: Codes, classes: Sequence[str], bins: int = BINS) -> pd.DataFrame:
    """Points of a reliability diagram, one class against the rest: ``class, bin, confidence, accuracy, n``."""
    tables = []
    for code, label in enumerate(classes):
        table = _bin_table(probabilities[:, code], (true == code).astype(float), bins)
        table.insert(0, "class", label)
        tables.append(table)
    return pd.concat(tables, ignore_index=True)
