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
from crm_pipelines.evaluation.calibration import apply_temperature, one_against_rest, reliability_table
from crm_pipelines.evaluation.efficiency import efficiency_rows
from crm_pipelines.evaluation.fairness import group_table
from crm_pipelines.evaluation.metrics import evaluate_run
from crm_pipelines.evaluation.predictions import DECIDED, class_codes, probability_matrix, shards_of
from crm_pipelines.evaluation.ranking import POSITIVE, SCORE, SCORE_METRICS, compare_scores
from crm_pipelines.evaluation.rules import ValidationRules, fit_rules, with_decisions
from crm_pipelines.evaluation.scores import Scores
from crm_pipelines.evaluation.significance import compare
from crm_pipelines.processes import side_by_side
from crm_pipelines.runs import NOT_APPLICABLE, StoredRun

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


def _evaluate(run: StoredRun, detailed: bool, resamples: int, seed: int, slices: Sequence[str]) -> _Evaluated:
    """Score one run; ``detailed`` adds groups and calibration."""
    identity = {column: run.manifest[column] for column in RUN_COLUMNS}
    predictions, measured = run.shards(), run.efficiency()
    rules = fit_rules(predictions, run.manifest["majority"])
    choices = with_decisions(predictions, rules)
    fairness = reliability = pd.DataFrame()
    if detailed:
        named = {column: identity[column] for column in (PAPER, PIPELINE, SOURCE, PROTOCOL, MODEL)}
        fairness = group_table(choices, resamples, seed).assign(**named)
        table = reliability_table(_calibrated(predictions, rules), rules.classes)
        reliability = table.rename(columns={"accuracy": "frequency"}).assign(**named)
    return _Evaluated(
        identity,
        evaluate_run(predictions, identity, slices, rules),
        efficiency_rows(identity, measured["values"], measured["events"]),
        pd.DataFrame(run.history()).drop(columns="seconds", errors="ignore").assign(**identity),
        measured["environment"],
        measured.get("uncounted_operations", []),
        pd.concat([_decided(shard, rules) for shard in shards_of(choices)], ignore_index=True),
        fairness,
        reliability,
    )


def _calibrated(predictions: Sequence[pd.DataFrame], rules: ValidationRules) -> list[Scores]:
    """For each class its calibrated probability over all events of the test, and whether it was the true one."""
    parts = []
    for shard in predictions:
        rows = shard[shard[SLICE] == SLICE_ALL]
        calibrated = apply_temperature(probability_matrix(rows), rules.temperature)
        parts.append(one_against_rest(calibrated, class_codes(rows[Y_TRUE], rules.classes)))
    return [Scores.merged(of_class) for of_class in zip(*parts, strict=True)]


def _decided(choices: pd.DataFrame, rules: ValidationRules) -> pd.DataFrame:
    """What comparisons need of a run; with two classes also the calibrated probability of the last."""
    decided = choices[[EVENT_ID, CUSTOMER, SLICE, Y_TRUE, DECIDED]].copy()
    if len(rules.classes) == 2:
        decided[POSITIVE] = (decided[Y_TRUE] == rules.classes[1]).astype(float)
        decided[SCORE] = apply_temperature(probability_matrix(choices), rules.temperature)[:, 1]
    return decided


def tabulate(
    runs: Iterable[StoredRun],
    challengers: Sequence[str],
    resamples: int,
    seed: int = 0,
    processes: int = 1,
    slices: Sequence[str] = SLICES,
    protocol: str = PROTOCOL_TIME,
    compared: Sequence[str] = ("macro_f1", "accuracy"),
) -> Tables:
    """Compute every table from stored runs.

    Args:
        runs: of any models, all of one source and pipeline.
        challengers: models whose differences to every other model are tested; absent ones are passed over.
        resamples: bootstrap resamples of customers.
        seed: of the bootstrap.
        processes: runs scored side by side; the tables are the same for any number.
        slices: every slice of the test; one without events is listed with n = 0.
        protocol: the one on whose last fold variants were run.
        compared: metrics of the differences; ``roc_auc`` and ``log_loss`` for two classes only.
    """
    from joblib import delayed

    todo, seen = [], set()
    reasons: dict[str, str] = {}
    for run in runs:
        manifest = run.manifest
        if NOT_APPLICABLE in manifest:
            reasons[manifest[MODEL]] = manifest[NOT_APPLICABLE]
            continue
        main = manifest[VARIANT] == MAIN_VARIANT
        first = main and (manifest[PROTOCOL], manifest[MODEL]) not in seen
        if main:
            seen.add((manifest[PROTOCOL], manifest[MODEL]))
        # Groups and calibration are drawn from a model's first run of each protocol.
        todo.append(delayed(_evaluate)(run, first, resamples, seed, slices))
    parts: list[_Evaluated] = list(side_by_side(todo, processes if len(todo) > 1 else 1))
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

    def add(by_model: Mapping[str, Sequence[pd.DataFrame]], present: Sequence[str], name: str) -> None:
        where = {**context, PROTOCOL: name}
        by_counts = [metric for metric in compared if metric not in SCORE_METRICS]
        by_scores = [metric for metric in compared if metric in SCORE_METRICS]
        comparisons.append(compare(by_model, present, slices, resamples, seed, by_counts, where))
        if by_scores:
            comparisons.append(compare_scores(by_model, present, slices, resamples, seed, by_scores, where))

    for name, by_model in decided.items():
        present = [model for model in challengers if model in by_model]
        if len(by_model) > 1 and present:
            add(by_model, present, name)
    for model, by_variant in studies.items():  # variants were run on the last fold of the protocol
        tested = {frozenset(frame[EVENT_ID]) for frames in by_variant.values() for frame in frames}
        whole = [frame for frame in decided[protocol][model] if frozenset(frame[EVENT_ID]) in tested]
        if whole:
            add({model: whole, **by_variant}, [model], protocol)
    if reasons:
        environment = {**environment, NOT_APPLICABLE: reasons}
    if environment:
        environment = {**environment, "uncounted_operations": uncounted}
    return Tables(
        stack([part.metrics for part in parts]),
        stack([part.efficiency for part in parts]),
        stack(comparisons),
        stack([part.fairness for part in parts]),
        stack([part.reliability for part in parts]),
        stack([part.training for part in parts]),
        environment,
    )


def variant_name(model: str, variant: str) -> str:
    """A variant's name in comparisons with its model, for example ``tfpnet:no_tgat``."""
    return f"{model}:{variant}"


def stack(tables: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Tables under one another; one without rows where all are empty."""
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
