"""Thin nodes of ``coldstart``; the work is done in ``benchmark``."""

from collections.abc import Callable
from functools import partial
from typing import Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.benchmark.explanations import Explanations, category_names, explain_model
from crm_pipelines.benchmark.kept import kept_run
from crm_pipelines.benchmark.results import Tables, data_fingerprint, tabulate
from crm_pipelines.columns import FOLD, ITEM, ITEM_ID, MODEL, PROTOCOL, PROTOCOL_TIME, SEED
from crm_pipelines.config import FeatureParameters, RunParameters, SourceSpec, parse
from crm_pipelines.events.store import EventStore
from crm_pipelines.models.registry import BEHAVIOUR_MODELS
from crm_pipelines.preparation.assembly import assemble
from crm_pipelines.preparation.encoders import Encoders
from crm_pipelines.preparation.fitting import ENTIRE_SCALING
from crm_pipelines.preparation.views import view_key
from crm_pipelines.reporting.results import empty_table
from crm_pipelines.runs import PendingRun, StoredRun
from crm_pipelines.runtime_parameters import KEDRO_ENVIRONMENT
from crm_pipelines.scoring.config import CustomerParameters
from crm_pipelines.scoring.kept import Keeping

Arrays = dict[str, NDArray[Any]]


def training_of(model: str) -> Callable[..., dict[str, PendingRun]]:
    """The training node's function for one model."""

    def train(
        event_stores: dict[str, EventStore],
        event_features: Arrays,
        fitted_inputs: Arrays,
        cold_start_sets: pd.DataFrame,
        splits: list[dict[str, Any]],
        source_spec: SourceSpec,
        source: str,
        runs: RunParameters,
        config: dict[str, Any],
    ) -> dict[str, PendingRun]:
        """The runs of the model, none if it is not asked for; those of the same data, parameters and code are kept."""
        from crm_pipelines.benchmark.behaviour import COLDSTART, plan_runs  # torch takes seconds to import
        from crm_pipelines.benchmark.running import variants_of, within_budget
        from crm_pipelines.models.registry import behaviour_model

        if runs.models and model not in runs.models:
            return {}
        stored = {f"store/{name}": store.arrays() for name, store in event_stores.items()}
        queries = {"query": cold_start_sets["query_event"].to_numpy(dtype=np.int64)}
        prepared = data_fingerprint({**stored, "features": event_features, "fitted": fitted_inputs, "cold": queries})
        prepared_parts = (event_stores, event_features, fitted_inputs, cold_start_sets, source_spec)
        views = {view_key(split): partial(assemble, split, *prepared_parts) for split in splits}
        last = [split for split in splits if split[PROTOCOL] == PROTOCOL_TIME][-1]
        leaky = {ENTIRE_SCALING: {view_key(last): partial(assemble, last, *prepared_parts, scaling=ENTIRE_SCALING)}}
        main = parse(behaviour_model(model).Config, config, f"{COLDSTART}.{model}.config")
        main = within_budget(main, source_spec.training_events)
        runs = runs.model_copy(update={"seeds": runs.seeds[: source_spec.most_seeds]})
        variants = variants_of(behaviour_model(model), main, runs.studies)
        zone = source_spec.interactions.utc_offset_hours
        return plan_runs(model, variants, source, views, prepared, runs, zone, leaky)

    return train


def evaluate(runs: RunParameters, challengers: list[str], kedro_environment: str, *models: list[StoredRun]) -> Tables:
    """Every result table, from the runs of all models, marked with the configuration environment."""
    tables = tabulate(
        (run for several in models for run in several), challengers, runs.resamples, processes=runs.processes
    )
    return tables._replace(environment={**tables.environment, KEDRO_ENVIRONMENT: kedro_environment})


def keep(
    clean_interactions: ibis.Table,
    customers: ibis.Table,
    items: ibis.Table,
    fitted_encoders: Encoders,
    event_stores: dict[str, EventStore],
    event_features: Arrays,
    fitted_inputs: Arrays,
    cold_start_sets: pd.DataFrame,
    splits: list[dict[str, Any]],
    source_spec: SourceSpec,
    features: FeatureParameters,
    scoring: CustomerParameters,
    runs: RunParameters,
    *models: list[StoredRun],
) -> Keeping:
    """The model that scores today's customers: of the last fold and the first seed, the best on validation."""
    from crm_pipelines.scoring.behaviour import Limits, Log  # torch takes seconds to import
    from crm_pipelines.scoring.keeping import keep_behaviour
    from crm_pipelines.training.seeds import seed_everything

    seed_everything(runs.seeds[0], runs.threads)
    last = [split for split in splits if split[PROTOCOL] == PROTOCOL_TIME][-1]
    inputs = assemble(last, event_stores, event_features, fitted_inputs, cold_start_sets, source_spec)
    return keep_behaviour(
        dict(zip(BEHAVIOUR_MODELS, models, strict=True)),
        Log(clean_interactions, customers.to_pandas(), items.to_pandas()),
        fitted_encoders,
        source_spec,
        inputs.training_scale,
        Limits(features.everything_up_to, features.training_events),
        scoring,
    )


def explain(
    event_stores: dict[str, EventStore],
    event_features: Arrays,
    fitted_inputs: Arrays,
    cold_start_sets: pd.DataFrame,
    splits: list[dict[str, Any]],
    source_spec: SourceSpec,
    runs: RunParameters,
    segments: pd.DataFrame,
    entity_ids: Arrays,
    items: ibis.Table,
    stored: list[StoredRun],
) -> Explanations:
    """What the TFP-Net kept for use, of the last fold and the first seed, looked at; empty if it was not run."""
    if not stored:
        tables = ("attention_by_day", "attention_by_feature", "embedding_map", "explanations")
        return Explanations(*(empty_table(name) for name in tables))
    from crm_pipelines.models.registry import behaviour_model  # torch takes seconds to import
    from crm_pipelines.training.seeds import seed_everything

    run, folder = kept_run(stored)
    fold = run.manifest[FOLD]
    (split,) = (each for each in splits if (each[PROTOCOL], each[FOLD]) == (PROTOCOL_TIME, fold))
    inputs = assemble(split, event_stores, event_features, fitted_inputs, cold_start_sets, source_spec)
    mine = segments[(segments[PROTOCOL] == PROTOCOL_TIME) & (segments[FOLD] == fold)]
    categories = {}
    if source_spec.items.group_by is not None:
        table = items.select(ITEM_ID, items[source_spec.items.group_by].name("category")).to_pandas()
        categories = dict(zip(table[ITEM_ID], table["category"], strict=True))
    seed_everything(run.manifest[SEED], runs.threads)
    model: Any = behaviour_model(run.manifest[MODEL]).load(folder)  # one with attention, as the wiring sees to it
    return explain_model(
        model,
        inputs,
        source_spec.interactions.utc_offset_hours,
        dict(zip(mine["segment"], mine["name"], strict=True)),
        category_names(inputs, entity_ids[f"{PROTOCOL_TIME}/{ITEM}"], categories),
    )
