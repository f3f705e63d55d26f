"""Point-in-time features of queries (customer, item, category, time), from events strictly before the time.

The same code answers for events of the log, whose histories are known slices, and for arbitrary queries, whose
histories are found by search; both give the same bytes.
"""

from collections.abc import Iterator
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

DAY: Final = 86_400.0
CHUNK: Final = 8_192


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


class FeatureBuilder:
    """Features of any query against one store; the running states are computed once, here.

    Args:
        store: the log. Category features exist if any event has a category, value features if any has a value.
        utc_offset_hours: local time of hour-of-day and weekday.
        time_unit: natural unit of the source in seconds; see `ladder`.
    """

    def __init__(self, store: EventStore, utc_offset_hours: float = 0.0, time_unit: float = DAY) -> None:
        self.store = store
        self._groupings = Groupings(store)
        short, hour, day, long = ladder(600.0, time_unit)
        taus = {
            "customer": (short, hour, day, long),
            "item": (hour, day),
            "pair": (day,),
            "category": (day,),
            "customer_category": (day,),
        }
        self._states = {
            name: GroupState.build(store, index, taus.get(name, ())) for name, index in self._groupings.indices.items()
        }
        self._values: dict[str, ValueState] = {}
        if np.isfinite(store.value).any():
            self._values = {n: ValueState.build(ix, store.value) for n, ix in self._groupings.indices.items()}
        self._blocks = tuple(self._choose(ladder(60.0, time_unit)[0], short, hour, day, utc_offset_hours))
        self.names: tuple[str, ...] = tuple(name for block in self._blocks for name in block.names)
        """Names of the F columns."""

    def _choose(self, shortest: float, short: float, hour: float, day: float, utc_offset: float) -> Iterator[Block]:
        """The blocks this log can fill."""
        store, states, indices = self.store, self._states, self._groupings.indices
        all_windows = tuple(int(w) for w in dict.fromkeys((shortest, short, hour, day)))
        windows = {"customer": all_windows, "item": all_windows, "pair": all_windows[-2:], "category": all_windows[-2:]}
        entities = [name for name in states if name != "log"]
        for name in entities:
            yield Profile(name, states[name], store.behaviours, store.n_classes, windows.get(name, ()))
        same = ("item", "category") if store.n_categories else ("item",)
        valued = bool(self._values)
        yield Recent("customer", store, indices["customer"], 10, same, 3, valued)
        yield Recent("item", store, indices["item"], 3, ("customer",), 0, valued)
        yield Recent("pair", store, indices["pair"], 1, (), 0, False)
        within = {name: state for name, state in states.items() if name in {"pair", "customer_category"}}
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
        spans = self._groupings.of_events(np.arange(len(store)))
        for situation in SITUATIONS:
            yield Habits.build(situation, self._groupings, spans)
        if valued:
            yield Values({name: self._values[name] for name in entities})
            mean = self._mean_value(spans)
            yield Residuals.build(self._values, indices, store.value, spans, mean)
        yield Log(states["log"], store.classes, int(day))
        yield Calendar(utc_offset)

    def events(self, event_ids: IntArray) -> NDArray[np.float32]:
        """(B, F) features of events of the log, each as known just before it happened."""
        ids, store = np.asarray(event_ids, dtype=np.int64), self.store
        spans = self._groupings.of_events(ids)
        return self._assemble(store.customer[ids], store.item[ids], store.category[ids], store.timestamp[ids], spans)

    def queries(self, customer: IntArray, item: IntArray, category: IntArray, time: IntArray) -> NDArray[np.float32]:
        """(B, F) features of arbitrary queries, usually in the future.

        Args:
            customer, item, category: (B,) dense ids; -1 for one the log does not know.
            time: (B,) seconds; only events strictly before are used.
        """
        known = self._groupings.known
        ids = known("customer", customer), known("item", item), known("category", category)
        times = np.asarray(time, dtype=np.int64)
        return self._assemble(*ids, times, self._groupings.of_queries(*ids, times))

    def _mean_value(self, spans: dict[str, Span]) -> NDArray[np.float64]:
        """(B,) running mean of all values; 0 before any."""
        zero = np.zeros(len(spans["log"].end))
        return self._values["log"].mean(spans["log"], zero) if self._values else zero

    def _assemble(
        self, customer: IntArray, item: IntArray, category: IntArray, time: IntArray, spans: dict[str, Span]
    ) -> NDArray[np.float32]:
        n_classes = self.store.n_classes
        counts = self._states["log"].n_events(spans["log"])[:, :n_classes]
        rates = (counts + 1) / (counts.sum(axis=1, keepdims=True) + n_classes)
        own = self._states["customer"].n_events(spans["customer"])[:, :n_classes]
        query = Query(
            customer=np.asarray(customer, dtype=np.int64),
            item=np.asarray(item, dtype=np.int64),
            category=np.asarray(category, dtype=np.int64),
            time=np.asarray(time, dtype=np.int64),
            spans=spans,
            rates=rates,
            customer_rates=shares(own, rates),
            mean_value=self._mean_value(spans),
        )
        table = np.empty((len(time), len(self.names)), dtype=np.float32)
        column = 0
        for block in self._blocks:
            for part in block.columns(query):
                width = 1 if part.ndim == 1 else part.shape[1]
                table[:, column : column + width] = part.reshape(len(time), width)
                column += width
        if column != len(self.names):
            raise AssertionError(f"{column} columns computed for {len(self.names)} names")
        return table


def write_features(builder: FeatureBuilder, path: Path | str, chunk: int = CHUNK) -> NDArray[np.float32]:
    """Features of every event into a ``.npy`` file, ``chunk`` events at a time, and a memory map of it.

    The file appears under its name only once complete.

    Returns:
        (n_events, F), read-only.
    """
    target = Path(path)
    target.parent.mkdir(parents=True, exist_ok=True)
    n, temporary = len(builder.store), target.with_name(f".{target.name}.tmp")
    try:
        table = np.lib.format.open_memmap(temporary, "w+", np.float32, (n, len(builder.names)))
        for first in range(0, n, chunk):
            ids = np.arange(first, min(first + chunk, n))
            table[first : first + len(ids)] = builder.events(ids)
        table.flush()
        del table
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    return np.asarray(np.load(target, mmap_mode="r" if n else None, allow_pickle=False))
