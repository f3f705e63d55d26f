"""What every model is given: one protocol and fold of one source, ready to train on and to predict."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.events.index import IntArray
from crm_pipelines.events.store import EventStore
from crm_pipelines.streamed import StreamedArray

TENURE: Final = "tenure"
FREQUENCY: Final = "frequency"
NEW_SHARE: Final = 0.25
"""A customer is new for this share of the training period after the first event."""


@dataclass(frozen=True)
class EventInputs:
    """Inputs of n events, F event features, D text dimensions. Everything fitted was fitted on ``train``.

    Attributes:
        protocol: ``time`` or ``held_out``. fold: number of the fold.
        store: the log, for histories and graphs.
        classes: names of the classes. labels: (n) int64 class index, -1 for events that are context only.
        feature_names: names of the F event features.
        event_features: (n, F) float32, as known just before each event; unscaled; may be a memory map. Of a long log
            (m, F), of the events ``featured`` only.
        text_features: (n, 2 D) float32 summaries of the customer's and the item's past texts; (n, 0) without.
        customer_static, item_static: (n_customers, Fu), (n_items, Fi) float32 in [0, 1].
        customer_codes, item_codes: (n_customers, Cu), (n_items, Ci) int32 categorical codes, 0 = unknown.
        customer_cardinalities, item_cardinalities: number of codes of each of those columns.
        customer_segment: (n_customers) int32, -1 for customers without training events.
        n_segments: number of segments.
        train, validation, test: event ids (int64), all labelled.
        time_unit: natural unit of time of the source, seconds.
        cold: name of a cold-start slice -> its query events.
        groups: name of a fairness axis -> (n) group of each event.
        featured: (m) int64 ascending ids of the events with features; None where every event has them.
        value_scale: mean and deviation by which values are standardised; None takes those of ``train``.
    """

    protocol: str
    fold: int
    store: EventStore
    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    feature_names: tuple[str, ...]
    event_features: NDArray[np.float32]
    text_features: NDArray[np.float32]
    customer_static: NDArray[np.float32]
    item_static: NDArray[np.float32]
    customer_codes: NDArray[np.int32]
    customer_cardinalities: tuple[int, ...]
    item_codes: NDArray[np.int32]
    item_cardinalities: tuple[int, ...]
    customer_segment: NDArray[np.int32]
    n_segments: int
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]
    time_unit: float
    cold: Mapping[str, NDArray[np.int64]]
    groups: Mapping[str, NDArray[Any]]
    featured: NDArray[np.int64] | None = None
    value_scale: tuple[float, float] | None = None

    def __post_init__(self) -> None:
        """Check that tables and ids fit together.

        Raises:
            ValueError: naming the first that does not.
        """
        n, store = len(self.store), self.store
        featured = n if self.featured is None else len(self.featured)
        rows = {"labels": n, "event_features": featured, "text_features": n}
        rows |= dict.fromkeys(("customer_static", "customer_codes", "customer_segment"), store.n_customers)
        rows |= dict.fromkeys(("item_static", "item_codes"), store.n_items)
        for name, expected in rows.items():
            if len(getattr(self, name)) != expected:
                raise ValueError(f"{name} has {len(getattr(self, name))} rows, the store needs {expected}")
        if self.event_features.shape[1] != len(self.feature_names):
            raise ValueError(f"{self.event_features.shape[1]} event features, {len(self.feature_names)} names")

    def features(self, event_ids: IntArray) -> NDArray[np.float32]:
        """(B, F_total) [event features | past texts | customer's | item's static attributes] of events."""
        ids = np.asarray(event_ids, dtype=np.int64)
        return np.concatenate(
            [
                self.event_features[self._rows(ids)],
                self.text_features[ids],
                self.customer_static[self.store.customer[ids]],
                self.item_static[self.store.item[ids]],
            ],
            axis=1,
            dtype=np.float32,
        )

    def _rows(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Rows of ``event_features`` that describe events.

        Raises:
            ValueError: at an event without features.
        """
        if self.featured is None:
            return ids
        rows = np.searchsorted(self.featured, ids)
        if not has(self.featured, ids).all():
            raise ValueError("some of the events have no features; see FeatureParameters")
        return rows

    @cached_property
    def training_scale(self) -> tuple[float, float]:
        """Mean and deviation of the values of the training part, or those given."""
        if self.value_scale is not None:
            return self.value_scale
        values = np.array(self.store.value[self.train], dtype=np.float32)
        values = values[np.isfinite(values)]
        return (float(values.mean()), float(values.std()) or 1.0) if len(values) else (0.0, 1.0)

    @cached_property
    def all_feature_names(self) -> tuple[str, ...]:
        """Names of the F_total columns of `features`."""
        width = self.text_features.shape[1] // 2
        return (
            *self.feature_names,
            *(f"{side}_text_{i}" for side in ("customer", "item") for i in range(width)),
            *(f"customer_static_{i}" for i in range(self.customer_static.shape[1])),
            *(f"item_static_{i}" for i in range(self.item_static.shape[1])),
        )


def has(ascending: NDArray[np.int64], ids: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(B,) which ids are among ascending ones."""
    if not len(ascending):
        return np.zeros(len(ids), dtype=bool)
    place = np.minimum(np.searchsorted(ascending, ids), len(ascending) - 1)
    found: NDArray[np.bool_] = ascending[place] == ids
    return found


def established(store: EventStore, train: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n) whether an event's customer is established by then, not new.

    New: without an event strictly before, or with a first one less than `NEW_SHARE` of the training period ago.
    """
    times = store.timestamp[train]
    period = int(times.max() - times.min()) if len(times) else 0
    start, end = store.customers.spans(np.arange(len(store)))
    some = end > start
    age = np.where(some, store.timestamp - store.customers.time[np.where(some, start, 0)], 0)
    known: NDArray[np.bool_] = some & (age >= NEW_SHARE * period)
    return known


def frequent(store: EventStore, train: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(n) whether a customer's past events outnumber the training customers' median.

    The median is of the training events of every customer who has any; the past is strictly before each event.
    """
    per_customer = np.bincount(store.customer[train], minlength=1)
    median = float(np.median(per_customer[per_customer > 0])) if len(train) else 0.0
    start, end = store.customers.spans(np.arange(len(store)))
    often: NDArray[np.bool_] = end - start > median
    return often


def named(flags: NDArray[np.bool_], no: str, yes: str) -> StreamedArray:
    """(n) one of two words, as texts no wider than those that occur."""
    occurring = [word for word, found in ((no, ~flags), (yes, flags)) if found.any()]
    words = np.asarray([no, yes]).astype(np.asarray(occurring, dtype=str).dtype)
    return StreamedArray.of_rows(flags.shape, words.dtype, lambda part: words[flags[part].astype(np.int8)])


def history_groups(store: EventStore, train: NDArray[np.int64]) -> dict[str, StreamedArray]:
    """The fairness axes every source has, by name: (n) group of each event."""
    return {
        TENURE: named(established(store, train), "new", "established"),
        FREQUENCY: named(frequent(store, train), "low", "high"),
    }
