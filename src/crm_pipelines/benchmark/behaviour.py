"""Runs of behaviour models (paper A): models x protocols x folds x seeds."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from crm_pipelines.columns import (
    CUSTOMER,
    EVENT_ID,
    FOLD,
    GROUP_PREFIX,
    MAIN_VARIANT,
    MODEL,
    PAPER,
    PIPELINE,
    PROTOCOL,
    PROTOCOL_TIME,
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
from crm_pipelines.models.registry import behaviour_model, code_of
from crm_pipelines.runs import PendingRun, Run, code_version, fingerprint
from crm_pipelines.training.seeds import seed_everything

PAPER_A = "A"
COLDSTART = "coldstart"

_CODE = ("events", "encoding", "text", "preparation", "benchmark/behaviour.py")
PAPER_BATCH = 32
"""Training batch at which the paper measures efficiency (Table 2)."""
TIMED_STEPS = 40
"""Training steps timed at that batch."""


def variants_of(model: type[BehaviourModel], main: Parameters, studies: Iterable[str]) -> dict[str, Parameters]:
    """The main variant, and those of each study that the model has: name -> hyper-parameters."""
    variants = {MAIN_VARIANT: main}
    for study in studies:
        for name, changes in getattr(model, "studies", {}).get(study, {}).items():
            values = main.model_dump()
            for key, value in changes.items():
                values[key] = {**values[key], **value} if isinstance(value, Mapping) else value
            variants[name] = type(main).model_validate(values)
    return variants


def within_budget(config: Parameters, most_events: int | None) -> Parameters:
    """Hyper-parameters with which a network sees ``most_events`` in training at most; the same without a limit."""
    training = getattr(config, "training", None)
    if training is None or most_events is None or training.most_events <= most_events:
        return config
    return config.model_copy(update={"training": training.model_copy(update={"most_events": most_events})})


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

    The main variant runs on every view, with held-out entities for the first seed; the others, which belong to
    studies, on the last fold in time. Latency and what else costs extra time to measure is measured there too, for
    the first seed.

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
    code = code_version(*_CODE, *code_of(name))
    last = [view for view in views if view.startswith(f"{PROTOCOL_TIME}/")][-1:]
    for variant, config in variants.items():
        for view, load in views.items():
            if variant != MAIN_VARIANT and view not in last:
                continue
            protocol, fold = view.split("/fold=")
            for seed in parameters.seeds if protocol == PROTOCOL_TIME else parameters.seeds[:1]:
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
                timed = parameters.timed_calls if view in last and seed == parameters.seeds[0] else 0
                mark = fingerprint(
                    {
                        "run": run,
                        "config": config.model_dump(mode="json"),
                        "threads": parameters.threads,
                        "timed": timed,
                        "data": data_fingerprint,
                        "code": code,
                    }
                )
                key = f"{variant}/{view}/seed={seed}"
                pending[key] = PendingRun(
                    mark, _execution(run, config, load, parameters.threads, utc_offset_hours, timed)
                )
    return pending


def _execution(
    run: dict[str, Any],
    config: Parameters,
    load: Callable[[], EventInputs],
    threads: int,
    utc_offset_hours: float,
    timed_calls: int,
) -> Callable[[], Run]:
    return lambda: execute(run, config, load(), threads, utc_offset_hours, timed_calls)


def execute(
    run: dict[str, Any],
    config: Parameters,
    inputs: EventInputs,
    threads: int,
    utc_offset_hours: float,
    timed_calls: int,
) -> Run:
    """Fit, predict and measure one run.

    Args:
        run: a value for each of ``RUN_COLUMNS``.
        config: the model's hyper-parameters.
        inputs: prepared inputs of the run's protocol and fold.
        threads: CPU threads.
        utc_offset_hours: of the source.
        timed_calls: calls by which latency is measured; 0 leaves out all that costs extra time to measure.
    """
    seed_everything(run[SEED], threads)
    model = behaviour_model(run[MODEL])(config, run[SEED])
    with measure() as cost:
        history = model.fit(inputs)
    predictions = predict(model, inputs)
    facts = cost.training_facts(1, len(inputs.train)) | _training_speed(history, len(inputs.train))
    facts["parameters"] = float(model.n_parameters)
    uncounted: tuple[str, ...] = ()
    if timed_calls:
        facts |= _latencies(model, inputs, utc_offset_hours, timed_calls)
        flops, uncounted = _flops(model, inputs)
        facts |= flops
        facts |= _paper_batch(model, inputs)  # last, since it trains on
    efficiency: dict[str, Any] = {
        "values": facts,
        "events": len(inputs.train),
        "environment": environment(),
        "uncounted_operations": list(uncounted),
    }
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


def _training_speed(history: list[dict[str, float]], events: int) -> dict[str, float]:
    """Epochs, and seconds of one without validation, of networks; members of an ensemble take turns."""
    rows = pd.DataFrame(history)
    if "seconds" not in rows:
        return {}
    member = rows["member"] if "member" in rows else pd.Series(0, index=rows.index)
    per_epoch = float(rows["seconds"].groupby(member).median().sum())
    return {
        "epochs": float(len(rows) / member.nunique()),
        "seconds_per_epoch": per_epoch,
        "training_events_per_second": events / per_epoch,
    }


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


def _paper_batch(model: BehaviourModel, inputs: EventInputs) -> dict[str, float]:
    """Training speed at the paper's batch size, from a few steps on a copy; nothing for models without steps."""
    time_steps = getattr(model, "time_steps", None)
    if time_steps is None:
        return {}
    rate = PAPER_BATCH / time_steps(inputs, PAPER_BATCH, TIMED_STEPS)
    return {"training_events_per_second_batch_32": rate, "seconds_per_epoch_batch_32": len(inputs.train) / rate}


def _flops(model: BehaviourModel, inputs: EventInputs) -> tuple[dict[str, float], tuple[str, ...]]:
    """Floating-point operations per event where torch can count them, and the operations it does not count."""
    if getattr(model, "network", None) is None:
        return {}, ()
    from crm_pipelines.evaluation.flops import count_flops

    batch = inputs.test[:INFERENCE_BATCH]
    flops, uncounted = count_flops(lambda: model.predict_proba(inputs, batch))
    return {"flops_per_event": flops / len(batch)}, uncounted
