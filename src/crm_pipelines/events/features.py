"""Point-in-time features of queries (customer, item, category, time), from events strictly before the time.

The same code answers for events of the log, whose histories are known slices, and for arbitrary queries, whose
histories are found by search; both give the same bytes.
"""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.events.blocks import Block, Profile, Query, shares
from crm_pipelines.events.context_blocks import Calendar, Log, Popularity, Recent, Session, Variety
from crm_pipelines.events.groupings import Groupings
from crm_pipelines.events.habits import SITUATIONS, Habits
from crm_pipelines.events.index import IntArray
from crm_pipelines.events.states import GroupState, Span
from crm_pipelines.events.store import EventStore
from crm_pipelines.events.value_blocks import Residuals, Values, ValueState
from crm_pipelines.streamed import StreamedArray, stored_rows

DAY: Final = 86_400.0
CHUNK: Final = 8_192
AT_ONCE: Final = 262_144
"""Events whose expected values are computed together."""


def ladder(shortest: float, time_unit: float) -> tuple[float, float, float, float]:
    """Four lengths of time for windows and decays: ``shortest`` to ten days, or longer for slower sources.

    Args:
        shortest: the first step, in seconds, for sources that live by the minute.
        time_unit: the source's natural unit in seconds. Up to a day the steps are ``shortest``, an hour, a day and
            ten days; above, an hour, a day, the unit and ten units.
    """
    if time_unit <= DAY:
        return shortest, 3_600.0, DAY, 10 * DAY
    return 3_600.0, DAY, time_unit, 10 * time_unit


class _States:
    """States of groupings, each scanned when it is first asked for."""

    def __init__(self, store: EventStore, groupings: Groupings, taus: dict[str, tuple[float, ...]]) -> None:
        self._store, self._groupings, self._taus = store, groupings, taus
        self._scanned: dict[str, GroupState] = {}

    def __getitem__(self, name: str) -> GroupState:
        if name not in self._scanned:
            index = self._groupings.indices[name]
            self._scanned[name] = GroupState.build(self._store, index, self._taus.get(name, ()))
        return self._scanned[name]

    def slim(self) -> None:
        """Free what only the `Profile` of a grouping reads; every query asks for the counts of two."""
        for name, state in self._scanned.items():
            self._scanned[name] = state.slim(counts=name in {"log", "customer"})


class _Plan:
    """The blocks that a log can fill, one after the other, and the queries they answer; see `FeatureBuilder`.

    With a folder, what is as long as the log lies in its files where that is possible, and only events of the log are
    answered for.
    """

    def __init__(
        self, store: EventStore, utc_offset_hours: float, time_unit: float, folder: Path | None = None
    ) -> None:
        self.store = store
        self._utc_offset, self._time_unit = utc_offset_hours, time_unit
        self.groupings = Groupings(store)
        if folder is not None:
            self.groupings.put_aside(folder)
        short, hour, day, long = ladder(600.0, time_unit)
        taus = {
            "customer": (short, hour, day, long),
            "item": (hour, day),
            "pair": (day,),
            "category": (day,),
            "customer_category": (day,),
        }
        self.states = _States(store, self.groupings, taus)
        self._values: dict[str, ValueState] = {}
        """Of the log, which every query reads, and in their turn of the other groupings; nothing without values."""
        if np.isfinite(store.value).any():
            self._values["log"] = ValueState.build(self.groupings.indices["log"], store.value)

    def blocks(self) -> Iterator[Block]:
        """The blocks, anew; what one needs is computed when its turn comes."""
        shortest = ladder(60.0, self._time_unit)[0]
        short, hour, day, _ = ladder(600.0, self._time_unit)
        store, states, indices = self.store, self.states, self.groupings.indices
        all_windows = tuple(int(w) for w in dict.fromkeys((shortest, short, hour, day)))
        windows = {"customer": all_windows, "item": all_windows, "pair": all_windows[-2:], "category": all_windows[-2:]}
        entities = [name for name in indices if name != "log"]
        for name in entities:
            yield Profile(name, states[name], store.behaviours, store.n_classes, windows.get(name, ()))
        same = ("item", "category") if store.n_categories else ("item",)
        valued = bool(self._values)
        yield Recent("customer", store, indices["customer"], 10, same, 3, valued)
        yield Recent("item", store, indices["item"], 3, ("customer",), 0, valued)
        yield Recent("pair", store, indices["pair"], 1, (), 0, False)
        within = {name: states[name] for name in indices if name in {"pair", "customer_category"}}
        yield Session.build(states["customer"], within, store.behaviours)
        every = np.ones(len(store), dtype=bool)
        yield Variety.build("customer", "item", states["customer"], indices["pair"], every)
        yield Variety.build("item", "customer", states["item"], indices["pair"], every)
        ratios = [("pair", "customer"), ("pair", "item")]
        if store.n_categories:
            known = store.category >= 0
            yield Variety.build("customer", "category", states["customer"], indices["customer_category"], known)
            ratios += [("item", "category"), ("customer_category", "customer"), ("pair", "customer_category")]
        yield Popularity(tuple(ratios))
        for situation in SITUATIONS:
            yield Habits.build(situation, self.groupings)
        if valued:
            self._values |= {name: ValueState.build(indices[name], store.value) for name in entities}
            yield Values({name: self._values[name] for name in entities})
            self._values = {name: self._values[name] for name in ("log", "customer", "item")}
            yield Residuals.build(self._values, indices, store.value, self._expected())
            self._values = {"log": self._values["log"]}
        yield Log(states["log"], store.classes, int(day))
        yield Calendar(self._utc_offset)

    def of_events(self, event_ids: IntArray) -> Query:
        """Events of the log as queries, each as of just before it happened."""
        ids, store = np.asarray(event_ids, dtype=np.int64), self.store
        spans = self.groupings.of_events(ids)
        return self.query(store.customer[ids], store.item[ids], store.category[ids], store.timestamp[ids], spans)

    def _mean_value(self, spans: dict[str, Span]) -> NDArray[np.float64]:
        """(B,) running mean of all values; 0 before any."""
        zero = np.zeros(len(spans["log"].end))
        return self._values["log"].mean(spans["log"], zero) if self._values else zero

    def _expected(self) -> dict[str, NDArray[np.float64]]:
        """(n,) of every event, by side: the side's shrunk mean value as it stood before the event."""
        n = len(self.store)
        found = {side: np.empty(n) for side in ("customer", "item")}
        for first in range(0, n, AT_ONCE):
            part = slice(first, min(first + AT_ONCE, n))
            spans = self.groupings.of_events(np.arange(part.start, part.stop))
            mean = self._mean_value(spans)
            for side, values in found.items():
                values[part] = self._values[side].shrunk(spans[side], mean)
        return found

    def query(
        self, customer: IntArray, item: IntArray, category: IntArray, time: IntArray, spans: dict[str, Span]
    ) -> Query:
        """Queries (B,) with the histories found for them."""
        n_classes = self.store.n_classes
        counts = self.states["log"].n_events(spans["log"])[:, :n_classes]
        rates = (counts + 1) / (counts.sum(axis=1, keepdims=True) + n_classes)
        own = self.states["customer"].n_events(spans["customer"])[:, :n_classes]
        return Query(
            customer=np.asarray(customer, dtype=np.int64),
            item=np.asarray(item, dtype=np.int64),
            category=np.asarray(category, dtype=np.int64),
            time=np.asarray(time, dtype=np.int64),
            spans=spans,
            rates=rates,
            customer_rates=shares(own, rates),
            mean_value=self._mean_value(spans),
        )


class FeatureBuilder:
    """Features of any query against one store.

    The running states are computed once, here, and held: some 600 bytes an event. `stream_features` holds less.

    Args:
        store: the log. Category features exist if any event has a category, value features if any has a value.
        utc_offset_hours: local time of hour-of-day and weekday.
        time_unit: natural unit of the source in seconds; see `ladder`.
    """

    def __init__(self, store: EventStore, utc_offset_hours: float = 0.0, time_unit: float = DAY) -> None:
        self.store = store
        self._plan = _Plan(store, utc_offset_hours, time_unit)
        self._blocks = tuple(self._plan.blocks())
        self.names: tuple[str, ...] = tuple(name for block in self._blocks for name in block.names)
        """Names of the F columns."""

    def events(self, event_ids: IntArray) -> NDArray[np.float32]:
        """(B, F) features of events of the log, each as known just before it happened."""
        return _table(self._blocks, self._plan.of_events(event_ids))

    def queries(self, customer: IntArray, item: IntArray, category: IntArray, time: IntArray) -> NDArray[np.float32]:
        """(B, F) features of arbitrary queries, usually in the future.

        Args:
            customer, item, category: (B,) dense ids; -1 for one the log does not know.
            time: (B,) seconds; only events strictly before are used.
        """
        groupings = self._plan.groupings
        known = groupings.known
        ids = known("customer", customer), known("item", item), known("category", category)
        times = np.asarray(time, dtype=np.int64)
        return _table(self._blocks, self._plan.query(*ids, times, groupings.of_queries(*ids, times)))


def stream_features(
    store: EventStore,
    event_ids: IntArray,
    folder: Path,
    utc_offset_hours: float = 0.0,
    time_unit: float = DAY,
    chunk: int = CHUNK,
) -> tuple[tuple[str, ...], StreamedArray]:
    """Features of events of a log of any length: a block of columns at a time, whose states are freed after it.

    Args:
        store, utc_offset_hours, time_unit: as for `FeatureBuilder`.
        event_ids: (m) the events.
        folder: an existing one for a file per block, which the result reads.
        chunk: events computed together.

    Returns:
        Names of the F columns; (m, F) float32, the bytes that `FeatureBuilder.events` gives.
    """
    plan, ids = _Plan(store, utc_offset_hours, time_unit, folder), np.asarray(event_ids, dtype=np.int64)
    names: list[str] = []
    files: list[Callable[[slice], NDArray[np.float32]]] = []
    for block in plan.blocks():  # not enumerated: that would hold a block while the next is made
        path = folder / f"{len(files)}.npy"

        def rows(part: slice, block: Block = block) -> NDArray[np.float32]:
            return _table([block], plan.of_events(ids[part]))

        StreamedArray.of_rows((len(ids), len(block.names)), np.float32, rows, chunk).save(path)
        files.append(stored_rows(path))
        names += block.names
        plan.states.slim()
        del block, rows  # before the next is made
    shape = (len(ids), len(names))
    joined = StreamedArray.of_rows(shape, np.float32, lambda part: np.hstack([file(part) for file in files]), chunk)
    return tuple(names), joined


def _table(blocks: Sequence[Block], query: Query) -> NDArray[np.float32]:
    """(B, F) columns of blocks, side by side."""
    names = [name for block in blocks for name in block.names]
    table = np.empty((len(query.time), len(names)), dtype=np.float32)
    column = 0
    for block in blocks:
        for part in block.columns(query):
            width = 1 if part.ndim == 1 else part.shape[1]
            table[:, column : column + width] = part.reshape(len(table), width)
            column += width
    if column != len(names):
        raise AssertionError(f"{column} columns computed for {len(names)} names")
    return table
