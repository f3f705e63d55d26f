"""Paired comparison of models: bootstrap over customers, the same resampled customers for every model.

Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13 (percentile interval), with the customer as
the unit that is drawn. Runs of a model (seeds, folds) are averaged inside each resample, so an interval speaks of
the model's mean score over its runs and not of its luckiest run.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd

from crm_pipelines.columns import CUSTOMER, EVENT_ID, METRIC, MODEL, SLICE, Y_TRUE, N
from crm_pipelines.evaluation.bootstrap import (
    customer_counts,
    customers_of,
    interval,
    resample_metrics,
    total_counts,
)
from crm_pipelines.evaluation.confusion import OVER_CLASSES, accuracy, balanced_accuracy, macro_f1
from crm_pipelines.evaluation.predictions import (
    DECIDED,
    MIN_N,
    Codes,
    Floats,
    Predictions,
    class_codes,
    shards_of,
)

COMPARISON_COLUMNS: Final = (SLICE, MODEL, "peer", METRIC, "difference", "low", "high", N, "customers")

_FUNCTIONS: Final = {"macro_f1": macro_f1, "accuracy": accuracy, "balanced_accuracy": balanced_accuracy}


@dataclass(frozen=True)
class _Runs:
    """All runs on one slice: ``folds[model][fingerprint of the events]`` lists positions in ``counts``."""

    n_classes: int
    n_customers: int
    counts: list[Any] = field(default_factory=list)
    folds: dict[str, dict[str, list[int]]] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)

    @property
    def n(self) -> int:
        """Events over all folds."""
        return sum(self.events.values())

    def average(self, per_run: Floats, model: str) -> Floats:
        """Mean (B,) of per-run scores (B, R) over a model's runs: over seeds within a fold, then over folds."""
        folds = self.folds[model]
        means = np.stack([per_run[:, folds[key]].mean(axis=1) for key in sorted(folds)], axis=1)
        # A fold none of whose customers was drawn has no score, for any model, in that resample.
        known = ~np.isnan(means)
        total = np.where(known, means, 0.0).sum(axis=1)
        average: Floats = np.full(len(means), np.nan)
        np.divide(total, known.sum(axis=1), out=average, where=known.any(axis=1))
        return average


def events_fingerprint(events: Codes, customers: Codes, true: Codes) -> tuple[int, int]:
    """Identifies which events a run was tested on, whatever the order of its rows; those of shards add up.

    Returns:
        The number of events, and the sum of a hash of each, below 2^64.
    """
    table = pd.DataFrame({"event": events, "customer": customers, "true": true})
    return len(table), int(pd.util.hash_pandas_object(table, index=False).to_numpy(dtype=np.uint64).sum())


def joined_fingerprint(parts: Iterable[tuple[int, int]]) -> str:
    """The fingerprint of all shards together, as text."""
    counts, hashes = zip(*parts, strict=True)
    return f"{sum(counts)}:{sum(hashes) % 2**64:016x}"


def _collect(slice_name: str, predictions_by_model: Mapping[str, Sequence[Predictions]]) -> _Runs:
    """Confusion counts per customer of every run on one slice; ValueError when models saw different events."""
    shards = {model: [shards_of(run) for run in several] for model, several in predictions_by_model.items()}
    every = [shard for several in shards.values() for run in several for shard in run]
    of_slice = [shard.loc[shard[SLICE] == slice_name, [Y_TRUE, DECIDED]] for shard in every]
    classes = tuple(sorted({str(name) for rows in of_slice for column in rows for name in rows[column].unique()}))
    customers = customers_of(every, slice_name)
    runs = _Runs(n_classes=len(classes), n_customers=len(customers))
    for model, several in shards.items():
        folds: defaultdict[str, list[int]] = defaultdict(list)
        for run in several:
            parts, counts = [], []
            for shard in run:
                rows = shard[shard[SLICE] == slice_name]
                true, decided = class_codes(rows[Y_TRUE], classes), class_codes(rows[DECIDED], classes)
                customer = np.searchsorted(customers, rows[CUSTOMER].to_numpy(dtype=np.int64)).astype(np.int64)
                parts.append(events_fingerprint(rows[EVENT_ID].to_numpy(dtype=np.int64), customer, true))
                counts.append(customer_counts(customer, true, decided, len(classes), len(customers)))
            n = sum(size for size, _ in parts)
            if n:
                key = joined_fingerprint(parts)
                folds[key].append(len(runs.counts))
                runs.events[key] = n
                runs.counts.append(sum(counts[1:], counts[0]))
        runs.folds[model] = dict(folds)
    expected = next(iter(runs.folds.values())).keys()
    for model, found in runs.folds.items():
        if found.keys() != expected:
            raise ValueError(
                f"slice '{slice_name}': '{model}' was tested on other events than '{next(iter(runs.folds))}'; "
                "paired differences need runs of the same folds on the same data"
            )
    return runs


def _check(predictions_by_model: Mapping[str, Sequence[Predictions]], models: Sequence[str]) -> None:
    unknown = [model for model in models if model not in predictions_by_model]
    if unknown:
        raise ValueError(f"no predictions of {', '.join(unknown)}; there are {', '.join(predictions_by_model)}")
    for model, frames in predictions_by_model.items():
        if not frames:
            raise ValueError(f"'{model}' has no runs")
        for frame in (shards_of(run)[0] for run in frames):
            missing = [c for c in (EVENT_ID, CUSTOMER, SLICE, Y_TRUE, DECIDED) if c not in frame.columns]
            if missing:
                raise ValueError(f"predictions of '{model}' lack {', '.join(missing)} (see rules.with_decisions)")


def compare(
    predictions_by_model: Mapping[str, Sequence[Predictions]],
    models: Sequence[str],
    slices: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
    metrics: Sequence[str] = ("macro_f1", "accuracy"),
    context: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Differences of each of ``models`` to every other model, with 95 % intervals.

    Args:
        predictions_by_model: model -> the predictions of its runs, each with ``event_id, customer, slice, y_true`` and
            ``decided``, or shards of them by customer; other columns are not read. Runs may differ in number, but the
            models' folds must be the same.
        models: the models to compare with all the others.
        slices: slices to compare on.
        resamples, seed: of the bootstrap over customers.
        metrics: of ``macro_f1``, ``accuracy``, ``balanced_accuracy``.
        context: columns put before the others, such as source and protocol.

    Returns:
        The context, then ``COMPARISON_COLUMNS``. ``difference`` is model minus peer on the data as they are; positive
        means the model is better; an interval without 0 means the difference is more than chance. ``n`` counts
        events. Below ``MIN_N`` events the numbers are NaN, as are means over classes where all events are of one class;
        with one customer there is no interval.

    Raises:
        ValueError: a model or column is missing, a metric is unknown, or models were tested on different events.
    """
    _check(predictions_by_model, models)
    unknown = [name for name in metrics if name not in _FUNCTIONS]
    if unknown:
        raise ValueError(f"cannot compare {', '.join(unknown)}; choose from {', '.join(_FUNCTIONS)}")
    functions = {name: _FUNCTIONS[name] for name in metrics}
    nothing = float("nan")
    rows = []
    for slice_name in slices:
        runs = _collect(slice_name, predictions_by_model)
        points: dict[str, Floats] = {}
        resampled: dict[str, Floats] = {}
        if runs.n >= MIN_N:
            totals = np.stack([total_counts(table, runs.n_classes) for table in runs.counts])
            one_class = (totals.sum(axis=(0, 2)) > 0).sum() < 2
            defined = {name: f for name, f in functions.items() if not (one_class and name in OVER_CLASSES)}
            points = {name: function(totals)[None, :] for name, function in defined.items()}
            if runs.n_customers > 1 and defined:
                resampled = resample_metrics(runs.counts, runs.n_classes, defined, resamples, seed)
        for model in models:
            for peer in (other for other in predictions_by_model if other != model):
                for name in metrics:
                    difference, low, high = nothing, nothing, nothing
                    if name in points:
                        difference = float((runs.average(points[name], model) - runs.average(points[name], peer))[0])
                    if name in resampled:
                        low, high = interval(runs.average(resampled[name], model) - runs.average(resampled[name], peer))
                    rows.append((slice_name, model, peer, name, difference, low, high, runs.n, runs.n_customers))
    table = pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS))
    for position, (column, value) in enumerate((context or {}).items()):
        table.insert(position, column, value)
    return table
