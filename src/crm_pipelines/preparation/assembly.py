"""Prepared parts, read back from the catalog, put together as the inputs of one protocol and fold."""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.columns import FOLD, PROTOCOL, cold_slice
from crm_pipelines.config import SourceSpec
from crm_pipelines.events.cold_start import QUERY_EVENT, SIDE, SUPPORT, K, cold_start_sets
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.events.store import EventStore
from crm_pipelines.preparation.views import fold_of, view_key

FEATURE_NAMES = "names"
"""Name under which ``event_features`` keeps the names of its columns."""


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
    mine = cold[(cold[PROTOCOL] == protocol) & (cold[FOLD] == split["fold"])]
    queries = {
        cold_slice(str(side), int(k)): np.sort(rows[QUERY_EVENT].to_numpy(dtype=np.int64))
        for (side, k), rows in mine.groupby([SIDE, K], sort=True)
    }
    prefix = f"{key}/group/"
    part = {
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
        **part,
    )
