"""From one run's predictions to its result rows.

Labels come from the decision rule, Brier score, log-loss and ECE from temperature-scaled probabilities, both fitted
on the run's validation rows; ROC AUC and average precision from the probabilities as the model gave them.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Final, Self

import numpy as np
import pandas as pd

from crm_pipelines.columns import METRIC, RESULT_COLUMNS, RESULT_VALUE, RUN_COLUMNS, SLICE, N
from crm_pipelines.evaluation.calibration import (
    BINS,
    apply_temperature,
    brier_terms,
    calibration_gap,
    log_losses,
    one_against_rest,
    top_label,
)
from crm_pipelines.evaluation.confusion import CONFUSION_METRICS, OVER_CLASSES, confusion_counts, macro_f1
from crm_pipelines.evaluation.decision import plain_rule
from crm_pipelines.evaluation.fairness import fairness_rows
from crm_pipelines.evaluation.predictions import (
    MIN_N,
    Codes,
    Floats,
    Predictions,
    classes_of,
    probability_matrix,
    shards_of,
    slices_of,
    true_codes,
    validate_predictions,
)
from crm_pipelines.evaluation.rules import ValidationRules, fit_rules, with_decisions
from crm_pipelines.evaluation.scores import Scores, exact_total

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


def _summary(per_class: Floats) -> float:
    """The last class's value of two, the mean of the known ones of more."""
    if len(per_class) == 2:
        return float(per_class[-1])
    known = per_class[~np.isnan(per_class)]
    return float(known.mean()) if len(known) else float("nan")


@dataclass(frozen=True)
class Tally:
    """All that the metrics of a slice need of its rows; those of several shards add up.

    Attributes:
        counts, plain: confusion counts (C, C) of the decision rule, and of plain argmax.
        sums: exact totals of Brier score, log-loss and uncalibrated log-loss.
        top: highest probability and whether it was right, calibrated and not.
        classes: probability of each class as the model gave it, and whether it was the true one.
    """

    counts: Floats
    plain: Floats
    sums: tuple[Fraction, Fraction, Fraction]
    top: tuple[Scores, Scores]
    classes: tuple[Scores, ...]

    @classmethod
    def of(cls, probabilities: Floats, true: Codes, rules: ValidationRules) -> Self:
        """Of some rows: probabilities (N, C) as the model gave them, and class positions (N,)."""
        n_classes = probabilities.shape[1]
        calibrated = apply_temperature(probabilities, rules.temperature)
        return cls(
            confusion_counts(true, rules.decision.apply(probabilities), n_classes),
            confusion_counts(true, plain_rule(n_classes).apply(probabilities), n_classes),
            (
                exact_total(brier_terms(calibrated, true)),
                exact_total(log_losses(calibrated, true)),
                exact_total(log_losses(probabilities, true)),
            ),
            (top_label(calibrated, true), top_label(probabilities, true)),
            one_against_rest(probabilities, true),
        )

    @classmethod
    def merged(cls, parts: Sequence["Tally"]) -> Self:
        """Of the rows of all parts together."""
        brier, calibrated, plain = (sum(sums, Fraction(0)) for sums in zip(*(p.sums for p in parts), strict=True))
        best, raw = (Scores.merged(tops) for tops in zip(*(p.top for p in parts), strict=True))
        return cls(
            np.sum([part.counts for part in parts], axis=0),
            np.sum([part.plain for part in parts], axis=0),
            (brier, calibrated, plain),
            (best, raw),
            tuple(Scores.merged(several) for several in zip(*(part.classes for part in parts), strict=True)),
        )

    @property
    def n(self) -> int:
        """Rows."""
        return int(self.counts.sum())

    def metrics(self, rules: ValidationRules) -> dict[str, float]:
        """Every metric of the slice, by name; it must have rows."""
        support = self.counts.sum(axis=1)
        auc, precision = (np.array(each) for each in zip(*(scores.ranking() for scores in self.classes), strict=True))
        brier, calibrated, uncalibrated = (float(total / self.n) for total in self.sums)
        ece, ece_uncalibrated = (calibration_gap(scores.bins(BINS)) for scores in self.top)
        values = {name: float(function(self.counts)) for name, function in CONFUSION_METRICS.items()}
        values |= {
            "majority_accuracy": float(support[rules.classes.index(rules.majority)] / self.n),
            "macro_f1_argmax": float(macro_f1(self.plain)),
            "roc_auc": _summary(auc),
            "average_precision": _summary(precision),
            "brier": brier,
            "log_loss": calibrated,
            "ece": ece,
            "log_loss_uncalibrated": uncalibrated,
            "ece_uncalibrated": ece_uncalibrated,
        }
        if (support > 0).sum() < 2:  # every answer of one class is right or wrong as a whole: nothing to average
            values |= dict.fromkeys((*OVER_CLASSES, "macro_f1_argmax"), float("nan"))
        values |= {f"roc_auc[{label}]": float(auc[code]) for code, label in enumerate(rules.classes)}
        return {name: values[name] for name in metric_names(rules.classes)}


def evaluate_run(
    predictions: Predictions,
    run: Mapping[str, Any],
    slices: Sequence[str] = (),
    rules: ValidationRules | None = None,
) -> pd.DataFrame:
    """All result rows of one run, group fairness included.

    Args:
        predictions: the run's predictions, with rows of slice ``validation``, or shards of them by customer.
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
    shards = shards_of(predictions)
    validate_predictions(shards[0])
    rules = fit_rules(shards) if rules is None else rules
    identity = {column: run[column] for column in RUN_COLUMNS}
    parts: defaultdict[str, list[Tally]] = defaultdict(list)
    for number, shard in enumerate(shards):
        classes = validate_predictions(shard) if number else classes_of(shard)
        if classes != rules.classes:
            raise ValueError(f"rules for classes {rules.classes} do not fit predictions of {classes}")
        p, true = probability_matrix(shard), true_codes(shard)
        for name in slices_of(shard):
            rows = (shard[SLICE] == name).to_numpy(dtype=bool)
            parts[name].append(Tally.of(p[rows], true[rows], rules))
    names = metric_names(rules.classes)
    tables = []
    for name in dict.fromkeys((*slices, *sorted(parts))):
        tally = Tally.merged(parts[name]) if name in parts else None
        n = tally.n if tally else 0
        values = tally.metrics(rules) if tally and n >= MIN_N else dict.fromkeys(names, float("nan"))
        tables.append(
            pd.DataFrame({**identity, SLICE: name, METRIC: names, RESULT_VALUE: [values[m] for m in names], N: n})
        )
    fairness = fairness_rows(with_decisions(shards, rules), identity)
    tables.extend([fairness] if len(fairness) else [])
    if not tables:
        raise ValueError("predictions hold no test slice, only validation rows")
    return pd.concat(tables, ignore_index=True)[list(RESULT_COLUMNS)]
