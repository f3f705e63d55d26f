"""What the pipelines keep for scoring, once their models are fitted."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from crm_pipelines import columns as c
from crm_pipelines.benchmark.kept import best_run
from crm_pipelines.config import SourceSpec
from crm_pipelines.evaluation.calibration import apply_temperature
from crm_pipelines.evaluation.rules import fit_rules
from crm_pipelines.models.registry import behaviour_model, reads_past_features
from crm_pipelines.preparation.encoders import Encoders
from crm_pipelines.runs import StoredRun
from crm_pipelines.scoring.behaviour import Limits, Log, build_today
from crm_pipelines.scoring.config import CustomerParameters
from crm_pipelines.scoring.drift import describe_numbers
from crm_pipelines.scoring.kept import BEHAVIOUR, Keeping, nothing


def keep_behaviour(
    runs: Mapping[str, Sequence[StoredRun]],
    log: Log,
    encoders: Encoders,
    spec: SourceSpec,
    value_scale: tuple[float, float],
    limits: Limits,
    parameters: CustomerParameters,
) -> Keeping:
    """The model of behaviours that is kept, with its encoders, and what it reads of customers at the end of the log.

    Inputs are described as scoring makes them, of a sample of the customers: features at the times of past events are
    distributed otherwise than those of everybody at one moment, whatever the data.
    """
    run = best_run(runs, parameters.behaviour_model, "scoring.behaviour_model")
    if run is None or run.model_path is None:
        return nothing(BEHAVIOUR)
    ids = log.customer_ids()
    draw = np.random.default_rng(0).permutation(len(ids))[: parameters.sample]
    temperature = fit_rules(run.predictions(), run.manifest["majority"]).temperature
    limits = replace(limits, past=reads_past_features(str(run.manifest[c.MODEL])))
    with TemporaryDirectory(prefix="crm_pipelines-") as folder:
        today = build_today(log, ids[np.sort(draw)], encoders, spec, limits, Path(folder), value_scale)
        rows = np.arange(len(today.customer_ids))
        numbers = today.numbers(rows)
        model: Any = behaviour_model(str(run.manifest[c.MODEL])).load(run.model_path)
        chances = np.asarray(model.predict_proba(today.inputs, today.inputs.test), dtype=np.float64)
        names, classes = today.inputs.all_feature_names, today.inputs.classes
        now = today.now
        del today, model  # the features lie in the folder
    chances = apply_temperature(chances, temperature)
    bins = parameters.drift.bins
    manifest = {
        **{key: run.manifest[key] for key in (c.PIPELINE, c.SOURCE, c.MODEL, c.PROTOCOL, c.FOLD, c.SEED)},
        "run": run.manifest["fingerprint"],
        "classes": list(classes),
        "temperature": temperature,
        "inputs": list(names),
        "value_scale": list(value_scale),
        "customers": len(ids),
        "end": now - 1,
        "range": {
            "low": [float(np.min(values)) for values in numbers.values()],
            "high": [float(np.max(values)) for values in numbers.values()],
        },
        "reference": {
            "numbers": {name: describe_numbers(values, bins) for name, values in numbers.items()},
            "scores": {
                c.probability(label): describe_numbers(chances[:, at], bins) for at, label in enumerate(classes)
            },
        },
    }
    return Keeping(BEHAVIOUR, manifest, run.model_path, {}, {"encoders": encoders.save})
