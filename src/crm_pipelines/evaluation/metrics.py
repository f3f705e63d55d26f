"""From one run's predictions to its result rows.

Labels come from the decision rule, Brier score, log-loss and ECE from temperature-scaled probabilities, both fitted
on the run's validation rows; ROC AUC and average precision from the probabilities as the model gave them.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from sklearn.metrics import average_precision_score, roc_auc_score

from crm_pipelines.columns import METRIC, RESULT_COLUMNS, RESULT_VALUE, RUN_COLUMNS, SLICE, N
from crm_pipelines.evaluation.calibration import (
    apply_temperature,
    brier_score,
    expected_calibration_error,
    log_loss,
)
from crm_pipelines.evaluation.confusion import CONFUSION_METRICS, OVER_CLASSES, confusion_counts, macro_f1
from crm_pipelines.evaluation.decision import plain_rule
from crm_pipelines.evaluation.fairness import fairness_rows
from crm_pipelines.evaluation.predictions import (
    MIN_N,
    Codes,
    Floats,
    probability_matrix,
    slices_of,
    true_codes,
    validate_predictions,
)
from crm_pipelines.evaluation.rules import ValidationRules, fit_rules, with_decisions

METRICS: Final = (
    "accuracy",
    "majority_accuracy",
    "precision",
    "recall",
    "f1",
    "macro_f1",
    "macro_f1_argmax",
    "balanced_accuracy",
    "roc_auc",
    "average_precision",
    "brier",
    "log_loss",
    "ece",
    "log_loss_uncalibrated",
    "ece_uncalibrated",
)
"""The metrics of every slice, besides ``roc_auc[<class>]`` for each class.

``precision``, ``recall`` and ``f1`` are those of the last class with two classes, and weighted by true examples with
more. ``macro_f1`` and ``balanced_accuracy`` are means over the classes that occur in the slice, classes never
predicted counting 0. ``roc_auc`` is of the last class with two classes, and the one-against-rest mean over classes
that have examples and counter-examples with more; ``average_precision`` likewise. ``brier`` lies between 0 and 2.
"""


def metric_names(classes: Sequence[str]) -> tuple[str, ...]:
    """The metrics of a slice for these classes, in the order of result rows."""
    return (*METRICS, *(f"roc_auc[{label}]" for label in classes))


def _one_against_rest(probabilities: Floats, true: Codes) -> tuple[Floats, Floats]:
    """ROC AUC (C,) and average precision (C,) of each class; NaN without examples or counter-examples."""
    n_classes = probabilities.shape[1]
    auc, precision = np.full(n_classes, np.nan), np.full(n_classes, np.nan)
    for code in range(n_classes):
        positive = true == code
        if positive.any() and not positive.all():
            auc[code] = roc_auc_score(positive, probabilities[:, code])
            precision[code] = average_precision_score(positive, probabilities[:, code])
    return auc, precision


def _summary(per_class: Floats) -> float:
    """The last class's value of two, the mean of the known ones of more."""
    if len(per_class) == 2:
        return float(per_class[-1])
    known = per_class[~np.isnan(per_class)]
    return float(known.mean()) if len(known) else float("nan")


def slice_metrics(probabilities: Floats, true: Codes, rules: ValidationRules) -> dict[str, float]:
    """Every metric of one slice, by name.

    Args:
        probabilities: (N, C) as the model gave them; N at least 1.
        true: class positions (N,).
        rules: temperature, decision rule and majority class of the run.
    """
    n_classes = probabilities.shape[1]
    counts = confusion_counts(true, rules.decision.apply(probabilities), n_classes)
    plain = confusion_counts(true, plain_rule(n_classes).apply(probabilities), n_classes)
    calibrated = apply_temperature(probabilities, rules.temperature)
    auc, precision = _one_against_rest(probabilities, true)
    values = {name: float(function(counts)) for name, function in CONFUSION_METRICS.items()}
    values |= {
        "majority_accuracy": float((true == rules.classes.index(rules.majority)).mean()),
        "macro_f1_argmax": float(macro_f1(plain)),
        "roc_auc": _summary(auc),
        "average_precision": _summary(precision),
        "brier": brier_score(calibrated, true),
        "log_loss": log_loss(calibrated, true),
        "ece": expected_calibration_error(calibrated, true),
        "log_loss_uncalibrated": log_loss(probabilities, true),
        "ece_uncalibrated": expected_calibration_error(probabilities, true),
    }
    if len(np.unique(true)) < 2:  # every answer of one class is right or wrong as a whole: nothing to average
        values |= dict.fromkeys((*OVER_CLASSES, "macro_f1_argmax"), float("nan"))
    values |= {f"roc_auc[{label}]": float(auc[code]) for code, label in enumerate(rules.classes)}
    return {name: values[name] for name in metric_names(rules.classes)}


def evaluate_run(
    predictions: pd.DataFrame,
    run: Mapping[str, Any],
    slices: Sequence[str] = (),
    rules: ValidationRules | None = None,
) -> pd.DataFrame:
    """All result rows of one run, group fairness included.

    Args:
        predictions: the run's predictions, with rows of slice ``validation``.
        run: a value for each of ``RUN_COLUMNS``.
        slices: slices expected; those without rows are reported with n = 0.
        rules: what was chosen on validation, from ``fit_rules``; chosen here where not given.

    Returns:
        ``RESULT_COLUMNS``, one row per (slice, metric); values are NaN in slices with fewer than ``MIN_N`` rows.

    Raises:
        ValueError: the table breaks its contract (``validate_predictions``), or ``run`` lacks a column.
    """
    missing = [column for column in RUN_COLUMNS if column not in run]
    if missing:
        raise ValueError(f"'run' lacks {', '.join(missing)}")
    classes = validate_predictions(predictions)
    rules = fit_rules(predictions) if rules is None else rules
    identity = {column: run[column] for column in RUN_COLUMNS}
    p, true = probability_matrix(predictions), true_codes(predictions)
    tables = []
    for name in dict.fromkeys((*slices_of(predictions), *slices)):
        rows = (predictions[SLICE] == name).to_numpy(dtype=bool)
        n = int(rows.sum())
        names = metric_names(classes)
        values = slice_metrics(p[rows], true[rows], rules) if n >= MIN_N else dict.fromkeys(names, float("nan"))
        tables.append(
            pd.DataFrame({**identity, SLICE: name, METRIC: names, RESULT_VALUE: [values[m] for m in names], N: n})
        )
    fairness = fairness_rows(with_decisions(predictions, rules), identity)
    tables.extend([fairness] if len(fairness) else [])
    if not tables:
        raise ValueError("predictions hold no test slice, only validation rows")
    return pd.concat(tables, ignore_index=True)[list(RESULT_COLUMNS)]
