"""Thin nodes of ``coldstart``; the work is done in ``benchmark``."""

from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.benchmark.results import Tables, data_fingerprint, tabulate
from crm_pipelines.columns import MAIN_VARIANT
from crm_pipelines.config import RunParameters, SourceSpec, parse
from crm_pipelines.events.store import EventStore
from crm_pipelines.preparation.assembly import assemble
from crm_pipelines.preparation.views import view_key
from crm_pipelines.runs import PendingRun, StoredRun

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
        """The runs of the model; those already stored for the same data, parameters and code are kept."""
        from crm_pipelines.benchmark.behaviour import COLDSTART, plan_runs  # torch takes seconds to import
        from crm_pipelines.models.registry import behaviour_model

        stored = {f"store/{name}": store.arrays() for name, store in event_stores.items()}
        queries = {"query": cold_start_sets["query_event"].to_numpy(dtype=np.int64)}
        prepared = data_fingerprint({**stored, "features": event_features, "fitted": fitted_inputs, "cold": queries})
        views = {
            view_key(split): partial(
                assemble, split, event_stores, event_features, fitted_inputs, cold_start_sets, source_spec
            )
            for split in splits
        }
        main = parse(behaviour_model(model).Config, config, f"{COLDSTART}.{model}.config")
        offset = source_spec.interactions.utc_offset_hours
        return plan_runs(model, {MAIN_VARIANT: main}, source, views, prepared, runs, offset)

    return train


def evaluate(runs: RunParameters, challengers: list[str], *models: list[StoredRun]) -> Tables:
    """Every result table, from the runs of all models."""
    return tabulate((run for several in models for run in several), challengers, runs.resamples)
