"""Features of past values (ratings, amounts): means, and means of what others' means do not explain."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.events.blocks import PRIOR_WEIGHT, Query
from crm_pipelines.events.index import EventIndex
from crm_pipelines.events.states import FloatArray, Span, decayed_sums, group_ranges


@dataclass(frozen=True)
class ValueState:
    """Running sum of values per group.

    Attributes:
        total: (n) float64, by slot, of the slot's group up to it.
        number: (n + 1) int32 prefix sums of the number of values.
    """

    total: NDArray[np.float64]
    number: NDArray[np.int32]

    @classmethod
    def build(cls, index: EventIndex, values: FloatArray) -> Self:
        """Scan (n) values by event id; one that is not finite counts as none."""
        n = len(index.events)
        total, number = np.zeros(n), np.zeros(n + 1, dtype=np.int32)
        for part in group_ranges(index):  # a scan ends with its group: parts keep what it needs small
            amounts = np.asarray(values[index.events[part]], dtype=np.float64)
            finite = np.isfinite(amounts)
            position = np.arange(part.start, part.stop) - index.indptr[index.group[index.events[part]]]
            sums = decayed_sums(np.where(finite, amounts, 0.0)[:, None], index.time[part], position, np.inf)
            total[part] = sums[:, 0]
            number[part.start + 1 : part.stop + 1] = number[part.start] + np.cumsum(finite)
        return cls(total, number)

    def sums(self, span: Span) -> tuple[NDArray[np.float64], NDArray[np.int32]]:
        """(B,) sum and number of the values in histories."""
        number: NDArray[np.int32] = self.number[span.end] - self.number[span.start]
        if not len(self.total):
            return np.zeros(len(number)), number
        return np.where(span.some, self.total[span.last], 0.0), number

    def mean(self, span: Span, fallback: NDArray[np.float64]) -> NDArray[np.float64]:
        """(B,) mean value in histories, ``fallback`` where there is none."""
        total, number = self.sums(span)
        return np.where(number > 0, total / np.maximum(number, 1), fallback)

    def shrunk(self, span: Span, prior: NDArray[np.float64]) -> NDArray[np.float64]:
        """(B,) mean value in histories, mixed with `PRIOR_WEIGHT` values of ``prior``."""
        total, number = self.sums(span)
        return (total + PRIOR_WEIGHT * prior) / (number + PRIOR_WEIGHT)


@dataclass(frozen=True)
class Values:
    """Mean past value of each grouping, plain and shrunk to the log's, and of the latest entry."""

    states: dict[str, ValueState]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(f"{name}_value_{kind}" for name in self.states for kind in ("mean", "shrunk"))

    def columns(self, query: Query) -> Iterator[FloatArray]:
        """The columns; see `Block`."""
        for name, state in self.states.items():
            yield state.mean(query.spans[name], query.mean_value)
            yield state.shrunk(query.spans[name], query.mean_value)


@dataclass(frozen=True)
class Residuals:
    """How far a customer's values lie above the mean of the items they went to, and the same for items.

    Each past value is taken against the other side's shrunk mean as it stood before that value; a strict customer
    and a loved item thus stay apart even when strict customers buy loved items.
    """

    means: dict[str, ValueState]
    residuals: dict[str, ValueState]

    @classmethod
    def build(
        cls,
        means: dict[str, ValueState],
        indices: dict[str, EventIndex],
        values: FloatArray,
        expected: dict[str, NDArray[np.float64]],
    ) -> Self:
        """From the sides' ``means``, the (n) values by event id, and what either side made one expect of each (n)."""
        other = {"customer": "item", "item": "customer"}
        sides = {side: means[side] for side in other}
        return cls(sides, {a: ValueState.build(indices[a], values - expected[b]) for a, b in other.items()})

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return ("customer_value_residual", "item_value_residual", "value_expected")

    def columns(self, query: Query) -> Iterator[FloatArray]:
        """The columns; see `Block`."""
        zero = np.zeros(len(query.time))
        own, its = (self.residuals[side].shrunk(query.spans[side], zero) for side in ("customer", "item"))
        yield own
        yield its
        yield own + self.means["item"].shrunk(query.spans["item"], query.mean_value)
