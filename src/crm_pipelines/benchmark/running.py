"""What all benchmarks of models share: which runs there are, and how one is executed and measured."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from crm_pipelines.columns import (
    FOLD,
    MAIN_VARIANT,
    MODEL,
    PAPER,
    PIPELINE,
    PROTOCOL,
    SEED,
    SOURCE,
    VARIANT,
)
from crm_pipelines.config import Parameters, RunParameters
from crm_pipelines.evaluation.efficiency import INFERENCE_BATCH, environment, measure
from crm_pipelines.runs import NOT_APPLICABLE, PendingRun, Run, fingerprint
from crm_pipelines.training.seeds import seed_everything

PAPER_BATCH: Final = 32
"""Training batch at which paper A measures efficiency (Table 2)."""
TIMED_STEPS: Final = 40
"""Training steps timed at that batch."""


@dataclass(frozen=True)
class Benchmark:
    """One paper's benchmark.

    Attributes:
        paper, pipeline: as in results.
        protocol: the one that all seeds run on, that variants run on, and where latency is measured.
        model: name -> class of the model (``Config``, ``fit``, ``predict_proba``, ``save``, ``n_parameters``).
        predict: model and inputs -> predictions table of validation and every test slice.
        measure: model, inputs and number of calls -> what costs extra time to measure.
        not_applicable: raised by ``fit`` where a model cannot be fitted on a source by its nature.
        facts: what a manifest says of the inputs.
        extras: model and inputs -> what else is measured once, last, since it may train on; and the operations that
            FLOPs leave out.
    """

    paper: str
    pipeline: str
    protocol: str
    model: Callable[[str], Any]
    predict: Callable[[Any, Any], pd.DataFrame]
    measure: Callable[[Any, Any, int], Mapping[str, float]]
    not_applicable: type[Exception] | tuple[()] = ()
    facts: Callable[[Any], Mapping[str, Any]] = lambda inputs: class_facts(inputs)
    extras: Callable[[Any, Any], tuple[dict[str, float], tuple[str, ...]]] = lambda model, inputs: class_extras(
        model, inputs
    )


def class_facts(inputs: Any) -> dict[str, Any]:
    """The classes, and the most frequent of the training part."""
    frequencies = np.bincount(inputs.labels[inputs.train], minlength=len(inputs.classes))
    return {"majority": inputs.classes[int(frequencies.argmax())], "classes": list(inputs.classes)}


def class_extras(model: Any, inputs: Any) -> tuple[dict[str, float], tuple[str, ...]]:
    """FLOPs, and training at the paper's batch."""
    flops, uncounted = _flops(model, inputs)
    return flops | _paper_batch(model, inputs), uncounted


def variants_of(model: Any, main: Parameters, studies: Iterable[str]) -> dict[str, Parameters]:
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
    benchmark: Benchmark,
    name: str,
    variants: Mapping[str, Parameters],
    source: str,
    views: Mapping[str, Callable[[], Any]],
    data_fingerprint: str,
    code: str,
    parameters: RunParameters,
    variant_views: Mapping[str, Mapping[str, Callable[[], Any]]] | None = None,
) -> dict[str, PendingRun]:
    """Every run of one model that the parameters ask for, to be executed only if it is not stored yet.

    The main variant runs on every view, all seeds on those of the benchmark's protocol and the first on others; the
    other variants, which belong to studies, on the protocol's last fold. Latency and what else costs extra time to
    measure is measured there too, for the first seed.

    Args:
        benchmark: whose runs.
        name: the model.
        variants: name of a variant (``main``, or an ablation) -> its hyper-parameters.
        source: name of the source.
        views: ``<protocol>/fold=<f>`` -> loads the prepared inputs.
        data_fingerprint: of all prepared data.
        code: version of the code that determines the result.
        parameters: seeds and threads.
        variant_views: variants that are the same model on other inputs -> their ``views``.
    """
    pending = {}
    of_variant = variant_views or {}
    last = [view for view in views if view.startswith(f"{benchmark.protocol}/")][-1:]
    for variant, config in variants.items():
        for view, load in (of_variant.get(variant) or views).items():
            if variant != MAIN_VARIANT and view not in last:
                continue
            protocol, fold = view.split("/fold=")
            for seed in parameters.seeds if protocol == benchmark.protocol else parameters.seeds[:1]:
                run = {
                    PAPER: benchmark.paper,
                    PIPELINE: benchmark.pipeline,
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
                execution = _execution(benchmark, run, config, load, parameters.threads, timed)
                pending[f"{variant}/{view}/seed={seed}"] = PendingRun(mark, execution)
    return pending


def _execution(
    benchmark: Benchmark, run: dict[str, Any], config: Parameters, load: Callable[[], Any], threads: int, timed: int
) -> Callable[[], Run]:
    return lambda: execute(benchmark, run, config, load(), threads, timed)


def execute(
    benchmark: Benchmark, run: dict[str, Any], config: Parameters, inputs: Any, threads: int, timed_calls: int
) -> Run:
    """Fit, predict and measure one run.

    Args:
        benchmark: whose run.
        run: a value for each of ``RUN_COLUMNS``.
        config: the model's hyper-parameters.
        inputs: prepared inputs of the run's protocol and fold.
        threads: CPU threads.
        timed_calls: calls by which latency is measured; 0 leaves out all that costs extra time to measure.
    """
    seed_everything(run[SEED], threads)
    model = benchmark.model(run[MODEL])(config, run[SEED])
    manifest = {**run, **benchmark.facts(inputs), "config": config.model_dump(mode="json"), "threads": threads}
    try:
        with measure() as cost:
            history = model.fit(inputs)
    except benchmark.not_applicable as reason:
        return Run(pd.DataFrame(), {}, [], {**manifest, NOT_APPLICABLE: str(reason)})
    predictions = benchmark.predict(model, inputs)
    facts = cost.training_facts(1, len(inputs.train)) | _training_speed(history, len(inputs.train))
    facts["parameters"] = float(model.n_parameters)
    uncounted: tuple[str, ...] = ()
    if timed_calls:
        facts |= benchmark.measure(model, inputs, timed_calls)
        more, uncounted = benchmark.extras(model, inputs)
        facts |= more
    efficiency: dict[str, Any] = {
        "values": facts,
        "events": len(inputs.train),
        "environment": environment(),
        "uncounted_operations": list(uncounted),
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


def _paper_batch(model: Any, inputs: Any) -> dict[str, float]:
    """Training speed at the paper's batch size, from a few steps on a copy; nothing for models without steps."""
    time_steps = getattr(model, "time_steps", None)
    if time_steps is None:
        return {}
    rate = PAPER_BATCH / time_steps(inputs, PAPER_BATCH, TIMED_STEPS)
    return {"training_events_per_second_batch_32": rate, "seconds_per_epoch_batch_32": len(inputs.train) / rate}


def _flops(model: Any, inputs: Any) -> tuple[dict[str, float], tuple[str, ...]]:
    """Floating-point operations per event where torch can count them, and the operations it does not count."""
    if getattr(model, "network", None) is None:
        return {}, ()
    from crm_pipelines.evaluation.flops import count_flops

    batch = inputs.test[:INFERENCE_BATCH]
    flops, uncounted = count_flops(lambda: model.predict_proba(inputs, batch))
    return {"flops_per_event": flops / len(batch)}, uncounted
