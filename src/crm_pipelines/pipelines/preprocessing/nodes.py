"""Thin nodes of ``preprocessing``; the work is done in ``cleaning``, ``events``, ``encoding`` and ``preparation``."""

import logging
from typing import Any

import ibis
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from crm_pipelines.cleaning import clean_interactions, summarise_cleaning
from crm_pipelines.columns import PROTOCOL
from crm_pipelines.config import EncodingParameters, FeatureParameters, SourceSpec, SplitParameters
from crm_pipelines.events.store import EventStore
from crm_pipelines.graph.adjacency import customer_item_adjacency
from crm_pipelines.preparation.assembly import event_features, sample_cold_start
from crm_pipelines.preparation.encoders import Encoders
from crm_pipelines.preparation.fitting import fit_views
from crm_pipelines.preparation.views import build_store, build_views, fold_of, overview, view_key
from crm_pipelines.streamed import StreamedArray

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


def compute_event_features(
    event_stores: dict[str, EventStore], splits: Splits, source_spec: SourceSpec, features: FeatureParameters
) -> dict[str, NDArray[Any] | StreamedArray]:
    """Point-in-time features of the events that get them, per protocol."""
    arrays: dict[str, NDArray[Any] | StreamedArray] = {}
    for protocol, store in event_stores.items():
        arrays |= event_features(protocol, store, splits, source_spec, features)
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
) -> tuple[dict[str, NDArray[Any] | StreamedArray], pd.DataFrame, pd.DataFrame, Encoders]:
    """Encoded attributes, texts and segments of every protocol and fold, fitted on its training part."""
    fitted = fit_views(event_stores, entity_ids, splits, clean_interactions, customers, items, source_spec, encoding)
    return fitted.arrays, fitted.imputation, fitted.segments, fitted.encoders


def build_adjacency(event_stores: dict[str, EventStore], splits: Splits) -> dict[str, csr_array]:
    """Customer-item graph of the training part, rows of unit L2 norm, per protocol and fold."""
    graphs = {}
    for split in splits:
        store = event_stores[split[PROTOCOL]]
        train = fold_of(split).parts(store.timestamp)[0]
        graphs[view_key(split)] = customer_item_adjacency(store, train)
    return graphs
