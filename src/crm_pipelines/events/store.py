"""The event store: one source's log as time-sorted arrays that can be memory-mapped.

Event id = position in (timestamp, row) order. Customers, items and categories are dense integers in order of
first appearance, so that appending later events changes no id.
"""

import json
import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property
from pathlib import Path
from typing import Any, Final, Literal, Self

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.errors import UserError
from crm_pipelines.events.codes import encode, first_appearance
from crm_pipelines.events.index import EventIndex

FORMAT: Final = 1
_HEADER: Final = "store.json"
_COLUMNS: Final = ("customer", "item", "timestamp", "behaviour", "value", "category", "row")
_INDICES: Final = ("customers", "items")


def _complete(codes: NDArray[np.int32], column: str, row: NDArray[np.int64]) -> None:
    missing = np.flatnonzero(codes < 0)
    if len(missing):
        raise UserError(
            f"interactions: {column} is missing in {len(missing)} events (first: row {int(row[missing[0]])}). "
            "Clean the log first; the event store takes complete events only."
        )


def _order(row: NDArray[np.int64], seconds: NDArray[np.int64]) -> NDArray[np.int64] | slice:
    """Positions in (timestamp, row) order; everything as it lies where it is in order already."""
    step = np.diff(seconds)
    if ((step > 0) | ((step == 0) & (row[1:] >= row[:-1]))).all():
        return slice(None)
    return np.lexsort((row, seconds))


@dataclass(frozen=True)
class EventStore:
    """A log of n events. Immutable; arrays may be memory maps.

    Attributes:
        customer, item: (n) int32 dense ids.
        timestamp: (n) int64 seconds since 1970 UTC, ascending.
        behaviour: (n) int16 index into ``behaviours``; classes first, then context behaviours.
        value: (n) float32, nan where the log gives none.
        category: (n) int32, category of the item in this event, -1 where unknown.
        row: (n) int64 record number in the raw file.
        n_customers, n_items: numbers of dense ids.
        classes: names of the behaviours that are predicted.
        behaviours: names of all behaviours.
        customers, items: each side's histories.
    """

    customer: NDArray[np.int32]
    item: NDArray[np.int32]
    timestamp: NDArray[np.int64]
    behaviour: NDArray[np.int16]
    value: NDArray[np.float32]
    category: NDArray[np.int32]
    row: NDArray[np.int64]
    n_customers: int
    n_items: int
    classes: tuple[str, ...]
    behaviours: tuple[str, ...]
    customers: EventIndex
    items: EventIndex

    @classmethod
    def build(
        cls,
        customer_ids: Any,
        item_ids: Any,
        timestamp: Any,
        behaviour: Any,
        value: Any,
        row: Any,
        category_of_event: Any | None,
        classes: Sequence[str],
        context: Sequence[str] = (),
    ) -> tuple[Self, NDArray[np.object_], NDArray[np.object_]]:
        """Build from columns of equal length n, in any order.

        Args:
            customer_ids, item_ids: ids, not null; numpy or pyarrow, also dictionary-encoded.
            timestamp: int64 seconds UTC. row: int64, breaks ties of time.
            behaviour: one of ``classes`` or ``context``.
            value: float or null. category_of_event: category or null. Either is None if the source has none.
            classes: behaviours to predict, in order. context: behaviours that only enter histories.

        Returns:
            The store, and the customer ids and item ids by dense id.

        Raises:
            UserError: for a missing id or behaviour, or a behaviour neither class nor context.
        """
        rows, seconds = np.asarray(row, dtype=np.int64), np.asarray(timestamp, dtype=np.int64)
        order = _order(rows, seconds)
        rows, seconds = rows[order], seconds[order]
        behaviours = (*classes, *context)

        def dense(values: Any, column: str, nullable: bool = False) -> tuple[NDArray[np.int32], NDArray[np.object_]]:
            codes, names = encode(values)
            codes = codes[order]
            if not nullable:
                _complete(codes, column, rows)
            new, old = first_appearance(codes, len(names))
            return new, names[old]

        customer, customer_names = dense(customer_ids, "customer_id")
        item, item_names = dense(item_ids, "item_id")
        label, labels = dense(behaviour, "behaviour")
        unknown = [str(name) for name in labels if name not in behaviours]
        if unknown:
            at = int(rows[np.isin(label, [list(labels).index(unknown[0])])][0])
            raise UserError(
                f"interactions: behaviour '{unknown[0]}' (row {at}) is neither a class nor a context behaviour. "
                f"Name it under 'behaviours' or 'context' of the source; known are {', '.join(behaviours)}."
            )
        to_code = np.asarray([behaviours.index(str(name)) for name in labels], dtype=np.int16)
        if category_of_event is None:
            category = np.full(len(rows), -1, dtype=np.int32)
        else:
            category = dense(category_of_event, "category", nullable=True)[0]
        amounts = np.full(len(rows), np.nan, dtype=np.float32) if value is None else np.asarray(value, dtype=np.float32)
        acts = to_code[label]
        del customer_ids, item_ids, behaviour, value, category_of_event, label  # the indices need the memory
        store = cls._indexed(
            customer=customer,
            item=item,
            timestamp=seconds,
            behaviour=acts,
            value=amounts[order],
            category=category,
            row=rows,
            n_customers=len(customer_names),
            n_items=len(item_names),
            classes=tuple(classes),
            behaviours=behaviours,
        )
        return store, customer_names, item_names

    @classmethod
    def _indexed(cls, **columns: Any) -> Self:
        """Complete the columns with both sides' indices."""
        times = columns["timestamp"]
        return cls(
            **columns,
            customers=EventIndex.build(columns["customer"], times, columns["n_customers"]),
            items=EventIndex.build(columns["item"], times, columns["n_items"]),
        )

    def subset(self, keep: NDArray[np.bool_]) -> tuple[Self, NDArray[np.int64], NDArray[np.int64]]:
        """A store of its own from the kept events, with its own dense ids.

        Returns:
            The store, and for each new dense customer and item the old one.
        """
        columns: dict[str, Any] = {name: getattr(self, name)[keep] for name in _COLUMNS}
        columns["customer"], customers = first_appearance(columns["customer"].astype(np.int64), self.n_customers)
        columns["item"], items = first_appearance(columns["item"].astype(np.int64), self.n_items)
        columns["category"], _ = first_appearance(columns["category"].astype(np.int64), self.n_categories)
        sizes = {"n_customers": len(customers), "n_items": len(items)}
        store = type(self)._indexed(**columns, **sizes, classes=self.classes, behaviours=self.behaviours)
        return store, customers, items

    def __len__(self) -> int:
        """Number of events."""
        return len(self.timestamp)

    @property
    def n_classes(self) -> int:
        """Number of behaviours that are predicted."""
        return len(self.classes)

    @cached_property
    def n_categories(self) -> int:
        """Number of dense category ids; 0 when the log has none."""
        return int(self.category.max()) + 1 if len(self) else 0

    @property
    def labels(self) -> NDArray[np.int64]:
        """(n) class of every event, -1 for context events."""
        return np.where(self.behaviour < self.n_classes, self.behaviour, -1).astype(np.int64)

    def item_categories(self) -> NDArray[np.int32]:
        """(n_items) category of each item's first event, -1 if unknown: the category to give to a new query."""
        categories = np.full(self.n_items, -1, dtype=np.int32)
        seen = self.items.indptr[:-1] < self.items.indptr[1:]
        categories[seen] = self.category[self.items.events[self.items.indptr[:-1][seen]]]
        return categories

    def save(self, folder: Path | str) -> None:
        """Write ``.npy`` arrays and a JSON header, whole or not at all; an older store there is replaced."""
        target = Path(folder)
        target.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
        try:
            for name, array in self.arrays().items():
                np.save(temporary / f"{name}.npy", array, allow_pickle=False)
            header = {
                "format": FORMAT,
                "events": len(self),
                "customers": self.n_customers,
                "items": self.n_items,
                "classes": self.classes,
                "behaviours": self.behaviours,
            }
            (temporary / _HEADER).write_text(json.dumps(header, indent=1), encoding="utf-8")
            if target.exists():  # a folder cannot be replaced in one step: move the old one aside first
                old = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
                target.replace(old / target.name)
                temporary.replace(target)
                shutil.rmtree(old)
            else:
                temporary.replace(target)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    @classmethod
    def load(cls, folder: Path | str, mmap: bool = True) -> Self:
        """Read what `save` wrote; with ``mmap`` arrays stay on disk until touched.

        Raises:
            UserError: if the folder holds no store, or one of another format or with unequal columns.
        """
        source = Path(folder)
        try:
            header = json.loads((source / _HEADER).read_text(encoding="utf-8"))
            if header.get("format") != FORMAT:
                raise UserError(
                    f"{source}: event store of format {header.get('format')}, need {FORMAT}. Build it anew."
                )
            names = [*_COLUMNS, *(f"{side}.{field.name}" for side in _INDICES for field in fields(EventIndex))]
            mode: Literal["r"] | None = "r" if mmap and header["events"] else None
            # asarray drops the memmap subclass, which slows small slices down, and keeps the map.
            array: dict[str, Any] = {
                n: np.asarray(np.load(source / f"{n}.npy", mode, allow_pickle=False)) for n in names
            }
        except (FileNotFoundError, KeyError, ValueError) as error:
            raise UserError(
                f"{source}: not a complete event store ({error}). Delete the folder and build it anew."
            ) from error
        sizes = {"customers.indptr": header["customers"] + 1, "items.indptr": header["items"] + 1}
        wrong = [n for n, a in array.items() if a.shape != (sizes.get(n, header["events"]),)]
        if wrong:
            raise UserError(f"{source}: {wrong[0]}.npy has another length than the header says. Build the store anew.")
        customers, items = (
            EventIndex(**{f.name: array[f"{side}.{f.name}"] for f in fields(EventIndex)}) for side in _INDICES
        )
        return cls(
            **{name: array[name] for name in _COLUMNS},
            n_customers=header["customers"],
            n_items=header["items"],
            classes=tuple(header["classes"]),
            behaviours=tuple(header["behaviours"]),
            customers=customers,
            items=items,
        )

    def arrays(self) -> dict[str, NDArray[Any]]:
        """Every array by file name."""
        arrays: dict[str, NDArray[Any]] = {name: getattr(self, name) for name in _COLUMNS}
        for side in _INDICES:
            index = getattr(self, side)
            arrays |= {f"{side}.{field.name}": getattr(index, field.name) for field in fields(index)}
        return arrays
