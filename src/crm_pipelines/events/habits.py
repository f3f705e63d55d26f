"""Personal habits: what this customer did whenever the situation was the present one.

A situation is told from the past alone: the behaviour just before, what was last done with this very item, or how
long ago the last event was. A shared model learns what most customers do in it; these features tell who differs.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.events.blocks import Query, shares
from crm_pipelines.events.groupings import Groupings
from crm_pipelines.events.index import EventIndex
from crm_pipelines.events.states import FloatArray, Span, prefix_sums
from crm_pipelines.events.store import EventStore

PAUSES: Final = (10, 60, 600, 3_600, 86_400)
"""Seconds that part the situations of ``pause``."""

STRETCH: Final = 1_000_000
"""Events looked at together."""

Spans = dict[str, Span]
Situation = Callable[[EventStore, Groupings, Spans, NDArray[np.int64]], NDArray[np.int64]]


def _latest_behaviour(store: EventStore, index: EventIndex, span: Span) -> NDArray[np.int64]:
    """(B,) 1 + behaviour of the last event of a history, 0 without one."""
    if not len(store):
        return np.zeros(len(span.end), dtype=np.int64)
    return np.where(span.some, store.behaviour[index.events[span.last]].astype(np.int64) + 1, 0)


def _before(store: EventStore, groupings: Groupings, spans: Spans, _: NDArray[np.int64]) -> NDArray[np.int64]:
    return _latest_behaviour(store, groupings.indices["customer"], spans["customer"])


def _same_item(store: EventStore, groupings: Groupings, spans: Spans, _: NDArray[np.int64]) -> NDArray[np.int64]:
    return _latest_behaviour(store, groupings.indices["pair"], spans["pair"])


def _pause(store: EventStore, groupings: Groupings, spans: Spans, time: NDArray[np.int64]) -> NDArray[np.int64]:
    span, times = spans["customer"], groupings.indices["customer"].time
    if not len(store):
        return np.zeros(len(time), dtype=np.int64)
    return np.where(span.some, np.digitize(time - times[span.last], PAUSES) + 1, 0)


SITUATIONS: Final[dict[str, Situation]] = {"before": _before, "same_item": _same_item, "pause": _pause}


@dataclass(frozen=True)
class Habits:
    """Share of every class among the customer's past events in one situation, shrunk to the customer's own shares.

    Attributes:
        situation: key of `SITUATIONS`.
        n_situations: situations of one customer; group = customer * n_situations + situation.
        index: events by that group. counts: (n + 1, c) prefix sums of classes over its slots.
    """

    situation: str
    store: EventStore
    groupings: Groupings
    n_situations: int
    index: EventIndex
    counts: NDArray[np.int32]

    @classmethod
    def build(cls, situation: str, groupings: Groupings) -> Self:
        """From the history of every event of the log, a stretch at a time."""
        store = groupings.store
        size = len(PAUSES) + 2 if situation == "pause" else len(store.behaviours) + 1
        group = store.customer.astype(np.int64) * size
        for first in range(0, len(store), STRETCH):
            ids = np.arange(first, min(first + STRETCH, len(store)))
            group[ids] += SITUATIONS[situation](store, groupings, groupings.of_events(ids), store.timestamp[ids])
        index = EventIndex.build(group, store.timestamp, store.n_customers * size)
        classes = store.behaviour[index.events][:, None] == np.arange(store.n_classes)
        return cls(situation, store, groupings, size, index, prefix_sums(classes))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(f"habit_{self.situation}_share_{label}" for label in self.store.classes)

    def columns(self, query: Query) -> Iterator[FloatArray]:
        """The columns; see `Block`."""
        state = SITUATIONS[self.situation](self.store, self.groupings, query.spans, query.time)
        group = np.where(query.customer >= 0, query.customer * self.n_situations + state, -1)
        counts = self.counts[self.index.lookup(group, query.time)] - self.counts[self.index.start(group)]
        yield shares(counts, query.customer_rates)
