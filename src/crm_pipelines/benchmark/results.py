"""Tables from the runs that exist; nothing here knows a model."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.columns import (
    CUSTOMER,
    EVENT_ID,
    FOLD,
    MAIN_VARIANT,
    MODEL,
    PAPER,
    PIPELINE,
    PROTOCOL,
    PROTOCOL_TIME,
    RUN_COLUMNS,
    SHOTS,
    SIDES,
    SLICE,
    SLICE_ALL,
    SLICE_WARM,
    SOURCE,
    VARIANT,
    Y_TRUE,
    cold_slice,
)
from crm_pipelines.evaluation.calibration import apply_temperature, reliability_table
from crm_pipelines.evaluation.efficiency import efficiency_rows
from crm_pipelines.evaluation.fairness import group_table
from crm_pipelines.evaluation.metrics import evaluate_run
from crm_pipelines.evaluation.predictions import DECIDED, class_codes, probability_matrix
from crm_pipelines.evaluation.rules import fit_rules, with_decisions
from crm_pipelines.evaluation.significance import compare
from crm_pipelines.runs import StoredRun

SLICES = (SLICE_ALL, SLICE_WARM, *(cold_slice(side, k) for side in SIDES for k in SHOTS))
"""Every slice of behaviour prediction; one without queries is listed with n = 0."""


class Tables(NamedTuple):
    """All result tables of one pipeline and source.

    Attributes:
        metrics, efficiency: ``RESULT_COLUMNS``.
        comparisons: paired differences with intervals; variants of studies against their model (``variant_name``).
        fairness: macro-F1 per group with intervals.
        reliability: observed frequency against predicted probability.
        training: history of every fit.
        environment: what the measurements were made on, and which operations FLOPs leave out, by model.
    """

    metrics: pd.DataFrame
    efficiency: pd.DataFrame
    comparisons: pd.DataFrame
    fairness: pd.DataFrame
    reliability: pd.DataFrame
    training: pd.DataFrame
    environment: dict[str, Any]


class _Evaluated(NamedTuple):
    """What one run gives to the tables, by itself."""

    identity: dict[str, Any]
    metrics: pd.DataFrame
    efficiency: pd.DataFrame
    training: pd.DataFrame
    environment: dict[str, Any]
    uncounted: list[str]
    decided: pd.DataFrame
    fairness: pd.DataFrame
    reliability: pd.DataFrame


def _evaluate(run: StoredRun, detailed: bool, resamples: int, seed: int) -> _Evaluated:
    """Score one run; ``detailed`` adds groups and calibration."""
    identity = {column: run.manifest[column] for column in RUN_COLUMNS}
    predictions, measured = run.predictions(), run.efficiency()
    rules = fit_rules(predictions, run.manifest["majority"])
    choices = with_decisions(predictions, rules)
    fairness = reliability = pd.DataFrame()
    if detailed:
        named = {column: identity[column] for column in (PAPER, PIPELINE, SOURCE, PROTOCOL, MODEL)}
        fairness = group_table(choices, resamples, seed).assign(**named)
        rows = predictions[predictions[SLICE] == SLICE_ALL]
        calibrated = apply_temperature(probability_matrix(rows), rules.temperature)
        table = reliability_table(calibrated, class_codes(rows[Y_TRUE], rules.classes), rules.classes)
        reliability = table.rename(columns={"accuracy": "frequency"}).assign(**named)
    return _Evaluated(
        identity,
        evaluate_run(predictions, identity, SLICES, rules),
        efficiency_rows(identity, measured["values"], measured["events"]),
        pd.DataFrame(run.history()).drop(columns="seconds", errors="ignore").assign(**identity),
        measured["environment"],
        measured.get("uncounted_operations", []),
        choices[[EVENT_ID, CUSTOMER, SLICE, Y_TRUE, DECIDED]],
        fairness,
        reliability,
    )


def tabulate(
    runs: Iterable[StoredRun], challengers: Sequence[str], resamples: int, seed: int = 0, processes: int = 1
) -> Tables:
    """Compute every table from stored runs.

    Args:
        runs: of any models, all of one source and pipeline.
        challengers: models whose differences to every other model are tested; absent ones are passed over.
        resamples: bootstrap resamples of customers.
        seed: of the bootstrap.
        processes: runs scored side by side; the tables are the same for any number.
    """
    from joblib import Parallel, delayed

    todo, seen = [], set()
    for run in runs:
        manifest = run.manifest
        main = manifest[VARIANT] == MAIN_VARIANT
        first = main and (manifest[PROTOCOL], manifest[MODEL]) not in seen
        if main:
            seen.add((manifest[PROTOCOL], manifest[MODEL]))
        # Groups and calibration are drawn from a model's first run of each protocol.
        todo.append(delayed(_evaluate)(run, first, resamples, seed))
    parts: list[_Evaluated] = Parallel(n_jobs=processes if len(todo) > 1 else 1)(todo)
    decided: dict[str, dict[str, list[pd.DataFrame]]] = defaultdict(lambda: defaultdict(list))
    studies: dict[str, dict[str, list[pd.DataFrame]]] = defaultdict(lambda: defaultdict(list))
    environment: dict[str, Any] = {}
    uncounted: dict[str, list[str]] = {}
    context: dict[str, Any] = {}
    for part in parts:
        identity, model = part.identity, part.identity[MODEL]
        context = {column: identity[column] for column in (PAPER, PIPELINE, SOURCE)}
        environment = part.environment
        if part.uncounted:
            uncounted[model] = part.uncounted
        if identity[VARIANT] == MAIN_VARIANT:
            decided[identity[PROTOCOL]][model].append(part.decided)
        else:
            studies[model][variant_name(model, identity[VARIANT])].append(part.decided)
    comparisons = []
    for protocol, by_model in decided.items():
        present = [name for name in challengers if name in by_model]
        if len(by_model) > 1 and present:
            comparisons.append(
                compare(by_model, present, SLICES, resamples, seed, context={**context, PROTOCOL: protocol})
            )
    for model, by_variant in studies.items():  # variants were run on the last fold in time
        tested = {frozenset(frame[EVENT_ID]) for frames in by_variant.values() for frame in frames}
        whole = [frame for frame in decided[PROTOCOL_TIME][model] if frozenset(frame[EVENT_ID]) in tested]
        if whole:
            comparisons.append(
                compare(
                    {model: whole, **by_variant},
                    [model],
                    SLICES,
                    resamples,
                    seed,
                    context={**context, PROTOCOL: PROTOCOL_TIME},
                )
            )
    if environment:
        environment = {**environment, "uncounted_operations": uncounted}
    return Tables(
        _stack([part.metrics for part in parts]),
        _stack([part.efficiency for part in parts]),
        _stack(comparisons),
        _stack([part.fairness for part in parts]),
        _stack([part.reliability for part in parts]),
        _stack([part.training for part in parts]),
        environment,
    )


def variant_name(model: str, variant: str) -> str:
    """A variant's name in comparisons with its model, for example ``tfpnet:no_tgat``."""
    return f"{model}:{variant}"


def _stack(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [table for table in tables if len(table)]
    return pd.concat(filled, ignore_index=True) if filled else pd.DataFrame({MODEL: [], FOLD: []})


def data_fingerprint(parts: Mapping[str, Mapping[str, NDArray[Any]]]) -> str:
    """Hash of named arrays: the same data give the same fingerprint on every machine."""
    digest = hashlib.sha256()
    for group in sorted(parts):
        for name in sorted(parts[group]):
            array = np.ascontiguousarray(parts[group][name])
            digest.update(f"{group}/{name} {array.dtype.str} {array.shape}".encode())
            digest.update(array.data if array.size else b"")
    return digest.hexdigest()
