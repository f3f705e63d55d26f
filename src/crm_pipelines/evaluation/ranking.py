"""Paired comparison of two-class models by what the scores themselves tell: ROC AUC and log-loss.

The same bootstrap over customers as in ``significance``: a resample is a vector of weights, one per customer, shared by
all models. The area under the ROC curve of a weighted sample is the weighted share of (positive, negative) pairs in
which the positive one has the higher score, ties counting half (Fawcett 2006, "An introduction to ROC analysis").
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import pandas as pd

from crm_pipelines.columns import CUSTOMER, EVENT_ID, SLICE
from crm_pipelines.evaluation.bootstrap import CHUNK_VALUES, interval, resample_weights
from crm_pipelines.evaluation.calibration import TINY
from crm_pipelines.evaluation.predictions import MIN_N, Codes, Floats
from crm_pipelines.evaluation.significance import COMPARISON_COLUMNS, events_fingerprint, joined_fingerprint

POSITIVE: Final = "positive"
"""Column of decided predictions: whether the true class is the last of two."""
SCORE: Final = "score"
"""Column of decided predictions: calibrated probability of the last of two classes."""
SCORE_METRICS: Final = ("roc_auc", "log_loss")


@dataclass(frozen=True)
class _Run:
    """One run on one slice, sorted by rising score: ``ties`` are the starts of runs of equal scores."""

    customer: Codes
    positive: Floats
    loss: Floats
    ties: Codes

    def scores(self, weights: Floats) -> dict[str, Floats]:
        """Each metric (B,) under weights (U, B) of the customers."""
        own = weights[self.customer]  # (n, B)
        positive = np.add.reduceat(own * self.positive[:, None], self.ties, axis=0)  # (groups of ties, B)
        negative = np.add.reduceat(own * (1.0 - self.positive)[:, None], self.ties, axis=0)
        below = np.cumsum(negative, axis=0) - negative
        pairs = positive.sum(axis=0) * negative.sum(axis=0)
        won = (positive * (below + 0.5 * negative)).sum(axis=0)
        total = own.sum(axis=0)
        nothing = np.full(weights.shape[1], np.nan)
        return {
            "roc_auc": np.divide(won, pairs, out=nothing.copy(), where=pairs > 0),
            "log_loss": np.divide(self.loss @ own, total, out=nothing.copy(), where=total > 0),
        }


@dataclass
class _Slice:
    """All runs on one slice: ``folds[model][fold]`` lists them."""

    customers: Codes
    folds: dict[str, dict[str, list[_Run]]] = field(default_factory=dict)
    events: dict[str, int] = field(default_factory=dict)

    def average(self, weights: Floats) -> dict[str, dict[str, Floats]]:
        """Model -> metric -> mean (B,) over seeds within a fold, then over folds."""
        means: dict[str, dict[str, Floats]] = {}
        for model, folds in self.folds.items():
            by_metric: defaultdict[str, list[Floats]] = defaultdict(list)
            for key in sorted(folds):
                scored = [run.scores(weights) for run in folds[key]]
                for metric in SCORE_METRICS:
                    by_metric[metric].append(np.mean([each[metric] for each in scored], axis=0))
            means[model] = {metric: np.mean(values, axis=0) for metric, values in by_metric.items()}
        return means


def compare_scores(
    predictions_by_model: Mapping[str, Sequence[pd.DataFrame]],
    models: Sequence[str],
    slices: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
    metrics: Sequence[str] = SCORE_METRICS,
    context: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Differences of each of ``models`` to every other model in ROC AUC and log-loss, with 95 % intervals.

    Args:
        predictions_by_model: model -> the predictions of its runs, each with ``event_id, customer, slice`` and
            `POSITIVE` and `SCORE`. Runs may differ in number, but the models' folds must be the same.
        models: the models to compare with all the others.
        slices: slices to compare on.
        resamples, seed: of the bootstrap over customers.
        metrics: of `SCORE_METRICS`.
        context: columns put before the others, such as source and protocol.

    Returns:
        As ``significance.compare``; a lower log-loss is better.

    Raises:
        ValueError: models were tested on different events.
    """
    rows = []
    nothing = float("nan")
    for slice_name in slices:
        runs = _collect(slice_name, predictions_by_model)
        n, n_customers = sum(runs.events.values()), len(runs.customers)
        known = n >= MIN_N
        points = runs.average(np.ones((n_customers, 1))) if known else {}
        drawn = _resampled(runs, resamples, seed) if known and n_customers > 1 else {}
        for model in models:
            for peer in (other for other in predictions_by_model if other != model):
                for metric in metrics:
                    difference, low, high = nothing, nothing, nothing
                    if points:
                        difference = float(points[model][metric][0] - points[peer][metric][0])
                    if drawn:
                        low, high = interval(drawn[model][metric] - drawn[peer][metric])
                    rows.append((slice_name, model, peer, metric, difference, low, high, n, n_customers))
    table = pd.DataFrame(rows, columns=list(COMPARISON_COLUMNS))
    for position, (column, value) in enumerate((context or {}).items()):
        table.insert(position, column, value)
    return table


def _collect(slice_name: str, predictions_by_model: Mapping[str, Sequence[pd.DataFrame]]) -> _Slice:
    parts = {m: [frame[frame[SLICE] == slice_name] for frame in frames] for m, frames in predictions_by_model.items()}
    frames = [frame for several in parts.values() for frame in several]
    found = _Slice(np.unique(np.concatenate([frame[CUSTOMER].to_numpy(dtype=np.int64) for frame in frames])))
    for model, several in parts.items():
        folds: defaultdict[str, list[_Run]] = defaultdict(list)
        for frame in (each for each in several if len(each)):
            positive = frame[POSITIVE].to_numpy(dtype=np.float64)
            score = frame[SCORE].to_numpy(dtype=np.float64)
            customer = frame[CUSTOMER].to_numpy(dtype=np.int64)
            events = frame[EVENT_ID].to_numpy(dtype=np.int64)
            key = joined_fingerprint([events_fingerprint(events, customer, positive.astype(np.int64))])
            order = np.argsort(score, kind="stable")
            ordered, positive = score[order], positive[order]
            starts = np.flatnonzero(np.concatenate([[True], ordered[1:] > ordered[:-1]]))
            hit = np.where(positive > 0, ordered, 1.0 - ordered)
            loss = -np.log(np.clip(hit, TINY, 1.0))
            place = np.searchsorted(found.customers, customer[order]).astype(np.int64)
            folds[key].append(_Run(place, positive, loss, starts))
            found.events[key] = len(frame)
        found.folds[model] = dict(folds)
    expected = next(iter(found.folds.values())).keys()
    for model, mine in found.folds.items():
        if mine.keys() != expected:
            raise ValueError(f"slice '{slice_name}': '{model}' was tested on other events than the first model")
    return found


def _resampled(runs: _Slice, resamples: int, seed: int) -> dict[str, dict[str, Floats]]:
    """Model -> metric -> (resamples,)."""
    n_customers = len(runs.customers)
    random = np.random.default_rng(seed)
    size = max(1, min(resamples, CHUNK_VALUES // max(n_customers, 1)))
    parts: list[dict[str, dict[str, Floats]]] = []
    for start in range(0, resamples, size):
        weights = resample_weights(random, n_customers, min(size, resamples - start))
        parts.append(runs.average(weights))
    return {
        model: {metric: np.concatenate([part[model][metric] for part in parts]) for metric in SCORE_METRICS}
        for model in runs.folds
    }
