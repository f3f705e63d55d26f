"""The groupings whose histories features are drawn from, and where a query stands in each.

``log`` is all events; ``customer``, ``item`` and ``category`` are entities; ``pair`` (customer x item) and
``customer_category`` are what a customer did with this item and this category.
"""

from dataclasses import fields
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.events.index import EventIndex, IntArray
from crm_pipelines.events.states import Span
from crm_pipelines.events.store import EventStore
from crm_pipelines.streamed import mapped


class Groupings:
    """Indices of one store by grouping name; the two with categories exist only if the log has any."""

    def __init__(self, store: EventStore) -> None:
        self.store = store
        self.sizes = {"log": 1, "customer": store.n_customers, "item": store.n_items, "category": store.n_categories}
        self._pairs = {"pair": ("customer", "item")}
        ids = {"customer": store.customer, "item": store.item, "category": store.category}
        self.indices = {"log": EventIndex.build(np.zeros(len(store), dtype=np.int32), store.timestamp, 1)}
        self.indices |= {"customer": store.customers, "item": store.items}
        if store.n_categories:
            self._pairs["customer_category"] = ("customer", "category")
            # Events without a category share one last group that no query asks for.
            known = np.where(ids["category"] < 0, store.n_categories, ids["category"])
            self.indices["category"] = EventIndex.build(known, store.timestamp, store.n_categories + 1)
        self._keys: dict[str, NDArray[np.int64]] = {}
        for name, (left, right) in self._pairs.items():
            self._keys[name], group = np.unique(self._key(ids[left], ids[right], right), return_inverse=True)
            self.indices[name] = EventIndex.build(group, store.timestamp, len(self._keys[name]))

    def put_aside(self, folder: Path) -> None:
        """Move the indices into files of a folder; from then on events of the log alone are looked up."""
        self._keys.clear()
        for name, index in self.indices.items():
            if index is not self.store.customers and index is not self.store.items:
                arrays = {each.name: getattr(index, each.name) for each in fields(index)}
                moved = {each: mapped(array, folder / f"{name}.{each}.npy") for each, array in arrays.items()}
                self.indices[name] = EventIndex(**moved)

    def _key(self, left: IntArray, right: IntArray, side: str) -> NDArray[np.int64]:
        """One number per pair; -1 of ``side`` (unknown) has its own."""
        return left.astype(np.int64) * (self.sizes[side] + 1) + right + 1

    def of_events(self, event_ids: IntArray) -> dict[str, Span]:
        """Histories of events of the log, read from the indices."""
        spans = {name: Span(*index.spans(event_ids)) for name, index in self.indices.items()}
        unknown = self.store.category[event_ids] < 0
        for name in {"category", "customer_category"} & set(spans):
            spans[name] = Span(spans[name].start, np.where(unknown, spans[name].start, spans[name].end))
        return spans

    def of_queries(
        self, customer: NDArray[np.int64], item: NDArray[np.int64], category: NDArray[np.int64], time: NDArray[np.int64]
    ) -> dict[str, Span]:
        """Histories of arbitrary queries, found by search; empty for an id of -1."""
        group = {"log": np.zeros(len(time), dtype=np.int64), "customer": customer, "item": item, "category": category}
        for name, (left, right) in self._pairs.items():
            keys = self._keys[name]
            wanted = self._key(group[left], group[right], right)
            place = np.searchsorted(keys, wanted)
            found = (group[left] >= 0) & (group[right] >= 0) & (place < len(keys))
            found[found] = keys[place[found]] == wanted[found]
            group[name] = np.where(found, place, -1)
        return {
            name: Span(index.start(group[name]), index.lookup(group[name], time))
            for name, index in self.indices.items()
        }

    def known(self, side: str, ids: IntArray) -> NDArray[np.int64]:
        """(B,) the ids, -1 where this log does not have them."""
        values = np.asarray(ids, dtype=np.int64)
        return np.where((values >= 0) & (values < self.sizes[side]), values, -1)
