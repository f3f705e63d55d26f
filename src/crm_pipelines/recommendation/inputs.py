"""What every recommender is given: sequences of products, what is known of both sides, and what it is asked."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.sequences.inputs import Histories, Ints, SequenceInputs

Floats = NDArray[np.float32]
Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class Queries:
    """Q lists that are asked for.

    Attributes:
        customer: (Q,) whose.
        end: (Q,) the history is what the customer's sequence holds before this position.
        relevant: products taken afterwards, those of query q in part q; possibly none.
        held: products that cannot be offered, since they are held or withdrawn.
        moments: (Q,) UTC seconds at which it is asked; None where only the order of events is known.
    """

    customer: Ints
    end: Ints
    relevant: Histories
    held: Histories
    moments: Ints | None = None

    def __len__(self) -> int:
        return len(self.customer)

    def of(self, rows: Ints) -> "Queries":
        """Some queries."""
        moments = None if self.moments is None else self.moments[rows]
        return Queries(self.customer[rows], self.end[rows], take(self.relevant, rows), take(self.held, rows), moments)


def take(parts: Histories, rows: Ints) -> Histories:
    """Parts ``rows`` (N,), in that order."""
    return Histories(parts.items, parts.start).extended(rows, np.empty((len(rows), 0), dtype=np.int64))


@dataclass(frozen=True)
class ProductInputs(SequenceInputs):
    """Sequences of U customers over I products, with what describes them.

    Attributes:
        profiles: (U, F) float32 encoded attributes of customers; the first column is 1.
        products: (I, G) float32 encoded attributes and words of products; the first column is how popular each is.
        product_names: of the G columns.
        group: (U,) number of each customer's row in ``allowed``.
        allowed: (K, I) whether customers of a group may be offered a product at all.
        asked: slice -> queries of the test.
        validating: slice -> queries to choose on.
        general: a log to pre-train on, None for the known part itself.
        times: (n,) UTC seconds of the events; empty where only their order is known.
        catalogue: fingerprint of the products' ids in their order, by which a model knows its products again.
    """

    profiles: Floats = field(default_factory=lambda: np.ones((0, 1), dtype=np.float32))
    products: Floats = field(default_factory=lambda: np.ones((0, 1), dtype=np.float32))
    product_names: tuple[str, ...] = ("popularity",)
    group: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    allowed: Bools = field(default_factory=lambda: np.ones((1, 0), dtype=np.bool_))
    asked: Mapping[str, Queries] = field(default_factory=dict)
    validating: Mapping[str, Queries] = field(default_factory=dict)
    general: "ProductInputs | None" = None
    times: Ints = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    catalogue: str = ""

    def histories(self, targets: Ints) -> Histories:
        """All that precedes each target (B,), with whose it is and when the target is taken."""
        found = super().histories(targets)
        owner = np.searchsorted(self.start, targets, side="right") - 1
        return Histories(found.items, found.start, self.profiles[owner], self.times[targets] if self.timed else None)

    def before(self, queries: Queries) -> Histories:
        """The history of each query."""
        first = self.start[queries.customer]
        lengths = queries.end - first
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        owner = np.repeat(np.arange(len(queries)), lengths)
        within = np.arange(len(owner)) - start[owner]
        return Histories(self.items[first[owner] + within], start, self.profiles[queries.customer], queries.moments)

    @property
    def timed(self) -> bool:
        """Whether the times of the events are known."""
        return len(self.times) == len(self.items) > 0

    def offered(self, queries: Queries) -> Bools:
        """(Q, I) what may be on the list of each query."""
        mask = self.allowed[self.group[queries.customer]].copy()
        mask[queries.held.owner, queries.held.items] = False
        return mask

    @property
    def popularity(self) -> NDArray[np.float64]:
        """(I,) share of the known events."""
        counts = np.bincount(self.known.items, minlength=self.n_items).astype(np.float64)
        return np.asarray(counts / max(counts.sum(), 1.0), dtype=np.float64)

    def facts(self) -> dict[str, Any]:
        """What a manifest says of them."""
        return {
            "items": self.n_items,
            "catalogue": self.catalogue,
            "no_repeats": self.no_repeats,
            "products": list(self.product_names),
        }
