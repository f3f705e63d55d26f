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
        comparisons: paired differences with intervals.
        fairness: macro-F1 per group with intervals.
        reliability: observed frequency against predicted probability.
        training: history of every fit.
        environment: what the measurements were made on.
    """

    metrics: pd.DataFrame
    efficiency: pd.DataFrame
    comparisons: pd.DataFrame
    fairness: pd.DataFrame
    reliability: pd.DataFrame
    training: pd.DataFrame
    environment: dict[str, Any]


def tabulate(runs: Iterable[StoredRun], challengers: Sequence[str], resamples: int, seed: int = 0) -> Tables:
    """Compute every table from stored runs.

    Args:
        runs: of any models, all of one source and pipeline.
        challengers: models whose differences to every other model are tested; absent ones are passed over.
        resamples: bootstrap resamples of customers.
        seed: of the bootstrap.
    """
    metrics, efficiency, training = [], [], []
    fairness, reliability = [], []
    decided: dict[str, dict[str, list[pd.DataFrame]]] = defaultdict(lambda: defaultdict(list))
    environment: dict[str, Any] = {}
    context: dict[str, Any] = {}
    for run in runs:
        identity = {column: run.manifest[column] for column in RUN_COLUMNS}
        context = {column: identity[column] for column in (PAPER, PIPELINE, SOURCE)}
        predictions = run.predictions()
        metrics.append(evaluate_run(predictions, identity, SLICES, run.manifest["majority"]))
        measured = run.efficiency()
        efficiency.append(efficiency_rows(identity, measured["values"], measured["events"]))
        environment = measured["environment"]
        history = pd.DataFrame(run.history()).drop(columns="seconds", errors="ignore")
        training.append(history.assign(**identity))
        if identity[VARIANT] != MAIN_VARIANT:
            continue
        rules = fit_rules(predictions)
        choices = with_decisions(predictions, rules)
        slim = choices[[EVENT_ID, CUSTOMER, SLICE, Y_TRUE, DECIDED]]
        first = not decided[identity[PROTOCOL]][identity[MODEL]]
        decided[identity[PROTOCOL]][identity[MODEL]].append(slim)
        if first:  # groups and calibration are drawn from a model's first run of each protocol
            named = {**context, PROTOCOL: identity[PROTOCOL], MODEL: identity[MODEL]}
            fairness.append(group_table(choices, resamples, seed).assign(**named))
            rows = predictions[predictions[SLICE] == SLICE_ALL]
            calibrated = apply_temperature(probability_matrix(rows), rules.temperature)
            table = reliability_table(calibrated, class_codes(rows[Y_TRUE], rules.classes), rules.classes)
            reliability.append(table.rename(columns={"accuracy": "frequency"}).assign(**named))
    comparisons = []
    for protocol, by_model in decided.items():
        present = [name for name in challengers if name in by_model]
        if len(by_model) > 1 and present:
            comparisons.append(
                compare(by_model, present, SLICES, resamples, seed, context={**context, PROTOCOL: protocol})
            )
    return Tables(
        _stack(metrics),
        _stack(efficiency),
        _stack(comparisons),
        _stack(fairness),
        _stack(reliability),
        _stack(training),
        environment,
    )


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
