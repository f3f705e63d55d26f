"""How fast histories are read: the store's slices against a search per row.

    python benchmarks/history_lookup.py                    # 1,000,000 and 18,700,000 events
    python benchmarks/history_lookup.py 200000 --k 20

For every event of a stretch of the log, in batches, get the customer's last k events strictly before it: their mask
and two of their columns (behaviour, timestamp), from columns kept in slot order (``slices``) or by event id
(``ids``); both against the usual way, per row one `numpy.searchsorted` in the customer's times (``search per row``).
All must agree. Nothing here uses more than one thread, and CPU time is counted, so that other work on the machine
disturbs little; the ratio is what to quote.
"""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter, process_time
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.events.index import EventIndex, recent

BATCH = 2_048
Ids = NDArray[np.int64]
Histories = tuple[NDArray[np.bool_], NDArray[np.int16], NDArray[np.int64]]


@dataclass(frozen=True)
class Log:
    """A simulated log, its customers' index, and two columns by event id and in slot order."""

    index: EventIndex
    columns: tuple[NDArray[Any], NDArray[Any]]
    by_slot: tuple[NDArray[Any], NDArray[Any]]

    @classmethod
    def simulate(cls, events: int, seed: int = 0) -> Self:
        """90 days with 15 events a customer on average, a few customers having many."""
        rng = np.random.default_rng(seed)
        customers = max(events // 15, 1)
        activity = rng.exponential(size=customers) ** 1.5
        customer = rng.choice(customers, size=events, p=activity / activity.sum()).astype(np.int32)
        timestamp = np.sort(rng.integers(0, 90 * 86_400, size=events))
        behaviour = rng.integers(0, 4, size=events).astype(np.int16)
        index = EventIndex.build(customer, timestamp, customers)
        return cls(index, (behaviour, timestamp), (index.arrange(behaviour), index.arrange(timestamp)))


def slices(log: Log, ids: Ids, k: int) -> Histories:
    """Whole rows out of columns in slot order; no event id is needed."""
    start, end = log.index.spans(ids)
    behaviour, timestamp = (recent(column, end, k) for column in log.by_slot)
    return log.index.mask(start, end, k), behaviour, timestamp


def by_id(log: Log, ids: Ids, k: int) -> Histories:
    """Event ids first, then each column gathered by them."""
    events, mask = log.index.history(ids, k)
    behaviour, timestamp = (column[events] for column in log.columns)
    return mask, behaviour, timestamp


def search_per_row(log: Log, ids: Ids, k: int) -> Histories:
    """The baseline: a search for each row's place in its customer's times."""
    index = log.index
    events, mask = np.zeros((len(ids), k), dtype=np.int64), np.zeros((len(ids), k), dtype=bool)
    for row, event in enumerate(ids):
        group = index.group[event]
        first, after = index.indptr[group], index.indptr[group + 1]
        place = np.searchsorted(index.time[first:after], log.columns[1][event], side="left")
        last = index.events[max(first, first + place - k) : first + place]
        if len(last):
            events[row, -len(last) :] = last
            mask[row, -len(last) :] = True
    behaviour, timestamp = (column[events] for column in log.columns)
    return mask, behaviour, timestamp


def rate(read: Callable[[Log, Ids, int], Any], log: Log, k: int, queries: int, repeats: int) -> float:
    """Histories per CPU second, reading a stretch of the log in order as training does; the best of ``repeats``."""
    size, best = len(log.index.events), float("inf")
    rng = np.random.default_rng(1)
    for _ in range(repeats):
        first = int(rng.integers(0, max(size - queries, 1)))
        last = min(first + queries, size)
        batches = [np.arange(i, min(i + BATCH, last)) for i in range(first, last, BATCH)]
        start = process_time()
        for ids in batches:
            read(log, ids, k)
        best = min(best, (process_time() - start) / (last - first))
    return 1 / best


def main() -> None:
    """Measure and print a few lines per size."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=int, nargs="*", default=[1_000_000, 18_700_000], help="sizes of the log")
    parser.add_argument("--k", type=int, default=20, help="length of a history")
    parser.add_argument("--repeats", type=int, default=7, help="timed passes, the fastest counts")
    arguments = parser.parse_args()
    for size in arguments.events:
        started = perf_counter()
        log = Log.simulate(size)
        print(f"{size:,} events, k = {arguments.k}; simulated and indexed in {perf_counter() - started:.1f} s")
        sample = np.random.default_rng(2).integers(0, size, size=500)
        answers = [read(log, sample, arguments.k) for read in (slices, by_id, search_per_row)]
        mask = answers[2][0]
        for answer in answers[:2]:
            if not all((a[mask] == b[mask]).all() for a, b in zip(answer, answers[2], strict=True)):
                raise SystemExit("the ways to read a history disagree")
        baseline = rate(search_per_row, log, arguments.k, 10_000, 2)
        print(f"  search per row          {baseline:>12,.0f} histories/s")
        for name, read in (("slices + two columns", slices), ("ids + two columns", by_id)):
            speed = rate(read, log, arguments.k, 200_000, arguments.repeats)
            print(f"  {name:<24}{speed:>12,.0f} histories/s, {speed / baseline:.0f} times as fast")


if __name__ == "__main__":
    main()
