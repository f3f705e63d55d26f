"""Runs of behaviour models (paper A): models x protocols x folds x seeds."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from crm_pipelines.benchmark import running
from crm_pipelines.columns import (
    CUSTOMER,
    EVENT_ID,
    GROUP_PREFIX,
    PROTOCOL_TIME,
    SLICE,
    SLICE_ALL,
    SLICE_VALIDATION,
    SLICE_WARM,
    Y_TRUE,
    probability,
)
from crm_pipelines.config import Parameters, RunParameters
from crm_pipelines.evaluation.efficiency import INFERENCE_BATCH, latencies
from crm_pipelines.events.features import FeatureBuilder
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.behaviour.base import BehaviourModel
from crm_pipelines.models.registry import behaviour_model, code_of
from crm_pipelines.runs import PendingRun, Run, code_version

PAPER_A = "A"
COLDSTART = "coldstart"

_CODE = ("events", "encoding", "text", "preparation", "benchmark/behaviour.py", "benchmark/running.py")


def _benchmark(utc_offset_hours: float) -> running.Benchmark:
    """Paper A's benchmark; the offset is for the features whose latency is measured."""
    return running.Benchmark(
        paper=PAPER_A,
        pipeline=COLDSTART,
        protocol=PROTOCOL_TIME,
        model=behaviour_model,
        predict=predict,
        measure=lambda model, inputs, calls: _latencies(model, inputs, utc_offset_hours, calls),
    )


def plan_runs(
    name: str,
    variants: Mapping[str, Parameters],
    source: str,
    views: Mapping[str, Callable[[], EventInputs]],
    data_fingerprint: str,
    parameters: RunParameters,
    utc_offset_hours: float,
    variant_views: Mapping[str, Mapping[str, Callable[[], EventInputs]]] | None = None,
) -> dict[str, PendingRun]:
    """Every run of one model that the parameters ask for; see `running.plan_runs`.

    Args:
        name: the model.
        variants: name of a variant (``main``, or an ablation) -> its hyper-parameters.
        source: name of the source.
        views: ``<protocol>/fold=<f>`` -> loads the prepared inputs.
        data_fingerprint: of all prepared data.
        parameters: seeds and threads.
        utc_offset_hours: for the features whose latency is measured.
        variant_views: variants that are the same model on other inputs -> their ``views``.
    """
    code = code_version(*_CODE, *code_of(name))
    benchmark = _benchmark(utc_offset_hours)
    return running.plan_runs(
        benchmark, name, variants, source, views, data_fingerprint, code, parameters, variant_views
    )


def execute(
    run: dict[str, Any],
    config: Parameters,
    inputs: EventInputs,
    threads: int,
    utc_offset_hours: float,
    timed_calls: int,
) -> Run:
    """Fit, predict and measure one run; see `running.execute`."""
    return running.execute(_benchmark(utc_offset_hours), run, config, inputs, threads, timed_calls)


def slices_of_test(inputs: EventInputs) -> dict[str, np.ndarray]:
    """Test slice -> event ids: ``all``, ``warm`` (both entities occur before the test part), and the cold ones."""
    store, test = inputs.store, inputs.test
    cut = int(store.timestamp[test[0]])
    known = np.ones(len(test), dtype=bool)
    for index in (store.customers, store.items):
        first = index.time[index.indptr[index.group[test]]]
        known &= first < cut
    return {SLICE_ALL: test, SLICE_WARM: test[known], **inputs.cold}


def predict(model: BehaviourModel, inputs: EventInputs) -> pd.DataFrame:
    """The predictions table of validation and of every test slice; each event is predicted once."""
    slices = {SLICE_VALIDATION: inputs.validation, **slices_of_test(inputs)}
    events = np.unique(np.concatenate(list(slices.values())))
    probabilities = model.predict_proba(inputs, events)
    classes = np.asarray(inputs.classes, dtype=object)
    table = pd.DataFrame(
        {
            EVENT_ID: events,
            CUSTOMER: np.asarray(inputs.store.customer)[events].astype(np.int64),
            Y_TRUE: classes[inputs.labels[events]],
        }
    )
    for column, label in enumerate(inputs.classes):
        table[probability(label)] = probabilities[:, column]
    for axis, groups in inputs.groups.items():
        table[f"{GROUP_PREFIX}{axis}"] = np.asarray(groups)[events].astype(object)
    parts = []
    for name, ids in slices.items():
        part = table.iloc[np.searchsorted(events, ids)].copy()
        part.insert(2, SLICE, name)
        parts.append(part)
    return pd.concat(parts, ignore_index=True)


def _latencies(model: BehaviourModel, inputs: EventInputs, utc_offset_hours: float, calls: int) -> dict[str, float]:
    """Inference latency of one batch: computing its features, the model on them, and both."""
    batch = inputs.test[:INFERENCE_BATCH]
    builder = FeatureBuilder(inputs.store, utc_offset_hours, inputs.time_unit)

    def forward() -> object:
        return model.predict_proba(inputs, batch)

    def features() -> object:
        return builder.events(batch)

    def end_to_end() -> object:
        features()
        return forward()

    return latencies({"features": features, "forward": forward, "end_to_end": end_to_end}, len(batch), repeats=calls)
