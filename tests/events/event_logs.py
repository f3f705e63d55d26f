"""Small random logs for property tests: few entities, few seconds, so that ties and repeats abound."""

from dataclasses import dataclass

import numpy as np
from hypothesis import settings
from hypothesis import strategies as st

from crm_pipelines.events.store import EventStore

CLASSES = ("view", "cart", "buy")
CONTEXT = ("search",)

quick = settings(max_examples=25, deadline=None)
"""Decorator of property tests on logs."""


@dataclass(frozen=True)
class Log:
    """Columns of a log, in file order."""

    customer: list[str]
    item: list[str]
    timestamp: list[int]
    behaviour: list[str]
    value: list[float | None]
    category: list[str | None]

    def store(self) -> EventStore:
        row = np.arange(1, len(self.customer) + 1)
        columns = (self.customer, self.item, self.timestamp, self.behaviour, self.value, row, self.category)
        return EventStore.build(*columns, CLASSES, CONTEXT)[0]

    def __add__(self, other: "Log") -> "Log":
        return Log(*(a + b for a, b in zip(vars(self).values(), vars(other).values(), strict=True)))


@st.composite
def logs(draw, min_size=1, max_size=40, start=0, categories=True, values=True):
    """A log of events between ``start`` and a few days later; seconds cluster, so that many tie."""
    n = draw(st.integers(min_size, max_size))
    gap = st.sampled_from([0, 1, 30, 61, 700, 1_800, 1_801, 4_000, 90_000])
    timestamp = (start + np.cumsum([draw(gap) for _ in range(n)])).tolist()
    pick = lambda options: [draw(st.sampled_from(options)) for _ in range(n)]  # noqa: E731
    return Log(
        customer=pick(["ann", "bob", "cem"]),
        item=pick(["x", "y", "z"]),
        timestamp=draw(st.permutations(timestamp)),
        behaviour=pick([*CLASSES, *CONTEXT]),
        value=pick([None, 1.1, 4.7, 1e6]) if values else [None] * n,
        category=pick([None, "a", "b"]) if categories else [None] * n,
    )
