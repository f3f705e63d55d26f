"""The table of ranks, what models of the next item are judged by; it knows no model.

One row per (slice, event, step): ``event_id`` (the first target of the step's plan), ``customer``, ``slice``, ``step``
(1 to 3), ``item`` (the true one), ``rank`` of it among all ``candidates`` (from 1; equal scores share their mean rank),
``log_probability`` given to it, and ``planned``, the item that the plan puts there, -1 where none was made.

Ranks are over *all* items that could come next. A ranking among a sample of items orders models otherwise (Krichene and
Rendle 2020, "On sampled metrics for item recommendation", KDD 2020) and is not offered.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from crm_pipelines.columns import (
    CUSTOMER,
    EVENT_ID,
    METRIC,
    RESULT_COLUMNS,
    RESULT_VALUE,
    RUN_COLUMNS,
    SLICE,
    SLICE_VALIDATION,
    N,
)
from crm_pipelines.evaluation.bootstrap import CHUNK_VALUES, interval, resample_weights
from crm_pipelines.evaluation.predictions import MIN_N, Floats
from crm_pipelines.evaluation.significance import COMPARISON_COLUMNS

STEP: Final = "step"
TRUE_ITEM: Final = "item"
RANK: Final = "rank"
CANDIDATES: Final = "candidates"
LOG_PROBABILITY: Final = "log_probability"
PLANNED: Final = "planned"
RANK_COLUMNS: Final = (EVENT_ID, CUSTOMER, SLICE, STEP, TRUE_ITEM, RANK, CANDIDATES, LOG_PROBABILITY, PLANNED)

SLICE_PLAN: Final = "plan"
"""Whole plans; its steps are ``plan_step_1`` to ``plan_step_3``."""
CUTOFFS: Final = (1, 5, 10, 20)
CHANCE: Final = "_chance"
"""Ends the name of what a random order of the candidates is expected to reach."""


def plan_step(step: int) -> str:
    """Name of the slice of one step of the plans."""
    return f"{SLICE_PLAN}_step_{step}"


def per_event(ranks: pd.DataFrame) -> dict[str, Floats]:
    """Each metric of each row (N,), with what chance is expected to reach: HR@k, NDCG@k (one true item), MRR, log-loss.

    NDCG@k of a single true item at rank r is 1 / log2(r + 1) up to k and 0 beyond.
    """
    rank, n = ranks[RANK].to_numpy(dtype=np.float64), ranks[CANDIDATES].to_numpy(dtype=np.float64)
    values: dict[str, Floats] = {}
    for k in CUTOFFS:
        values[f"hr@{k}"] = (rank <= k).astype(np.float64)
        values[f"hr@{k}{CHANCE}"] = np.minimum(k / n, 1.0)
    values["ndcg@10"] = np.where(rank <= 10, 1 / np.log2(rank + 1), 0.0)
    ideal = np.concatenate([[0.0], np.cumsum(1 / np.log2(np.arange(1, 11) + 1))])
    values[f"ndcg@10{CHANCE}"] = ideal[np.minimum(n, 10).astype(np.int64)] / n
    values["mrr"] = 1 / rank
    values["item_log_loss"] = -ranks[LOG_PROBABILITY].to_numpy(dtype=np.float64)
    values[f"item_log_loss{CHANCE}"] = np.log(n)
    return values


def per_plan(ranks: pd.DataFrame) -> dict[str, Floats]:
    """Of each planned event (M,), in the order of ``event_id``: whole plan right, share of its items found, chance."""
    rows = ranks[ranks[PLANNED] >= 0].sort_values([EVENT_ID, STEP], kind="stable")
    steps = int(rows[STEP].max()) if len(rows) else 1
    true = rows[TRUE_ITEM].to_numpy().reshape(-1, steps)
    planned = rows[PLANNED].to_numpy().reshape(-1, steps)
    candidates = rows[CANDIDATES].to_numpy(dtype=np.float64).reshape(-1, steps)
    found = (true[:, :, None] == planned[:, None, :]).any(axis=1)
    return {
        "plan_accuracy": (true == planned).all(axis=1).astype(np.float64),
        f"plan_accuracy{CHANCE}": (1 / candidates).prod(axis=1),
        "plan_items_found": found.mean(axis=1),
        f"plan_items_found{CHANCE}": np.minimum(steps / candidates[:, 0], 1.0),
    }


def evaluate_ranks(ranks: pd.DataFrame, run: Mapping[str, Any]) -> pd.DataFrame:
    """All result rows of one run: ``RESULT_COLUMNS``, NaN in slices with fewer than ``MIN_N`` rows.

    Args:
        ranks: the table of ranks.
        run: a value for each of ``RUN_COLUMNS``.
    """
    identity = {column: run[column] for column in RUN_COLUMNS}
    tables = []
    for name, rows in ranks.groupby(SLICE, sort=False):
        if name == SLICE_VALIDATION:
            continue
        tables.append((str(name), {key: float(value.mean()) for key, value in per_event(rows).items()}, len(rows)))
    planned = ranks[(ranks[SLICE].str.startswith(f"{SLICE_PLAN}_")) & (ranks[PLANNED] >= 0)]
    if len(planned):
        whole = per_plan(planned)
        tables.append((SLICE_PLAN, {k: float(v.mean()) for k, v in whole.items()}, planned[EVENT_ID].nunique()))
    parts = [
        pd.DataFrame(
            {
                **identity,
                SLICE: name,
                METRIC: list(values),
                RESULT_VALUE: [value if n >= MIN_N else float("nan") for value in values.values()],
                N: n,
            }
        )
        for name, values, n in tables
    ]
    return pd.concat(parts, ignore_index=True)[list(RESULT_COLUMNS)]


def compare_ranks(
    ranks_by_model: Mapping[str, Sequence[pd.DataFrame]],
    models: Sequence[str],
    slice_name: str,
    metrics: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
    context: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """Differences of each of ``models`` to every other in the mean of a metric, with 95 % intervals over customers.

    Args:
        ranks_by_model: model -> the tables of its runs on the same events; runs are averaged event by event.
        models: the models to compare with all the others.
        slice_name: the slice to compare on.
        metrics: of `per_event`, higher is better.
        resamples, seed: of the bootstrap.
        context: columns put before the others.

    Raises:
        ValueError: models were tested on different events.
    """

    def valued(table: pd.DataFrame) -> pd.DataFrame:
        rows = table[table[SLICE] == slice_name].sort_values(EVENT_ID, kind="stable")
        return rows[[EVENT_ID, CUSTOMER]].assign(**per_event(rows))

    values = {model: [valued(table) for table in tables] for model, tables in ranks_by_model.items()}
    return compare_values(values, models, slice_name, metrics, resamples, seed, context)


def compare_values(
    values_by_model: Mapping[str, Sequence[pd.DataFrame]],
    models: Sequence[str],
    slice_name: str,
    metrics: Sequence[str],
    resamples: int = 1000,
    seed: int = 0,
    context: Mapping[str, str] | None = None,
) -> pd.DataFrame:
    """The same of metrics computed already: ``event_id, customer`` and a column for each metric, a row an event.

    Raises:
        ValueError: models were tested on different events.
    """
    events: pd.DataFrame | None = None
    values: dict[str, dict[str, Floats]] = {}
    for model, tables in values_by_model.items():
        for rows in tables:
            if events is None:
                events = rows[[EVENT_ID, CUSTOMER]].reset_index(drop=True)
            if not np.array_equal(events[EVENT_ID], rows[EVENT_ID]):
                raise ValueError(f"slice '{slice_name}': '{model}' was tested on other events than the first model")
        values[model] = {metric: np.mean([rows[metric].to_numpy() for rows in tables], axis=0) for metric in metrics}
    if events is None or not len(events):
        return pd.DataFrame(columns=[*(context or {}), *COMPARISON_COLUMNS])
    customers, place = np.unique(events[CUSTOMER], return_inverse=True)
    size = np.bincount(place).astype(np.float64)
    pairs = [(model, peer, metric) for model in models for peer in values if peer != model for metric in metrics]
    sums = np.stack(
        [np.bincount(place, weights=values[model][metric] - values[peer][metric]) for model, peer, metric in pairs]
    ).astype(np.float64)  # (P, U)
    drawn = resampled_means(sums, size, resamples, seed) if len(events) >= MIN_N and len(customers) > 1 else None
    rows_out = []
    for position, (model, peer, metric) in enumerate(pairs):
        low, high = interval(drawn[position]) if drawn is not None else (float("nan"), float("nan"))
        difference = float(sums[position].sum() / size.sum()) if len(events) >= MIN_N else float("nan")
        rows_out.append((slice_name, model, peer, metric, difference, low, high, len(events), len(customers)))
    table = pd.DataFrame(rows_out, columns=list(COMPARISON_COLUMNS))
    for position, (column, value) in enumerate((context or {}).items()):
        table.insert(position, column, value)
    return table


def resampled_means(sums: Floats, size: Floats, resamples: int, seed: int) -> Floats:
    """(P, resamples) means of values whose sums per customer (P, U) are given, over ``size`` (U,) events."""
    random = np.random.default_rng(seed)
    parts = []
    step = max(1, min(resamples, CHUNK_VALUES // len(size)))
    for start in range(0, resamples, step):
        weights = resample_weights(random, len(size), min(step, resamples - start))
        parts.append((sums @ weights) / (size @ weights))
    return np.concatenate(parts, axis=1)
