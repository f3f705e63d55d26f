"""Runs of recommenders (paper E): models x protocols x seeds, the table of lists, and tables from it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from crm_pipelines.benchmark import running
from crm_pipelines.benchmark.results import Tables, stack, variant_name
from crm_pipelines.columns import (
    CUSTOMER,
    EVENT_ID,
    ITEM,
    MAIN_VARIANT,
    MODEL,
    PAPER,
    PIPELINE,
    PROTOCOL,
    RUN_COLUMNS,
    SLICE,
    SLICE_VALIDATION,
    SOURCE,
    VARIANT,
)
from crm_pipelines.config import Parameters, RunParameters
from crm_pipelines.evaluation.efficiency import INFERENCE_BATCH, efficiency_rows, latencies
from crm_pipelines.evaluation.lists import (
    LENGTH,
    LIST_COLUMNS,
    LISTED,
    POPULARITY,
    RELEVANT,
    ROLE,
    SAMPLED,
    WANTED,
    evaluate_lists,
    per_query,
)
from crm_pipelines.evaluation.ranked import CANDIDATES, LOG_PROBABILITY, RANK, compare_values
from crm_pipelines.models.registry import product_code_of, product_model
from crm_pipelines.models.sequence.base import SequenceModel
from crm_pipelines.recommendation.inputs import Bools, ProductInputs, Queries
from crm_pipelines.runs import NOT_APPLICABLE, PendingRun, StoredRun, code_version
from crm_pipelines.sequences.inputs import Ints

PAPER_E: Final = "E"
RECOMMENDATION: Final = "recommendation"
COMPARED: Final = ("ndcg@10", "recall@10", "map@7")
AT_ONCE: Final = 512
DRAWN_BY: Final = 7
"""Seed of the sampled products: the same for every model."""
TRIES: Final = 24
SAME: Final = 1e-6
"""Spread of a row's log-probabilities below which they are one and the same."""

_CODE: Final = (
    "sequences",
    "recommendation",
    "benchmark/products.py",
    "benchmark/running.py",
    "evaluation/lists.py",
)


def plan_runs(
    name: str,
    variants: Mapping[str, Parameters],
    source: str,
    views: Mapping[str, Callable[[], ProductInputs]],
    data_fingerprint: str,
    parameters: RunParameters,
) -> dict[str, PendingRun]:
    """Every run of one model that the parameters ask for; see `running.plan_runs`.

    Args:
        name: the model. variants: name of a variant -> its hyper-parameters.
        source: name of the source.
        views: ``<protocol>/fold=0`` -> makes the inputs; the first protocol is that of variants and latencies.
        data_fingerprint: of all sequences and attributes, and how they are split.
        parameters: seeds and threads.
    """
    benchmark = running.Benchmark(
        paper=PAPER_E,
        pipeline=RECOMMENDATION,
        protocol=next(iter(views)).split("/")[0],
        model=product_model,
        predict=predict,
        measure=_latencies,
        facts=lambda inputs: inputs.facts(),
        extras=lambda model, inputs: ({}, ()),
    )
    code = code_version(*_CODE, *product_code_of(name))
    return running.plan_runs(benchmark, name, variants, source, views, data_fingerprint, code, parameters)


def predict(model: SequenceModel, inputs: ProductInputs) -> pd.DataFrame:
    """The table of lists of every slice; the validation's largest slice is called ``validation``."""
    slices: dict[str, Queries] = (
        {SLICE_VALIDATION: max(inputs.validating.values(), key=len)} if inputs.validating else {}
    )
    slices |= {name: queries for name, queries in inputs.asked.items() if len(queries)}
    popularity = inputs.popularity
    parts = [pd.DataFrame(columns=list(LIST_COLUMNS))]
    for name, queries in slices.items():
        draw = np.random.default_rng(DRAWN_BY)
        for first in range(0, len(queries), AT_ONCE):
            some = queries.of(np.arange(first, min(first + AT_ONCE, len(queries))))
            parts.append(_lists(model, inputs, some, name, first, draw, popularity))
    return pd.concat(parts[1:] or parts, ignore_index=True)


def offered_scores(model: SequenceModel, inputs: ProductInputs, queries: Queries) -> tuple[np.ndarray, Bools]:
    """(Q, I) float64 logarithms of probabilities among what is offered, minus infinity elsewhere; and what that is."""
    offered = inputs.offered(queries)
    found = model.log_probabilities(inputs.before(queries)).astype(np.float64)
    # A model that knows nothing without a history says the same of every product; popularity answers in its place.
    silent = np.flatnonzero(queries.end == inputs.start[queries.customer])
    silent = silent[np.ptp(found[silent], axis=1) < SAME]
    found[silent] = np.log(inputs.popularity + 1e-9)
    found[~offered] = -np.inf
    some = offered.any(axis=1)  # in place: a table of a large catalogue is not copied
    found -= np.where(some, found.max(axis=1), 0.0)[:, None]
    found -= np.log(np.where(some, np.exp(found).sum(axis=1), 1.0))[:, None]
    return found, offered


def _lists(
    model: SequenceModel,
    inputs: ProductInputs,
    queries: Queries,
    name: str,
    first: int,
    draw: np.random.Generator,
    popularity: np.ndarray,
) -> pd.DataFrame:
    """Rows of some queries, the first of which has the number ``first``."""
    scores, offered = offered_scores(model, inputs, queries)
    row, item = queries.relevant.owner, queries.relevant.items
    wanted = np.diff(queries.relevant.start)
    top = first_places(scores, LENGTH)
    listed = np.isfinite(np.take_along_axis(scores, top, axis=1))
    negative = _sampled(offered, row, item, draw)
    there = negative >= 0
    parts = (
        (RELEVANT, row, item),
        (LISTED, np.nonzero(listed)[0], top[listed]),
        (SAMPLED, row[there], negative[there]),
    )
    candidates = offered.sum(axis=1)
    frames = []
    for role, rows, items in parts:
        own = scores[rows, items]
        columns = {
            EVENT_ID: first + rows,
            CUSTOMER: queries.customer[rows],
            SLICE: name,
            ITEM: items,
            ROLE: role,
            RANK: ranks(scores, rows, own) if role == RELEVANT else np.nan,
            CANDIDATES: candidates[rows],
            LOG_PROBABILITY: np.maximum(own, -700.0),
            POPULARITY: popularity[items],
            WANTED: wanted[rows],
        }
        if role == LISTED:
            columns[RANK] = 1.0 + np.nonzero(listed)[1]
        frames.append(pd.DataFrame(columns)[list(LIST_COLUMNS)])
    return pd.concat(frames, ignore_index=True)


def ranks(scores: np.ndarray, rows: Ints, own: np.ndarray) -> np.ndarray:
    """(N,) rank of a score ``own`` (N,) within its row of ``scores`` (Q, I), from 1; ties share their mean rank."""
    found = np.empty(len(rows))
    for first in range(0, len(rows), AT_ONCE):
        part = slice(first, first + AT_ONCE)
        table, mine = scores[rows[part]], own[part, None]
        found[part] = 1 + (table > mine).sum(axis=1) + ((table == mine).sum(axis=1) - 1) / 2
    return found


def first_places(scores: np.ndarray, length: int) -> Ints:
    """(Q, L) columns of the ``length`` greatest scores of each row of (Q, I), the greatest first; of ties the first.

    The same as a stable sort of every row, for a catalogue of thousands in a tenth of its time.
    """
    length = min(length, scores.shape[1])
    least = -np.partition(-scores, length - 1, axis=1)[:, length - 1, None]
    above, level = scores > least, scores == least
    chosen = above | (level & (np.cumsum(level, axis=1) <= length - above.sum(axis=1, keepdims=True)))
    top = np.nonzero(chosen)[1].reshape(len(scores), length)
    order = np.argsort(-np.take_along_axis(scores, top, axis=1), axis=1, kind="stable")
    return np.take_along_axis(top, order, axis=1)


def _sampled(offered: Bools, row: Ints, item: Ints, draw: np.random.Generator) -> Ints:
    """(N,) for each relevant pair a product drawn at random among the others that are offered; -1 in vain."""
    open_ = offered.copy()
    open_[row, item] = False
    guesses = draw.integers(0, offered.shape[1], (len(row), TRIES))
    fine = open_[row[:, None], guesses]
    return np.where(fine.any(axis=1), guesses[np.arange(len(row)), fine.argmax(axis=1)], -1)


def _latencies(model: SequenceModel, inputs: ProductInputs, calls: int) -> dict[str, float]:
    """Inference latency of one batch of customers: scores of all products, and the first ten of what is offered."""
    queries = max(inputs.asked.values(), key=len)
    batch = queries.of(np.resize(np.arange(len(queries)), INFERENCE_BATCH))
    histories = inputs.before(batch)

    def lists() -> object:
        scores, _ = offered_scores(model, inputs, batch)
        return np.argpartition(-scores, min(LENGTH, scores.shape[1] - 1), axis=1)

    timed = {"forward": lambda: model.log_probabilities(histories), "end_to_end": lists}
    return latencies(timed, len(batch), repeats=calls)


def tabulate(runs: Iterable[StoredRun], challengers: Sequence[str], resamples: int, seed: int = 0) -> Tables:
    """Compute every table from stored runs; those about classes stay empty.

    Args:
        runs: of recommenders, all of one source.
        challengers: models whose differences to every other model are tested; absent ones are passed over.
        resamples, seed: of the bootstrap over customers.
    """
    metrics, efficiency, training, comparisons = [], [], [], []
    values: dict[tuple[str, str], dict[str, list[pd.DataFrame]]] = defaultdict(lambda: defaultdict(list))
    studies: dict[tuple[str, str], dict[str, dict[str, list[pd.DataFrame]]]] = defaultdict(
        lambda: defaultdict(lambda: defaultdict(list))
    )
    environment: dict[str, Any] = {}
    context: dict[str, str] = {}
    for run in runs:
        if NOT_APPLICABLE in run.manifest:
            continue
        identity = {column: run.manifest[column] for column in RUN_COLUMNS}
        context = {column: identity[column] for column in (PAPER, PIPELINE, SOURCE)}
        lists, measured = run.predictions(), run.efficiency()
        metrics.append(evaluate_lists(lists, run.manifest["items"], identity))
        efficiency.append(efficiency_rows(identity, measured["values"], measured["events"]))
        training.append(pd.DataFrame(run.history()).drop(columns="seconds", errors="ignore").assign(**identity))
        environment = measured["environment"]
        for name, rows in lists.groupby(SLICE, sort=False):
            if name == SLICE_VALIDATION:
                continue
            where = (identity[PROTOCOL], str(name))
            found = per_query(rows)
            if identity[VARIANT] == MAIN_VARIANT:
                values[where][identity[MODEL]].append(found)
            else:
                studies[where][identity[MODEL]][variant_name(identity[MODEL], identity[VARIANT])].append(found)
    for (protocol, name), by_model in values.items():
        present = [model for model in challengers if model in by_model]
        if present and len(by_model) > 1:
            found = compare_values(by_model, present, name, COMPARED, resamples, seed, {**context, PROTOCOL: protocol})
            comparisons.append(found)
        for model, variants in studies[protocol, name].items():
            if model in by_model:
                both = {model: by_model[model], **variants}
                where_ = {**context, PROTOCOL: protocol}
                comparisons.append(compare_values(both, [model], name, COMPARED, resamples, seed, where_))
    empty = stack([])
    return Tables(stack(metrics), stack(efficiency), stack(comparisons), empty, empty, stack(training), environment)
