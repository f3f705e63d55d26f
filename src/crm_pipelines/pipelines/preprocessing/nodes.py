"""Thin nodes of ``preprocessing``; the work is done in ``cleaning``, ``events``, ``encoding`` and ``preparation``."""

import logging
from typing import Any

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from crm_pipelines.cleaning import clean_interactions, summarise_cleaning
from crm_pipelines.columns import PROTOCOL
from crm_pipelines.config import EncodingParameters, SourceSpec, SplitParameters
from crm_pipelines.events.features import CHUNK, FeatureBuilder
from crm_pipelines.events.store import EventStore
from crm_pipelines.graph.adjacency import customer_item_adjacency
from crm_pipelines.preparation.assembly import FEATURE_NAMES, sample_cold_start
from crm_pipelines.preparation.fitting import fit_views
from crm_pipelines.preparation.views import build_store, build_views, fold_of, overview, view_key

logger = logging.getLogger(__name__)

Splits = list[dict[str, Any]]
Arrays = dict[str, NDArray[Any]]


def clean(interactions: ibis.Table, source_spec: SourceSpec) -> tuple[ibis.Table, pd.DataFrame]:
    """Clean interactions and the report in which rows in = rows dropped + rows out."""
    table, report = clean_interactions(interactions, source_spec.interactions)
    logger.info("%s", summarise_cleaning(report))
    return table, report


def index_events(
    clean_interactions: ibis.Table, items: ibis.Table, source_spec: SourceSpec, split: SplitParameters
) -> tuple[dict[str, EventStore], Arrays, Splits, dict[str, Any]]:
    """Event stores and entity ids per protocol, the time split, and an overview of the log."""
    store, ids = build_store(clean_interactions, items, source_spec)
    views = build_views(store, ids, split)
    return views.stores, dict(views.ids), views.splits, overview(store, source_spec)


def compute_event_features(event_stores: dict[str, EventStore], source_spec: SourceSpec) -> Arrays:
    """Point-in-time features of every event, per protocol."""
    arrays: Arrays = {}
    for protocol, store in event_stores.items():
        builder = FeatureBuilder(store, source_spec.interactions.utc_offset_hours, source_spec.time_unit)
        events = np.arange(len(store))
        arrays[f"{protocol}/values"] = np.concatenate(
            [builder.events(ids) for ids in np.array_split(events, max(1, len(store) // CHUNK))]
        )
        arrays[f"{protocol}/{FEATURE_NAMES}"] = np.asarray(builder.names, dtype=str)
    return arrays


def sample_cold_start_sets(event_stores: dict[str, EventStore], splits: Splits) -> pd.DataFrame:
    """k-shot queries and their support, for customers and items."""
    return sample_cold_start(event_stores, splits)


def fit_inputs(
    event_stores: dict[str, EventStore],
    entity_ids: Arrays,
    splits: Splits,
    clean_interactions: ibis.Table,
    customers: ibis.Table,
    items: ibis.Table,
    source_spec: SourceSpec,
    encoding: EncodingParameters,
) -> tuple[Arrays, pd.DataFrame, pd.DataFrame]:
    """Encoded attributes, texts and segments of every protocol and fold, fitted on its training part."""
    fitted = fit_views(event_stores, entity_ids, splits, clean_interactions, customers, items, source_spec, encoding)
    return fitted.arrays, fitted.imputation, fitted.segments


def build_adjacency(event_stores: dict[str, EventStore], splits: Splits) -> dict[str, csr_array]:
    """Customer-item graph of the training part, rows of unit L2 norm, per protocol and fold."""
    graphs = {}
    for split in splits:
        store = event_stores[split[PROTOCOL]]
        train = fold_of(split).parts(store.timestamp)[0]
        graphs[view_key(split)] = customer_item_adjacency(store, train)
    return graphs
