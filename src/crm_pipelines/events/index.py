"""Histories as contiguous slices: the events of each entity, in time order, in one CSR array."""

from dataclasses import dataclass
from typing import Any, Self, TypeVar

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from scipy.sparse import csr_array

IntArray = NDArray[np.integer[Any]]
Scalar = TypeVar("Scalar", bound=np.generic)


def bisect(
    times: NDArray[np.int64], low: NDArray[np.int64], high: NDArray[np.int64], t: NDArray[np.int64]
) -> NDArray[np.int64]:
    """First slot in ``[low, high)`` whose time is not before ``t``, for many slices at once.

    Args:
        times: (n,) times by slot, ascending within every slice asked about.
        low, high: (B,) the slices.
        t: (B,) the times sought, seconds.

    Returns:
        (B,) slots; ``high`` where every time in the slice is before ``t``.
    """
    low, high = low.astype(np.int64), high.astype(np.int64)
    open_ = np.flatnonzero(low < high)
    while len(open_):  # halves every slice: as many rounds as the longest one has bits
        lo, hi = low[open_], high[open_]
        middle = (lo + hi) >> 1
        before = times[middle] < t[open_]
        lo, hi = np.where(before, middle + 1, lo), np.where(before, hi, middle)
        low[open_], high[open_] = lo, hi
        open_ = open_[lo < hi]
    return low


def recent(by_slot: NDArray[Scalar], end: NDArray[np.int64], k: int) -> NDArray[Scalar]:
    """The ``k`` entries before each slot ``end`` of a column in slot order.

    Contiguous rows are copied whole: several times faster than gathering by event id. Places before a history's
    first slot hold other groups' entries, to be masked (`EventIndex.mask`).

    Args:
        by_slot: (n,) column, see `EventIndex.arrange`. end: (B,) slots, 0 .. n.

    Returns:
        (B, k), the entry of slot ``end - 1`` last.
    """
    n = len(by_slot)
    if n < k or not n:  # too short for one window: pad it
        by_slot = np.concatenate([np.zeros(k - n + 1, dtype=by_slot.dtype), by_slot])
        end = end + (k - n + 1)
    rows: NDArray[Scalar] = sliding_window_view(by_slot, k)[np.maximum(end - k, 0)]
    early = np.flatnonzero(end < k)  # windows that would begin before the first slot
    if len(early):
        rows[early] = by_slot[np.maximum(end[early, None] + np.arange(-k, 0), 0)]
    return rows


@dataclass(frozen=True)
class EventIndex:
    """The events of a log ordered by (group, time, row), so that every history is one slice.

    The history of event e, all events of its group strictly before it in time, is
    ``events[indptr[group[e]]:end[e]]``; events at the same second are not part of each other's history.

    Attributes:
        indptr: (n_groups + 1) int64, where each group's slots begin.
        events: (n) int32, event id by slot.
        position: (n) int32, slot by event id.
        end: (n) int32, by event id: one past the slot of the last event strictly before it in its group.
        group: (n) int32, group by event id.
        time: (n) int64, seconds, by slot.
    """

    indptr: NDArray[np.int64]
    events: NDArray[np.int32]
    position: NDArray[np.int32]
    end: NDArray[np.int32]
    group: NDArray[np.int32]
    time: NDArray[np.int64]

    @classmethod
    def build(cls, group: IntArray, timestamp: NDArray[np.int64], n_groups: int | None = None) -> Self:
        """Index a log that is already in (timestamp, row) order.

        Args:
            group: (n) group of every event, from 0.
            timestamp: (n) ascending seconds.
            n_groups: number of groups; one more than the highest by default.

        Raises:
            ValueError: if times descend, or a group is negative or not below ``n_groups``.
        """
        n = len(group)
        if n and (np.diff(timestamp) < 0).any():
            raise ValueError("events must be in (timestamp, row) order")
        highest = int(group.max()) + 1 if n else 0
        size = highest if n_groups is None else n_groups
        if highest > size or (n and int(group.min()) < 0):
            raise ValueError(f"groups must lie in 0 .. {size - 1}")
        groups = np.asarray(group, dtype=np.int32)
        slots = np.arange(n, dtype=np.int32)
        # Turning rows into columns is a counting sort: stable, and several times faster than comparing.
        rows = csr_array((np.ones(n, dtype=np.int8), groups, np.arange(n + 1, dtype=np.int32)), shape=(n, size))
        by_group = rows.tocsc()
        events, indptr = by_group.indices.astype(np.int32, copy=False), by_group.indptr.astype(np.int64)
        del rows, by_group
        position = np.empty(n, dtype=np.int32)
        position[events] = slots
        by_slot, time = groups[events], timestamp[events]
        starts_run = np.ones(n, dtype=bool)  # a run: events of one group at one second
        starts_run[1:] = (by_slot[1:] != by_slot[:-1]) | (time[1:] != time[:-1])
        run_start = np.maximum.accumulate(np.where(starts_run, slots, 0)).astype(np.int32)
        return cls(indptr, events, position, run_start[position], groups, time)

    @property
    def n_groups(self) -> int:
        """Number of groups, also those without events."""
        return len(self.indptr) - 1

    def start(self, groups: IntArray) -> NDArray[np.int64]:
        """(B,) first slot of each group; 0 for a group outside the index."""
        known = (groups >= 0) & (groups < self.n_groups)
        return np.where(known, self.indptr[np.where(known, groups, 0)], 0)

    def spans(self, event_ids: IntArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """(B,) first and one-past-last slot of the histories of events of the log; no search is needed."""
        return self.indptr[self.group[event_ids]], self.end[event_ids].astype(np.int64)

    def lookup(self, groups: IntArray, times: IntArray) -> NDArray[np.int64]:
        """One-past-last slots of the histories of arbitrary queries.

        Args:
            groups: (B,) entities; one outside the index (never seen) has an empty history.
            times: (B,) seconds.

        Returns:
            (B,) such that ``events[start(groups):lookup(groups, times)]`` are the events strictly before.
        """
        known = (groups >= 0) & (groups < self.n_groups)
        after = np.where(known, self.indptr[np.where(known, groups, -1) + 1], 0)
        return bisect(self.time, self.start(groups), after, np.asarray(times, dtype=np.int64))

    def arrange(self, column: NDArray[Scalar]) -> NDArray[Scalar]:
        """(n, ...) a column by event id, put in slot order: what `recent` reads fastest."""
        return column[self.events]

    def mask(self, start: NDArray[np.int64], end: NDArray[np.int64], k: int) -> NDArray[np.bool_]:
        """(B, k) which of the ``k`` places before ``end`` lie in the slices; the most recent is last."""
        return (end - start)[:, None] >= np.arange(k, 0, -1)

    def gather(
        self, start: NDArray[np.int64], end: NDArray[np.int64], k: int
    ) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The last ``k`` events of slices, most recent last.

        Returns:
            Event ids (B, k), right-aligned, 0 where masked; mask (B, k), true where there is an event.
        """
        mask = self.mask(start, end, k)
        return np.multiply(recent(self.events, end, k), mask, dtype=np.int64), mask

    def history(self, event_ids: IntArray, k: int) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
        """The ``k`` most recent events of each event's group strictly before it; see `gather`."""
        return self.gather(*self.spans(event_ids), k)
