"""Blocks of features that join groupings: the latest events one by one, the session, variety, popularity, time."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.events.blocks import SESSION_GAP, Query, duration
from crm_pipelines.events.index import EventIndex
from crm_pipelines.events.states import NEVER, FloatArray, GroupState, Span, prefix_sums, recency
from crm_pipelines.events.store import EventStore

DAY = 86_400
HOUR = 3_600
ALIKE = 5
"""Latest events that are compared with the query."""


@dataclass(frozen=True)
class Recent:
    """The last ``k`` events of one grouping, most recent first, flattened.

    Of each: log1p seconds ago (of the latest, that is ``<name>_since`` already), behaviour (0 none, 1 the first
    behaviour, ...) and value; of the latest five, whether it was of the same customer, item and category as the query
    (``same``); of the latest ``indicators`` also one indicator per behaviour.
    """

    name: str
    store: EventStore
    index: EventIndex
    k: int
    same: tuple[str, ...]
    indicators: int
    with_values: bool

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        places = range(1, self.k + 1)
        names = [f"since_{i}" for i in places[1:]]
        names += [f"behaviour_{i}" for i in places]
        names += [f"same_{side}_{i}" for side in self.same for i in places[:ALIKE]]
        if self.with_values:
            names += [f"value_{i}" for i in places]
        names += [f"is_{b}_{i}" for i in range(1, self.indicators + 1) for b in self.store.behaviours]
        return tuple(f"{self.name}_last_{name}" for name in names)

    def columns(self, query: Query) -> Iterator[FloatArray]:
        """The columns; see `Block`."""
        span, store = query.spans[self.name], self.store
        ids, mask = self.index.gather(span.start, span.end, self.k)
        ids, mask = ids[:, ::-1], mask[:, ::-1]
        if not len(store):  # nothing to gather from: every place is empty
            width = min(self.k, ALIKE) * len(self.same)
            yield np.full((len(mask), self.k - 1), NEVER)
            yield np.zeros((len(mask), self.k + width))
            if self.with_values:
                yield np.repeat(query.mean_value[:, None], self.k, axis=1)
            yield np.zeros((len(mask), self.indicators * len(store.behaviours)))
            return
        yield recency(query.time[:, None], store.timestamp, ids[:, 1:], mask[:, 1:])
        behaviour = np.where(mask, store.behaviour[ids] + 1, 0)
        yield behaviour.astype(np.float32)
        for side in self.same:
            own: NDArray[np.int64] = getattr(query, side)
            known = mask[:, :ALIKE] & (own >= 0)[:, None]
            yield (known & (getattr(store, side)[ids[:, :ALIKE]] == own[:, None])).astype(np.float32)
        if self.with_values:
            value = store.value[ids]
            yield np.where(mask & np.isfinite(value), value, query.mean_value[:, None])
        codes = np.arange(1, len(store.behaviours) + 1)
        hot = behaviour[:, : self.indicators, None] == codes
        yield hot.reshape(len(mask), self.indicators * len(codes)).astype(np.float32)


@dataclass(frozen=True)
class Session:
    """The customer's running session: events since the last silence of more than `SESSION_GAP` seconds."""

    customers: GroupState
    pairs: dict[str, GroupState]
    behaviours: tuple[str, ...]
    start: NDArray[np.int32]

    @classmethod
    def build(cls, customers: GroupState, pairs: dict[str, GroupState], behaviours: tuple[str, ...]) -> "Session":
        """Find where every session starts, by slot; ``pairs`` are the groupings counted within it."""
        index = customers.index
        n = len(index.events)
        begins = np.ones(n, dtype=bool)
        group = index.group[index.events]
        begins[1:] = (group[1:] != group[:-1]) | (np.diff(index.time) > SESSION_GAP)
        start = np.maximum.accumulate(np.where(begins, np.arange(n, dtype=np.int32), 0)).astype(np.int32)
        return cls(customers, pairs, behaviours, start)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        names = ["events", "seconds", "seconds_per_event", *self.behaviours, *(f"{p}_events" for p in self.pairs)]
        return tuple(f"session_{name}" for name in names)

    def columns(self, query: Query) -> Iterator[FloatArray]:
        """The columns; see `Block`."""
        span, time, times = query.spans["customer"], query.time, self.customers.index.time
        if not len(times):
            yield np.zeros((len(time), len(self.names)))
            return
        alive = span.some & (time - times[span.last] <= SESSION_GAP)
        start = np.where(alive, self.start[span.last], span.end)
        events = span.end - start
        seconds = np.where(alive, time - times[np.where(alive, start, 0)], 0)
        yield np.log1p(events)
        yield np.log1p(seconds)
        yield np.log1p(seconds / np.maximum(events, 1))
        yield np.log1p(self.customers.n_events(Span(start, span.end)))
        for name, state in self.pairs.items():
            inside = state.within(query.spans[name], time, seconds)
            yield np.where(alive, np.log1p(inside.end - inside.start), 0.0)


@dataclass(frozen=True)
class Variety:
    """How many distinct others an entity has met, and how often it came back to one it knew."""

    name: str
    other: str
    state: GroupState
    first: NDArray[np.int32]

    @classmethod
    def build(cls, name: str, other: str, state: GroupState, pair: EventIndex, known: NDArray[np.bool_]) -> "Variety":
        """Prefix sums, by slot of ``state``, of events that are the first of their ``pair`` group."""
        new = (pair.position == pair.indptr[pair.group]) & known
        return cls(name, other, state, prefix_sums(new[state.index.events]))

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return (f"{self.name}_distinct_{self.other}", f"{self.name}_new_{self.other}_share")

    def columns(self, query: Query) -> Iterator[FloatArray]:
        """The columns; see `Block`."""
        span = query.spans[self.name]
        distinct = self.first[span.end] - self.first[span.start]
        yield np.log1p(distinct)
        yield (distinct + 1) / (span.end - span.start + 1)


@dataclass(frozen=True)
class Popularity:
    """Size of one grouping's history relative to another's: item in category, category in customer, ..."""

    ratios: tuple[tuple[str, str], ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(f"{part}_of_{whole}" for part, whole in self.ratios)

    def columns(self, query: Query) -> Iterator[FloatArray]:
        """The columns; see `Block`."""
        for part, whole in self.ratios:
            a, b = query.spans[part], query.spans[whole]
            yield np.log1p(a.end - a.start) - np.log1p(b.end - b.start)


@dataclass(frozen=True)
class Log:
    """The whole log so far: running share of every class, and its share in the latest window."""

    state: GroupState
    classes: tuple[str, ...]
    window: int

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        recent = duration(self.window)
        return (*(f"log_share_{c}" for c in self.classes), *(f"log_share_{c}_{recent}" for c in self.classes))

    def columns(self, query: Query) -> Iterator[FloatArray]:
        """The columns; see `Block`."""
        yield query.rates
        inside = self.state.within(query.spans["log"], query.time, self.window)
        counts = self.state.n_events(inside)[:, : len(self.classes)]
        weight = 100.0  # steady even where the window is nearly empty
        yield (counts + weight * query.rates) / (counts.sum(axis=1, keepdims=True) + weight)


@dataclass(frozen=True)
class Calendar:
    """Hour of the day and day of the week (Monday 0) in local time, as numbers and on the circle."""

    utc_offset_hours: float

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return ("hour", "hour_sin", "hour_cos", "weekday", "weekday_sin", "weekday_cos")

    def columns(self, query: Query) -> Iterator[FloatArray]:
        """The columns; see `Block`."""
        local = query.time + round(self.utc_offset_hours * HOUR)
        hour = local % DAY / HOUR
        weekday = (local // DAY + 3) % 7  # 1970-01-01 was a Thursday
        for value, whole, period in ((hour, np.floor(hour), 24), (weekday, weekday, 7)):
            angle = 2 * np.pi * value / period
            yield whole.astype(np.float32)
            yield np.sin(angle)
            yield np.cos(angle)
