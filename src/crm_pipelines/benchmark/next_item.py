"""Runs of models of the next item (paper B): models x protocols x seeds, the table of ranks, and tables from it."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from crm_pipelines.benchmark import running
from crm_pipelines.benchmark.results import Tables, stack
from crm_pipelines.columns import (
    CUSTOMER,
    EVENT_ID,
    MAIN_VARIANT,
    MODEL,
    PAPER,
    PIPELINE,
    PROTOCOL,
    RUN_COLUMNS,
    SLICE,
    SLICE_ALL,
    SLICE_VALIDATION,
    SOURCE,
    VARIANT,
)
from crm_pipelines.config import Parameters, RunParameters
from crm_pipelines.evaluation.calibration import TINY
from crm_pipelines.evaluation.efficiency import INFERENCE_BATCH, efficiency_rows, latencies
from crm_pipelines.evaluation.ranked import (
    CANDIDATES,
    LOG_PROBABILITY,
    PLANNED,
    RANK,
    RANK_COLUMNS,
    STEP,
    TRUE_ITEM,
    compare_ranks,
    evaluate_ranks,
    plan_step,
)
from crm_pipelines.models.registry import sequence_code_of, sequence_model
from crm_pipelines.models.sequence.base import SequenceModel
from crm_pipelines.runs import NOT_APPLICABLE, PendingRun, StoredRun, code_version
from crm_pipelines.sequences.inputs import Ints, SequenceInputs
from crm_pipelines.sequences.planning import PLANNED as PLANNED_AT_ONCE
from crm_pipelines.sequences.planning import next_log_probabilities, plan
from crm_pipelines.sequences.preparation import LEAVE_LAST_OUT, STEPS

PAPER_B: Final = "B"
ENGAGEMENT: Final = "engagement"
COMPARED: Final = ("ndcg@10", "hr@10")
AT_ONCE: Final = 512
"""Histories ranked at once."""
NO_PLAN: Final = -1

_CODE: Final = ("sequences", "benchmark/next_item.py", "benchmark/running.py", "evaluation/ranked.py")


def plan_runs(
    name: str,
    config: Parameters,
    source: str,
    views: Mapping[str, Callable[[], SequenceInputs]],
    data_fingerprint: str,
    parameters: RunParameters,
) -> dict[str, PendingRun]:
    """Every run of one model that the parameters ask for; see `running.plan_runs`.

    Args:
        name: the model. config: its hyper-parameters.
        source: name of the source.
        views: ``<protocol>/fold=0`` -> makes the inputs.
        data_fingerprint: of all sequences and how they are split.
        parameters: seeds and threads.
    """
    benchmark = running.Benchmark(
        paper=PAPER_B,
        pipeline=ENGAGEMENT,
        protocol=LEAVE_LAST_OUT,
        model=sequence_model,
        predict=predict,
        measure=_latencies,
        facts=lambda inputs: {"items": inputs.n_items, "no_repeats": inputs.no_repeats},
        extras=_extras,
    )
    code = code_version(*_CODE, *sequence_code_of(name))
    return running.plan_runs(benchmark, name, {MAIN_VARIANT: config}, source, views, data_fingerprint, code, parameters)


def predict(model: SequenceModel, inputs: SequenceInputs) -> pd.DataFrame:
    """The table of ranks of validation and test, and of every step of the plans."""
    parts = [
        _next(model, inputs, targets, name)
        for name, targets in ((SLICE_VALIDATION, inputs.validation), (SLICE_ALL, inputs.test))
        if len(targets)
    ]
    parts += [
        _planned(model, inputs, inputs.plans[first : first + PLANNED_AT_ONCE])
        for first in range(0, len(inputs.plans), PLANNED_AT_ONCE)
    ]
    return pd.concat(parts, ignore_index=True)


def _next(model: SequenceModel, inputs: SequenceInputs, targets: Ints, name: str) -> pd.DataFrame:
    """Rows of step 1 of a slice."""
    parts = []
    for first in range(0, len(targets), AT_ONCE):
        some = targets[first : first + AT_ONCE]
        nothing = np.empty((len(some), 0), dtype=np.int64)
        scores = next_log_probabilities(
            model.log_probabilities, inputs.histories(some), np.arange(len(some)), nothing, inputs.no_repeats
        )
        parts.append(_rows(inputs, some, name, 1, inputs.items[some], scores, np.full(len(some), NO_PLAN)))
    return pd.concat(parts, ignore_index=True)


def _planned(model: SequenceModel, inputs: SequenceInputs, starts: Ints) -> pd.DataFrame:
    """Rows of every step of the plans that begin at targets ``starts``."""
    plans = plan(model.log_probabilities, inputs.histories(starts), STEPS, inputs.no_repeats)
    parts = [
        _rows(inputs, starts, plan_step(s + 1), s + 1, inputs.items[starts + s], plans.marginal[s], plans.items[:, s])
        for s in range(STEPS)
    ]
    return pd.concat(parts, ignore_index=True)


def _rows(
    inputs: SequenceInputs, events: Ints, name: str, step: int, true: Ints, scores: np.ndarray, planned: Ints
) -> pd.DataFrame:
    """One row an event, from the logarithms of probabilities (B, I)."""
    own = scores[np.arange(len(events)), true][:, None]
    rank = 1 + (scores > own).sum(axis=1) + ((scores == own).sum(axis=1) - 1) / 2
    columns = {
        EVENT_ID: events,
        CUSTOMER: np.searchsorted(inputs.start, events, side="right") - 1,
        SLICE: name,
        STEP: step,
        TRUE_ITEM: true,
        RANK: rank,
        CANDIDATES: np.isfinite(scores).sum(axis=1),
        LOG_PROBABILITY: np.maximum(own[:, 0], np.log(TINY)),
        PLANNED: planned,
    }
    return pd.DataFrame(columns)[list(RANK_COLUMNS)]


def _latencies(model: SequenceModel, inputs: SequenceInputs, calls: int) -> dict[str, float]:
    """Inference latency of one batch of histories."""
    batch = np.resize(inputs.test, INFERENCE_BATCH) if len(inputs.test) else inputs.test
    histories = inputs.histories(batch)
    timed = {
        "forward": lambda: model.log_probabilities(histories),
        "end_to_end": lambda: model.log_probabilities(inputs.histories(batch)),
    }
    return latencies(timed, len(batch), repeats=calls)


def _extras(model: SequenceModel, inputs: SequenceInputs) -> tuple[dict[str, float], tuple[str, ...]]:
    """Floating-point operations per event where torch can count them."""
    if getattr(model, "network", None) is None or not len(inputs.test):
        return {}, ()
    from crm_pipelines.evaluation.flops import count_flops

    batch = inputs.test[:INFERENCE_BATCH]
    flops, uncounted = count_flops(lambda: model.log_probabilities(inputs.histories(batch)))
    return {"flops_per_event": flops / len(batch)}, uncounted


def tabulate(runs: Iterable[StoredRun], challengers: Sequence[str], resamples: int, seed: int = 0) -> Tables:
    """Compute every table from stored runs; those about classes stay empty.

    Args:
        runs: of models of the next item, all of one source.
        challengers: models whose differences to every other model are tested; absent ones are passed over.
        resamples, seed: of the bootstrap over customers.
    """
    metrics, efficiency, training, comparisons = [], [], [], []
    ranks: dict[str, dict[str, list[pd.DataFrame]]] = defaultdict(lambda: defaultdict(list))
    environment: dict[str, Any] = {}
    uncounted: dict[str, list[str]] = {}
    context: dict[str, str] = {}
    for run in runs:
        if NOT_APPLICABLE in run.manifest or run.manifest[VARIANT] != MAIN_VARIANT:
            continue
        identity = {column: run.manifest[column] for column in RUN_COLUMNS}
        context = {column: identity[column] for column in (PAPER, PIPELINE, SOURCE)}
        table, measured = run.predictions(), run.efficiency()
        metrics.append(evaluate_ranks(table, identity))
        efficiency.append(efficiency_rows(identity, measured["values"], measured["events"]))
        training.append(pd.DataFrame(run.history()).drop(columns="seconds", errors="ignore").assign(**identity))
        environment = measured["environment"]
        if measured.get("uncounted_operations"):
            uncounted[identity[MODEL]] = measured["uncounted_operations"]
        ranks[identity[PROTOCOL]][identity[MODEL]].append(table)
    for protocol, by_model in ranks.items():
        present = [model for model in challengers if model in by_model]
        if present and len(by_model) > 1:
            where = {**context, PROTOCOL: protocol}
            comparisons.append(compare_ranks(by_model, present, SLICE_ALL, COMPARED, resamples, seed, where))
    if environment:
        environment = {**environment, "uncounted_operations": uncounted}
    empty = pd.DataFrame()
    return Tables(stack(metrics), stack(efficiency), stack(comparisons), empty, empty, stack(training), environment)
