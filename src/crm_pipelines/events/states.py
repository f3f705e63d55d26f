"""Running state of every group of events (a customer, an item, a pair, ...), stored once per slot.

The state of a slot covers its group's events up to and including that slot, so that a query whose history ends
before slot ``end`` reads slot ``end - 1``: what an event sees excludes itself, ties and the future by construction.
Counts are differences of integer prefix sums, and sums of floats are scanned within each group only. Both give the
same bytes however many events of other groups, or later ones, the log holds.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.events.index import EventIndex, bisect
from crm_pipelines.events.store import EventStore

NEVER: Final = float(np.log1p(10 * 365.25 * 86_400))
"""Recency, log1p seconds, of what never happened (ten years); also the highest recency there is."""

FloatArray = NDArray[np.floating[Any]]


def decayed_sums(
    amounts: NDArray[np.float64], time: NDArray[np.int64], position: NDArray[np.int64], tau: float
) -> NDArray[np.float64]:
    """Sum of a group's amounts so far, each decayed by exp(-age / tau), for all slots at once.

    A segmented scan with doubling: after round k a slot holds the sum over its last 2^k events, so a log whose
    longest group has m events needs log2(m) rounds, each over the slots that still reach further back.

    Args:
        amounts: (n, C) by slot. time: (n) seconds by slot. position: (n) 0, 1, ... within the slot's group.
        tau: time constant in seconds; infinity gives plain running sums.

    Returns:
        (n, C) sums as of each slot's own time, that slot included.
    """
    total = amounts.astype(np.float64)
    step = 1
    active = np.flatnonzero(position >= step)
    while len(active):
        before = active - step
        weight = np.exp((time[before] - time[active]) / tau)
        total[active] += weight[:, None] * total[before]  # the right side is gathered before it is written
        step *= 2
        active = active[position[active] >= step]
    return total


def group_ranges(index: EventIndex, slots: int = 1_000_000) -> Iterator[slice]:
    """Consecutive ranges of slots that part no group, of about ``slots`` slots each."""
    n = len(index.events)
    wanted = np.arange(slots, n, slots)
    ends = index.indptr[np.searchsorted(index.indptr, wanted)]
    yield from (slice(a, b) for a, b in pairwise([0, *np.unique(ends).tolist(), n]) if b > a)


@dataclass(frozen=True)
class Span:
    """Histories of B queries in one grouping: slots ``start`` to ``end - 1``; empty where they are equal."""

    start: NDArray[np.int64]
    end: NDArray[np.int64]

    @property
    def some(self) -> NDArray[np.bool_]:
        """(B,) whether there is any history."""
        return self.end > self.start

    @property
    def last(self) -> NDArray[np.int64]:
        """(B,) slot of the most recent event; 0, to be masked by ``some``, where there is none."""
        return np.where(self.some, self.end - 1, 0)


@dataclass(frozen=True)
class GroupState:
    """State by slot of one grouping of n events with b behaviours, c of them classes.

    Attributes:
        index: the grouping.
        counts: (n + 1, b) int32, events of each behaviour in all slots before this one (prefix sums).
        latest: (n, b) int32, slot of the latest event of each behaviour up to this slot; -1 if none anywhere.
        decayed: tau -> (n, c) float32, decayed number of events of each class as of the slot's time.
    """

    index: EventIndex
    counts: NDArray[np.int32]
    latest: NDArray[np.int32]
    decayed: dict[float, NDArray[np.float32]]

    @classmethod
    def build(cls, store: EventStore, index: EventIndex, taus: tuple[float, ...] = ()) -> Self:
        """Scan one grouping of the store, with decayed counts for each time constant."""
        n, size = len(store), len(store.behaviours)
        behaviour = store.behaviour[index.events]
        slots = np.arange(n, dtype=np.int32)
        hot = behaviour[:, None] == np.arange(size)
        latest = np.where(hot, slots[:, None], np.int32(-1))
        np.maximum.accumulate(latest, axis=0, out=latest)
        position = slots - index.indptr[index.group[index.events]]
        classes = hot[:, : store.n_classes]
        decayed = {tau: np.empty(classes.shape, dtype=np.float32) for tau in taus}
        for part in group_ranges(index):  # a scan ends with its group: parts keep what it needs small
            amounts = hot[part, : store.n_classes].astype(np.float64)
            for tau, sums in decayed.items():
                sums[part] = decayed_sums(amounts, index.time[part], position[part], tau)
        return cls(index, prefix_sums(hot), latest, decayed)

    def slim(self, counts: bool) -> Self:
        """The same without what only a `Profile` reads, with or without ``counts``."""
        empty = np.empty((0, self.counts.shape[1]), dtype=np.int32)
        return replace(self, counts=self.counts if counts else empty, latest=empty, decayed={})

    def n_events(self, span: Span) -> NDArray[np.int32]:
        """(B, b) events of each behaviour in the histories."""
        counts: NDArray[np.int32] = self.counts[span.end] - self.counts[span.start]
        return counts

    def since(self, span: Span, time: NDArray[np.int64]) -> NDArray[np.float64]:
        """(B,) log1p seconds since the last event; `NEVER` where there is none."""
        return recency(time, self.index.time, span.last, span.some)

    def since_each(self, span: Span, time: NDArray[np.int64]) -> NDArray[np.float64]:
        """(B, b) log1p seconds since the last event of each behaviour; `NEVER` where there is none."""
        if not len(self.latest):
            return np.full((len(time), self.latest.shape[1]), NEVER)
        slot = self.latest[span.last]
        return recency(time[:, None], self.index.time, slot, span.some[:, None] & (slot >= span.start[:, None]))

    def decays(self, span: Span, time: NDArray[np.int64], tau: float) -> NDArray[np.float64]:
        """(B, c) decayed number of events of each class as of ``time``."""
        if not len(self.latest):
            return np.zeros((len(time), self.decayed[tau].shape[1]))
        age = np.where(span.some, time - self.index.time[span.last], 0)
        weight = np.where(span.some, np.exp(-age / tau), 0.0)
        return weight[:, None] * self.decayed[tau][span.last]

    def within(self, span: Span, time: NDArray[np.int64], window: int | NDArray[np.int64]) -> Span:
        """The part of the histories no older than ``window`` seconds: times in [t - window, t)."""
        return Span(bisect(self.index.time, span.start, span.end, time - window), span.end)


def recency(
    time: NDArray[np.int64], times: NDArray[np.int64], slot: NDArray[Any], some: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """log1p seconds from ``times[slot]`` to ``time`` where ``some``, else `NEVER`; never above `NEVER`."""
    if not len(times):
        return np.full(np.broadcast_shapes(time.shape, some.shape), NEVER)
    age = np.where(some, time - times[np.where(some, slot, 0)], 0)
    return np.where(some, np.minimum(np.log1p(age), NEVER), NEVER)


def prefix_sums(flags: NDArray[np.bool_]) -> NDArray[np.int32]:
    """(n + 1, ...) number of true flags before each slot."""
    sums = np.zeros((len(flags) + 1, *flags.shape[1:]), dtype=np.int32)
    np.cumsum(flags, axis=0, out=sums[1:])
    return sums
