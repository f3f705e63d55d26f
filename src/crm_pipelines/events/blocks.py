"""Blocks of point-in-time features: each names its columns and computes them for a batch of queries.

A query is (customer, item, category, time). A block reads only what lies strictly before that time.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.events.states import FloatArray, GroupState, Span, recency

PRIOR_WEIGHT: Final = 3.0
"""Events' worth of the log-wide rate mixed into a group's own shares and mean value."""
SESSION_GAP: Final = 1_800
"""Seconds of silence that end a customer's session."""


@dataclass(frozen=True)
class Query:
    """A batch of B queries with their histories.

    Attributes:
        customer, item, category: (B,) dense ids; -1 for one never seen.
        time: (B,) seconds.
        spans: history in every grouping, by its name.
        rates: (B, c) running share of every class in the whole log.
        customer_rates: (B, c) running share of every class among the customer's events, shrunk to ``rates``.
        mean_value: (B,) running mean value of the whole log; 0 before any.
    """

    customer: NDArray[np.int64]
    item: NDArray[np.int64]
    category: NDArray[np.int64]
    time: NDArray[np.int64]
    spans: dict[str, Span]
    rates: NDArray[np.float64]
    customer_rates: NDArray[np.float64]
    mean_value: NDArray[np.float64]


class Block(Protocol):
    """What every block offers."""

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""

    def columns(self, query: Query) -> Iterator[FloatArray]:
        """Columns (B,) or (B, m), together as many as ``names``."""


def shares(counts: NDArray[np.int32], prior: NDArray[np.float64]) -> NDArray[np.float64]:
    """(B, c) shares of classes, with `PRIOR_WEIGHT` events' worth of ``prior`` (B, c) mixed in."""
    total = counts.sum(axis=1, keepdims=True, dtype=np.int64)
    mixed: NDArray[np.float64] = (counts + PRIOR_WEIGHT * prior) / (total + PRIOR_WEIGHT)
    return mixed


def duration(seconds: float) -> str:
    """Short name of a length of time: ``10m``, ``1h``, ``30d``."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= size:
            return f"{seconds / size:g}{unit}"
    return f"{seconds:g}s"


@dataclass(frozen=True)
class Profile:
    """Counts, shares, recencies, decayed counts and window counts of one grouping."""

    name: str
    state: GroupState
    behaviours: tuple[str, ...]
    n_classes: int
    windows: tuple[int, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        classes = self.behaviours[: self.n_classes]
        names = ["count", *(f"count_{b}" for b in self.behaviours), *(f"share_{c}" for c in classes)]
        names += ["since", *(f"since_{b}" for b in self.behaviours), "age"]
        names += [f"decayed_{c}_{duration(tau)}" for tau in self.state.decayed for c in classes]
        names += [f"within_{duration(window)}" for window in self.windows]
        return tuple(f"{self.name}_{name}" for name in names)

    def columns(self, query: Query) -> Iterator[FloatArray]:
        """The columns; see `Block`."""
        state, span, time = self.state, query.spans[self.name], query.time
        counts = state.n_events(span)
        yield np.log1p(span.end - span.start)
        yield np.log1p(counts)
        classes = counts[:, : self.n_classes]
        yield shares(classes, query.rates)
        yield state.since(span, time)
        yield state.since_each(span, time)
        yield recency(time, state.index.time, np.where(span.some, span.start, 0), span.some)
        for tau in state.decayed:
            yield np.log1p(state.decays(span, time, tau))
        for window in self.windows:
            inside = state.within(span, time, window)
            yield np.log1p(inside.end - inside.start)
