"""Runs of behaviour models (paper A): models x protocols x folds x seeds."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from crm_pipelines.columns import (
    CUSTOMER,
    EVENT_ID,
    FOLD,
    GROUP_PREFIX,
    MODEL,
    PAPER,
    PIPELINE,
    PROTOCOL,
    SEED,
    SLICE,
    SLICE_ALL,
    SLICE_VALIDATION,
    SLICE_WARM,
    SOURCE,
    VARIANT,
    Y_TRUE,
    probability,
)
from crm_pipelines.config import Parameters, RunParameters
from crm_pipelines.evaluation.efficiency import INFERENCE_BATCH, environment, latencies, measure
from crm_pipelines.events.features import FeatureBuilder
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.behaviour.base import BehaviourModel
from crm_pipelines.models.registry import behaviour_model
from crm_pipelines.runs import PendingRun, Run, code_version, fingerprint
from crm_pipelines.training.seeds import seed_everything

logger = logging.getLogger(__name__)

PAPER_A = "A"
COLDSTART = "coldstart"

_CODE = ("models", "training", "events", "encoding", "text", "preparation", "benchmark")


def plan_runs(
    name: str,
    variants: Mapping[str, Parameters],
    source: str,
    views: Mapping[str, Callable[[], EventInputs]],
    data_fingerprint: str,
    parameters: RunParameters,
    utc_offset_hours: float,
) -> dict[str, PendingRun]:
    """Every run of one model that the parameters ask for, to be executed only if it is not stored yet.

    Args:
        name: the model.
        variants: name of a variant (``main``, or an ablation) -> its hyper-parameters.
        source: name of the source.
        views: ``<protocol>/fold=<f>`` -> loads the prepared inputs.
        data_fingerprint: of all prepared data.
        parameters: seeds and threads.
        utc_offset_hours: for the features whose latency is measured.
    """
    pending = {}
    for variant, config in variants.items():
        for view, load in views.items():
            protocol, fold = view.split("/fold=")
            for seed in parameters.seeds:
                run = {
                    PAPER: PAPER_A,
                    PIPELINE: COLDSTART,
                    SOURCE: source,
                    MODEL: name,
                    VARIANT: variant,
                    PROTOCOL: protocol,
                    FOLD: int(fold),
                    SEED: seed,
                }
                mark = fingerprint(
                    {
                        "run": run,
                        "config": config.model_dump(mode="json"),
                        "threads": parameters.threads,
                        "data": data_fingerprint,
                        "code": code_version(*_CODE),
                    }
                )
                key = f"{variant}/{view}/seed={seed}"
                pending[key] = PendingRun(mark, _execution(run, config, load, parameters.threads, utc_offset_hours))
    return pending


def _execution(
    run: dict[str, Any], config: Parameters, load: Callable[[], EventInputs], threads: int, utc_offset_hours: float
) -> Callable[[], Run]:
    return lambda: execute(run, config, load(), threads, utc_offset_hours)


def execute(run: dict[str, Any], config: Parameters, inputs: EventInputs, threads: int, utc_offset_hours: float) -> Run:
    """Fit, predict and measure one run.

    Args:
        run: a value for each of ``RUN_COLUMNS``.
        config: the model's hyper-parameters.
        inputs: prepared inputs of the run's protocol and fold.
        threads: CPU threads.
        utc_offset_hours: of the source.
    """
    seed_everything(run[SEED], threads)
    model = behaviour_model(run[MODEL])(config, run[SEED])
    with measure() as cost:
        history = model.fit(inputs)
    predictions = predict(model, inputs)
    facts = cost.training_facts(len(history) if history and "seconds" in history[0] else 1, len(inputs.train))
    if history and "seconds" in history[0]:  # networks: training steps alone, without validation
        per_epoch = float(np.median([row["seconds"] for row in history]))
        facts["seconds_per_epoch"] = per_epoch
        facts["training_events_per_second"] = len(inputs.train) / per_epoch
    facts["parameters"] = float(model.n_parameters)
    facts |= _latencies(model, inputs, utc_offset_hours)
    facts |= _flops(model, inputs)
    efficiency: dict[str, Any] = {"values": facts, "events": len(inputs.train), "environment": environment()}
    frequencies = np.bincount(inputs.labels[inputs.train], minlength=len(inputs.classes))
    majority = inputs.classes[int(frequencies.argmax())]
    manifest = {
        **run,
        "majority": majority,
        "config": config.model_dump(mode="json"),
        "threads": threads,
        "classes": list(inputs.classes),
    }
    return Run(predictions, efficiency, history, manifest, model.save)


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


def _latencies(model: BehaviourModel, inputs: EventInputs, utc_offset_hours: float) -> dict[str, float]:
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

    return latencies({"features": features, "forward": forward, "end_to_end": end_to_end}, len(batch), repeats=10)


def _flops(model: BehaviourModel, inputs: EventInputs) -> dict[str, float]:
    """Floating-point operations per event where torch can count them."""
    if getattr(model, "network", None) is None:
        return {}
    from crm_pipelines.evaluation.flops import count_flops

    batch = inputs.test[:INFERENCE_BATCH]
    flops, uncounted = count_flops(lambda: model.predict_proba(inputs, batch))
    logger.debug("operations not counted: %s", ", ".join(uncounted))
    return {"flops_per_event": flops / len(batch)}
