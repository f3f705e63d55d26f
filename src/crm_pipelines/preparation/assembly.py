"""Prepared parts, read back from the catalog, put together as the inputs of one protocol and fold."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.columns import FOLD, PROTOCOL, cold_slice
from crm_pipelines.config import FeatureParameters, SourceSpec
from crm_pipelines.events.cold_start import QUERY_EVENT, SIDE, SUPPORT, K, cold_start_sets
from crm_pipelines.events.features import stream_features
from crm_pipelines.events.inputs import EventInputs, has
from crm_pipelines.events.split import Fold
from crm_pipelines.events.store import EventStore
from crm_pipelines.preparation.views import fold_of, view_key
from crm_pipelines.streamed import StreamedArray

FEATURE_NAMES = "names"
"""Name under which ``event_features`` keeps the names of its columns."""
FEATURED = "events"
"""Name under which ``event_features`` keeps the ids of a long log's events that have features."""


def sample_cold_start(stores: dict[str, EventStore], splits: list[dict[str, Any]]) -> pd.DataFrame:
    """Cold-start queries of every protocol and fold, with their support events as a list."""
    tables = []
    for split in splits:
        store = stores[split[PROTOCOL]]
        columns = cold_start_sets(store, store.labels, fold_of(split))
        support = columns.pop(SUPPORT)
        table = pd.DataFrame(columns)
        table[SUPPORT] = [row[row >= 0] for row in support]
        table.insert(0, PROTOCOL, split[PROTOCOL])
        table.insert(1, FOLD, split["fold"])
        tables.append(table)
    return pd.concat(tables, ignore_index=True)


def event_features(
    protocol: str,
    store: EventStore,
    splits: list[dict[str, Any]],
    spec: SourceSpec,
    parameters: FeatureParameters,
) -> dict[str, NDArray[Any] | StreamedArray]:
    """Point-in-time features of a protocol's log, of the events that get them; the rest of a long log is history.

    Returns:
        ``<protocol>/values`` (m, F), ``<protocol>/names`` (F), and for a long log ``<protocol>/events`` (m), the ids.
    """
    ids = featured_events(store, [fold_of(split) for split in splits if split[PROTOCOL] == protocol], parameters)
    # The folder lives as long as what reads it: until the array has been written.
    folder = TemporaryDirectory(prefix="crm_pipelines-")
    offset = spec.interactions.utc_offset_hours
    events = np.arange(len(store)) if ids is None else ids
    names, values = stream_features(store, events, Path(folder.name), offset, spec.time_unit)

    def parts() -> Iterator[NDArray[Any]]:
        assert Path(folder.name).is_dir()
        return values.parts()

    arrays: dict[str, NDArray[Any] | StreamedArray] = {
        f"{protocol}/values": replace(values, parts=parts),
        f"{protocol}/{FEATURE_NAMES}": np.asarray(names, dtype=str),
    }
    return arrays if ids is None else arrays | {f"{protocol}/{FEATURED}": ids}


def featured_events(
    store: EventStore, folds: Sequence[Fold], parameters: FeatureParameters
) -> NDArray[np.int64] | None:
    """Ascending ids of the events that get features; None for all of them, in a log that is not long."""
    if len(store) <= parameters.everything_up_to:
        return None
    labelled = store.labels >= 0
    wanted = np.zeros(len(store), dtype=bool)
    for fold in folds:
        train, validation, test = fold.parts(store.timestamp, labelled)
        for part in (train[-parameters.training_events :], validation, test):
            wanted[part] = True
    return np.flatnonzero(wanted)


def assemble(
    split: dict[str, Any],
    stores: dict[str, EventStore],
    event_features: dict[str, NDArray[Any]],
    fitted: dict[str, NDArray[Any]],
    cold: pd.DataFrame,
    spec: SourceSpec,
    scaling: str = "",
) -> EventInputs:
    """Inputs of the protocol and fold that ``split`` names; large arrays stay memory-mapped.

    ``scaling`` is empty, or ``ENTIRE_SCALING`` for the ranges that paper A fits (last fold of ``time`` only).
    """
    protocol, key = split[PROTOCOL], view_key(split)
    store = stores[protocol]
    labels = store.labels
    train, validation, test = fold_of(split).parts(store.timestamp, labels >= 0)
    featured = event_features.get(f"{protocol}/{FEATURED}")
    if featured is not None:
        train = train[has(featured, train)]
    mine = cold[(cold[PROTOCOL] == protocol) & (cold[FOLD] == split["fold"])]
    queries = {
        cold_slice(str(side), int(k)): np.sort(rows[QUERY_EVENT].to_numpy(dtype=np.int64))
        for (side, k), rows in mine.groupby([SIDE, K], sort=True)
    }
    prefix = f"{key}/group/"
    part: dict[str, Any] = {
        name: fitted[f"{key}/{name}"]
        for name in (
            "text_features",
            "customer_static",
            "item_static",
            "customer_codes",
            "item_codes",
            "customer_segment",
        )
    }
    if scaling:
        part |= {name: fitted[f"{key}/{scaling}/{name}"] for name in ("customer_static", "item_static")}
    return EventInputs(
        protocol=protocol,
        fold=split["fold"],
        store=store,
        classes=store.classes,
        labels=labels,
        feature_names=tuple(str(name) for name in event_features[f"{protocol}/{FEATURE_NAMES}"]),
        event_features=event_features[f"{protocol}/values"],
        customer_cardinalities=tuple(int(size) for size in fitted[f"{key}/customer_cardinalities"]),
        item_cardinalities=tuple(int(size) for size in fitted[f"{key}/item_cardinalities"]),
        n_segments=int(part["customer_segment"].max(initial=-1)) + 1,
        train=train,
        validation=validation,
        test=test,
        time_unit=spec.time_unit,
        cold=queries,
        groups={name.removeprefix(prefix): values for name, values in fitted.items() if name.startswith(prefix)},
        featured=featured,
        **part,
    )
