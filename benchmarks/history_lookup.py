"""How fast histories are read: the store's slices against a search per row.

    python benchmarks/history_lookup.py                    # 1,000,000 and 18,700,000 events
    python benchmarks/history_lookup.py 200000 --k 20

Two questions are asked in batches of 2,048, and answered with the customer's last k events strictly before: their mask
and two of their columns (behaviour, timestamp).

- *Events of the log*, a stretch in order, as training reads them: from columns kept in slot order (``slices``) or by
  event id (``ids``).
- *Any customer at any time*, as scoring asks: found by halving all histories of a batch at once (``lookup``).

The peer is the sampler of DyGLib (Yu et al. 2023, "Towards Better Dynamic Graph Learning", `get_historical_neighbors`
with the strategy "recent"), its method written down here: an array of times per customer, and per row one
`numpy.searchsorted` and one copy into each result. All answers must agree. Nothing here uses more than one thread,
and CPU time is counted, so that other work on the machine disturbs little; the ratio is what to quote.
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
PERIOD = 90 * 86_400
Ids = NDArray[np.int64]
Histories = tuple[NDArray[np.bool_], NDArray[np.int16], NDArray[np.int64]]
Reader = Callable[["Log", "Queries", int], Histories]
Asked = Callable[["Log", int, np.random.Generator], "list[Queries]"]


@dataclass(frozen=True)
class Log:
    """A simulated log, its customers' index, and two columns by event id and in slot order; the peer's lists."""

    index: EventIndex
    columns: tuple[NDArray[Any], NDArray[Any]]
    by_slot: tuple[NDArray[Any], NDArray[Any]]
    per_customer: tuple[list[NDArray[Any]], list[NDArray[Any]]]

    @classmethod
    def simulate(cls, events: int, seed: int = 0) -> Self:
        """90 days with 15 events a customer on average, a few customers having many."""
        rng = np.random.default_rng(seed)
        customers = max(events // 15, 1)
        activity = rng.exponential(size=customers) ** 1.5
        customer = rng.choice(customers, size=events, p=activity / activity.sum()).astype(np.int32)
        timestamp = np.sort(rng.integers(0, PERIOD, size=events))
        behaviour = rng.integers(0, 4, size=events).astype(np.int16)
        index = EventIndex.build(customer, timestamp, customers)
        by_slot = index.arrange(behaviour), index.arrange(timestamp)
        per_customer = tuple(np.split(column, index.indptr[1:-1]) for column in by_slot)
        return cls(index, (behaviour, timestamp), by_slot, per_customer)


@dataclass(frozen=True)
class Queries:
    """A batch: customers, times, and the event ids where it is of events of the log."""

    customer: Ids
    time: Ids
    ids: Ids | None = None


def slices(log: Log, batch: Queries, k: int) -> Histories:
    """Whole rows out of columns in slot order; no event id is needed."""
    start, end = log.index.spans(batch.ids)
    behaviour, timestamp = (recent(column, end, k) for column in log.by_slot)
    return log.index.mask(start, end, k), behaviour, timestamp


def by_id(log: Log, batch: Queries, k: int) -> Histories:
    """Event ids first, then each column gathered by them."""
    events, mask = log.index.history(batch.ids, k)
    behaviour, timestamp = (column[events] for column in log.columns)
    return mask, behaviour, timestamp


def looked_up(log: Log, batch: Queries, k: int) -> Histories:
    """Any customer at any time: the end of each history is searched, then whole rows are copied."""
    start, end = log.index.start(batch.customer), log.index.lookup(batch.customer, batch.time)
    behaviour, timestamp = (recent(column, end, k) for column in log.by_slot)
    return log.index.mask(start, end, k), behaviour, timestamp


def search_per_row(log: Log, batch: Queries, k: int) -> Histories:
    """The peer: a search in each row's own array of times."""
    size = len(batch.customer)
    behaviour, timestamp = np.zeros((size, k), dtype=np.int16), np.zeros((size, k), dtype=np.int64)
    mask = np.zeros((size, k), dtype=bool)
    behaviours, times = log.per_customer
    for row, (customer, time) in enumerate(zip(batch.customer, batch.time, strict=True)):
        place = np.searchsorted(times[customer], time)
        last = behaviours[customer][:place][-k:]
        if len(last):
            behaviour[row, k - len(last) :] = last
            timestamp[row, k - len(last) :] = times[customer][:place][-k:]
            mask[row, k - len(last) :] = True
    return mask, behaviour, timestamp


def stretch(log: Log, queries: int, rng: np.random.Generator) -> list[Queries]:
    """Batches of consecutive events."""
    size = len(log.index.events)
    first = int(rng.integers(0, max(size - queries, 1)))
    last = min(first + queries, size)
    parts = [np.arange(i, min(i + BATCH, last)) for i in range(first, last, BATCH)]
    return [Queries(log.index.group[ids].astype(np.int64), log.columns[1][ids], ids) for ids in parts]


def anywhere(log: Log, queries: int, rng: np.random.Generator) -> list[Queries]:
    """Batches of customers and times drawn at random."""
    sizes = [BATCH] * max(queries // BATCH, 1)
    return [Queries(rng.integers(0, log.index.n_groups, n), rng.integers(0, PERIOD, n)) for n in sizes]


def rate(read: Reader, log: Log, k: int, ask: Asked, queries: int, repeats: int) -> float:
    """Histories per CPU second; the best of ``repeats``."""
    best = float("inf")
    rng = np.random.default_rng(1)
    for _ in range(repeats):
        batches = ask(log, queries, rng)
        start = process_time()
        for batch in batches:
            read(log, batch, k)
        best = min(best, (process_time() - start) / sum(len(batch.time) for batch in batches))
    return 1 / best


def check(log: Log, k: int, ask: Asked, readers: list[Reader]) -> None:
    """All ways to read a history give the peer's answer."""
    for batch in ask(log, BATCH, np.random.default_rng(2)):
        expected = search_per_row(log, batch, k)
        for read in readers:
            for answer, wanted in zip(read(log, batch, k), expected, strict=True):
                if not (answer[expected[0]] == wanted[expected[0]]).all():
                    raise SystemExit(f"{read.__name__} disagrees with the peer")


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
        for title, ask, readers in (
            ("events of the log", stretch, [slices, by_id]),
            ("any customer at any time", anywhere, [looked_up]),
        ):
            check(log, arguments.k, ask, readers)
            peer = rate(search_per_row, log, arguments.k, ask, 10_000, 2)
            print(f"  {title}: DyGLib's method {peer:,.0f} histories/s")
            for read in readers:
                speed = rate(read, log, arguments.k, ask, 200_000, arguments.repeats)
                print(f"    {read.__name__:<12}{speed:>12,.0f} histories/s, {speed / peer:.0f} times as fast")


if __name__ == "__main__":
    main()
