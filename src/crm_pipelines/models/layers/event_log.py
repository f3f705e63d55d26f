"""The event store as tensors, and the tokens that attention reads from it.

All arrays sit on one device; a batch's histories are two gathers per attribute and never a loop over events. On a CPU
the columns of the log are the store's own, memory-mapped arrays: an event takes seven bytes of memory beside them.
"""

import warnings
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from crm_pipelines.events.index import EventIndex
from crm_pipelines.events.inputs import EventInputs

WORTH_A_GROUP = 0.15
"""Least share of a batch that is treated apart because its histories are short."""


class History(NamedTuple):
    """The K latest events of an entity strictly before a query, the most recent last.

    Attributes:
        events: event ids (B, K); 0 where none.
        mask: True where an event exists (B, K).
        age: time from the event to the query, in units of the source's time unit (B, K).
        rate: the entity's past events per time unit (B,).
    """

    events: Tensor
    mask: Tensor
    age: Tensor
    rate: Tensor


class Column:
    """A number of every event, kept as narrow as it may be and read as networks take it.

    Args:
        rows: (N,) of any type; not written to, since it may be a read-only map of a file.
        dtype: of what is read.
    """

    def __init__(self, rows: Tensor, dtype: torch.dtype = torch.int64) -> None:
        self.rows, self.dtype = rows, dtype

    def __len__(self) -> int:
        """N."""
        return len(self.rows)

    def __getitem__(self, events: Tensor | slice) -> Tensor:
        """Numbers of events of any shape."""
        return (self.rows[events] if isinstance(events, slice) else take(self.rows, events)).to(self.dtype)


class _Side:
    """One event index as tensors."""

    def __init__(self, index: EventIndex, device: torch.device) -> None:
        self.first = _mapped(index.indptr, device)
        self.group, self.end = Column(_mapped(index.group, device)), Column(_mapped(index.end, device))
        self.events = Column(_mapped(index.events, device))

    def start(self, events: Tensor) -> Tensor:
        """Slot (B,) at which the history of each event (B,) begins."""
        return take(self.first, self.group[events])


def _tensor(array: np.ndarray, device: torch.device, dtype: type = np.int64) -> Tensor:
    return torch.from_numpy(np.array(array, dtype=dtype)).to(device)


def _mapped(array: NDArray[Any], device: torch.device) -> Tensor:
    """The array itself as a tensor where that is possible, so that what is mapped stays on disk until it is read."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")  # nothing writes
        return torch.from_numpy(np.ascontiguousarray(array)).to(device)


def take(rows: Tensor | Column, ids: Tensor) -> Tensor:
    """``rows[ids]`` for ids of any shape; several times as fast on a CPU, backward too."""
    if isinstance(rows, Column):
        return rows[ids]
    return rows.index_select(0, ids.flatten()).view(*ids.shape, *rows.shape[1:])


class EventLog:
    """Tensors of one prepared log.

    Attributes:
        customer, item, behaviour, category: per event (N,).
        label: class to predict (N,), -1 for context events. time: seconds (N,).
        value: standardised value per event (N,), 0 where missing; has_value: 1 where present.
        customer_static, item_static: (entities, width) float32; customer_codes, item_codes: (entities, columns).
    """

    def __init__(self, inputs: EventInputs, device: torch.device | str = "cpu") -> None:
        self.device = torch.device(device)
        store = inputs.store
        self.inputs = inputs
        self.customer = Column(_mapped(store.customer, self.device))
        self.item = Column(_mapped(store.item, self.device))
        self.behaviour = Column(_mapped(store.behaviour, self.device))
        self.category = Column(_mapped(store.category, self.device))
        self.label = Column(_tensor(inputs.labels, self.device, np.int16))
        self.time = _mapped(store.timestamp, self.device)
        self.unit = float(inputs.time_unit)
        known = np.isfinite(store.value)
        mean, deviation = inputs.training_scale
        self.value = _tensor(np.where(known, (store.value - mean) / deviation, 0.0), self.device, np.float32)
        self.has_value = Column(_tensor(known, self.device, np.bool_), torch.float32)
        self.customer_static = _tensor(inputs.customer_static, self.device, np.float32)
        self.item_static = _tensor(inputs.item_static, self.device, np.float32)
        self.customer_codes = _tensor(inputs.customer_codes, self.device)
        self.item_codes = _tensor(inputs.item_codes, self.device)
        self._sides = {"customer": _Side(store.customers, self.device), "item": _Side(store.items, self.device)}

    def features(self, events: Tensor) -> Tensor:
        """Shared event features (B, F)."""
        return torch.from_numpy(self.inputs.features(events.cpu().numpy())).to(self.device)

    def by_length(self, side: str, events: Tensor, k: int) -> list[tuple[Tensor, int]]:
        """Positions among ``events`` (B,) in groups of similar history, each with the longest that its rows can have.

        A history ends at ``k`` events; rows without any come with length 0. What is computed group by group spends
        nothing on the padding of short histories, and most histories are short: on a shop's log most items have none.
        A group is formed only where it is large enough to be worth its calls.
        """
        index = self._sides[side]
        length = (index.end[events] - index.start(events)).clamp(max=k)
        groups = []
        below = -1
        for longest in sorted({0, -(-k // 4), k}):
            rows = torch.nonzero((length > below) & (length <= longest)).squeeze(1)
            if len(rows) and (longest == k or len(rows) >= WORTH_A_GROUP * len(events)):
                groups.append((rows, longest))
                below = longest
        return groups

    def with_history(self, side: str, events: Tensor) -> Tensor:
        """Positions among ``events`` (B,) of those whose ``side``'s entity has any event strictly before them."""
        index = self._sides[side]
        return torch.nonzero(index.end[events] > index.start(events)).squeeze(1)

    def latest(self, side: str, events: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Ids and mask (B, k) of `history`, where nothing else of it is read."""
        index = self._sides[side]
        return self._slice(index, index.start(events), index.end[events], k)

    def _slice(self, index: _Side, start: Tensor, end: Tensor, k: int) -> tuple[Tensor, Tensor]:
        slots = end.unsqueeze(1) + torch.arange(-k, 0, device=self.device)
        mask = slots >= start.unsqueeze(1)
        return take(index.events, slots.clamp(min=0)) * mask, mask

    def history(self, side: str, events: Tensor, k: int) -> History:
        """Gather the latest ``k`` events of the ``side``'s entity strictly before each of ``events`` (B,)."""
        index = self._sides[side]
        start, end = index.start(events), index.end[events]
        ids, mask = self._slice(index, start, end, k)
        now = self.time[events]
        age = ((now.unsqueeze(1) - take(self.time, ids)).float() / self.unit) * mask
        first = self.time[index.events[start]]
        count = (end - start).float()
        rate = count / ((now - first).float() / self.unit + 1.0)
        return History(ids, mask, age, rate)
