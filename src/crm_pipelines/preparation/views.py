"""The log of a source as event stores, one per protocol, with its cuts in time."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, NamedTuple

import ibis
import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from crm_pipelines.columns import (
    BEHAVIOUR,
    CUSTOMER_ID,
    ITEM_ID,
    PROTOCOL,
    PROTOCOL_HELD_OUT,
    PROTOCOL_TIME,
    ROW,
    TIMESTAMP,
    VALUE,
)
from crm_pipelines.config import SourceSpec, SplitParameters
from crm_pipelines.errors import UserError
from crm_pipelines.events.codes import encoded, looked_up
from crm_pipelines.events.cold_start import held_out_view
from crm_pipelines.events.split import Fold, check_classes, time_split
from crm_pipelines.events.store import EventStore

Ids = dict[str, NDArray[np.str_]]


class Views(NamedTuple):
    """One log under every protocol.

    Attributes:
        stores: protocol -> event store.
        ids: ``<protocol>/customer`` and ``<protocol>/item`` -> the source's ids by dense id.
        splits: one row per protocol and fold: its cuts in seconds, and labelled events in each part.
    """

    stores: dict[str, EventStore]
    ids: Ids
    splits: list[dict[str, Any]]


def build_store(clean: ibis.Table, items: ibis.Table, spec: SourceSpec) -> tuple[EventStore, Ids]:
    """Index clean interactions, with the category of each event's item where the source names one.

    The log is read in the order of its file, a column at a time, so that its texts are never held together.

    Raises:
        UserError: the events have no times, or are all of one kind.
    """
    if spec.interactions.in_order or spec.interactions.one_kind:
        times = "no times, only an order, and " if spec.interactions.in_order else ""
        raise UserError(
            f"source '{spec.title}' has {times}one kind of event: there is no behaviour to predict; "
            "run --pipelines=engagement or --pipelines=recommendation on it, or choose another source"
        )
    if len(spec.interactions.classes) < 2:
        raise UserError(
            f"source '{spec.title}' has one kind of event, so there is no behaviour to predict; run "
            "--pipelines=engagement on it, or name at least two classes under 'interactions.behaviours'"
        )
    rows = clean.select(ROW).to_pyarrow()[ROW].to_numpy()

    def column(name: str) -> pa.ChunkedArray:
        table = clean.select(ROW, name).to_pyarrow()
        if not np.array_equal(table[ROW].to_numpy(), rows):
            raise RuntimeError("the engine does not keep the order of a file; its columns cannot be read one by one")
        return table[name]

    item = encoded(column(ITEM_ID))
    category = None
    if spec.items.group_by is not None:
        described = items.select(ITEM_ID, category=items[spec.items.group_by]).to_pyarrow()
        category = looked_up(item, described[ITEM_ID], described["category"])
    store, customers, item_ids = EventStore.build(
        encoded(column(CUSTOMER_ID)),
        item,
        column(TIMESTAMP).to_numpy(),
        encoded(column(BEHAVIOUR)),
        column(VALUE).to_numpy(),
        rows,
        category,
        spec.interactions.classes,
        spec.interactions.context,
    )
    pa.default_memory_pool().release_unused()
    return store, {"customer": customers.astype(str), "item": item_ids.astype(str)}


def _describe(protocol: str, fold: Fold, store: EventStore) -> dict[str, Any]:
    parts = fold.parts(store.timestamp, store.labels >= 0)
    counts = dict(zip(("train", "validation", "test"), map(len, parts), strict=True))
    end = int(store.timestamp[-1]) + 1 if fold.test_end is None else fold.test_end
    return {PROTOCOL: protocol, **asdict(fold), "test_end": end, **counts}


def build_views(store: EventStore, ids: Ids, parameters: SplitParameters) -> Views:
    """Cut the log in time, and add the ``held_out`` protocol where too few entities are new after the cut.

    The protocol is left out where withholding would leave a part or a class of training too small to learn from.

    Raises:
        UserError: the log is too small for the split, or a class never occurs in training.
    """
    labelled = store.labels >= 0
    folds = time_split(store.timestamp, labelled, parameters)
    check_classes(folds, store.timestamp, store.labels, store.classes)
    stores, all_ids = {PROTOCOL_TIME: store}, {f"{PROTOCOL_TIME}/{side}": values for side, values in ids.items()}
    splits = [_describe(PROTOCOL_TIME, fold, store) for fold in folds]
    last = folds[-1]
    keep = held_out_view(store, store.labels, last, parameters)
    if not keep.all():
        rest, customers, items = store.subset(keep)
        described = _describe(PROTOCOL_HELD_OUT, last, rest)
        enough = all(described[part] >= least for part, least in parameters.minimum.items())
        try:
            check_classes([last], rest.timestamp, rest.labels, rest.classes)
        except UserError:
            enough = False
        if enough:
            stores[PROTOCOL_HELD_OUT] = rest
            all_ids[f"{PROTOCOL_HELD_OUT}/customer"] = ids["customer"][customers]
            all_ids[f"{PROTOCOL_HELD_OUT}/item"] = ids["item"][items]
            splits.append(described)
    return Views(stores, all_ids, splits)


def fold_of(split: dict[str, Any]) -> Fold:
    """The fold that a row of ``splits`` describes."""
    return Fold(split["fold"], split["validation_start"], split["test_start"], split["test_end"])


def view_key(split: dict[str, Any]) -> str:
    """Name of a protocol and fold, for example ``time/fold=0``; a path wherever things are kept per view."""
    return f"{split[PROTOCOL]}/fold={split['fold']}"


def overview(store: EventStore, spec: SourceSpec) -> dict[str, Any]:
    """What the clean log holds: sizes, period (seconds UTC) and events per behaviour."""
    counts = np.bincount(store.behaviour, minlength=len(store.behaviours))
    names: Sequence[str] = store.behaviours
    return {
        "title": spec.title,
        "events": len(store),
        "customers": store.n_customers,
        "items": store.n_items,
        "start": int(store.timestamp[0]),
        "end": int(store.timestamp[-1]),
        "class_counts": {name: int(count) for name, count in zip(names, counts, strict=True)},
        "utc_offset_hours": spec.interactions.utc_offset_hours,
    }
