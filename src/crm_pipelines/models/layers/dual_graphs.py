"""A snapshot cut into its last windows of time, each as a customer-item graph and a customer-customer graph.

Logs of shops know no friends; customers who met the same item in the same window stand in for them.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from scipy import sparse
from torch import Tensor
from torch.nn import functional

from crm_pipelines.models.layers.snapshots import Snapshot, both_ways


class Window(NamedTuple):
    """What happened in one window, among the A nodes that took part; customers come before items.

    Attributes:
        nodes: positions (A,) in the snapshot, ascending. customers: how many of them are customers.
        edges: (2, 2 E) between positions in ``nodes``, both directions, one per event and direction.
        behaviour: of each edge, one-hot (2 E, behaviours), float32.
        activity: log(1 + events in the window) of each node by behaviour (A, behaviours).
        links: (2, L) from customer to customer, positions in ``nodes``; see `shared_items`.
        shared: log(1 + items that the two customers share) of each link (L, 1), float32.
    """

    nodes: Tensor
    customers: int
    edges: Tensor
    behaviour: Tensor
    activity: Tensor
    links: Tensor
    shared: Tensor


@dataclass(frozen=True)
class DualGraphs:
    """Cuts a snapshot; equal cuts have equal hashes, so that `SnapshotLog.derived` keeps what they made.

    Attributes:
        length: of a window, in the source's time unit: the time between two snapshots.
        windows: T. The last T - 1 have that length; the first holds all that is older.
        per_item, neighbours: see `shared_items`.
    """

    length: float
    windows: int
    per_item: int
    neighbours: int

    def __call__(self, graph: Snapshot) -> tuple[Window, ...]:
        """The windows of a snapshot, the oldest first."""
        back = (graph.age.double() / self.length).ceil().long() - 1  # age is above 0: events lie before the step
        slot = self.windows - 1 - back.clamp(0, self.windows - 1)
        return tuple(self._window(graph, slot == number) for number in range(self.windows))

    def _window(self, graph: Snapshot, chosen: Tensor) -> Window:
        behaviour, behaviours = graph.behaviour[chosen], graph.activity.shape[1]
        ends = torch.cat([graph.source[chosen], graph.target[chosen]])
        nodes, position = torch.unique(ends, return_inverse=True)
        source, target = position.chunk(2)
        customers = int(source.max()) + 1 if len(source) else 0
        cell = torch.cat([source, target]) * behaviours + behaviour.repeat(2)
        count = torch.bincount(cell, minlength=len(nodes) * behaviours).float().view(-1, behaviours)
        links, shared = shared_items(source.cpu().numpy(), target.cpu().numpy(), self.per_item, self.neighbours)
        return Window(
            nodes=nodes,
            customers=customers,
            edges=both_ways(source, target),
            behaviour=functional.one_hot(behaviour.repeat(2), behaviours).float(),
            activity=torch.log1p(count),
            links=torch.from_numpy(links).to(nodes.device),
            shared=torch.log1p(torch.from_numpy(shared)).unsqueeze(1).to(nodes.device),
        )


def shared_items(
    customer: np.ndarray, item: np.ndarray, per_item: int, neighbours: int
) -> tuple[np.ndarray, np.ndarray]:
    """Customers joined by the items that both of them met.

    An item joins only the ``per_item`` customers who met it last, so that a popular item with n customers does not
    make n * n links. A customer listens to the ``neighbours`` customers with the most shared items, on a tie to
    those of lower number.

    Args:
        customer, item: of each event (E,), in time order.
        per_item: most customers that an item joins.
        neighbours: most links towards a customer.

    Returns:
        Links (2, L) int64 from the customer that is listened to, to the one who listens, ordered by the latter; and
        the number of items they share (L,) float32.
    """
    if not len(customer):
        return np.zeros((2, 0), dtype=np.int64), np.zeros(0, dtype=np.float32)
    n = int(customer.max()) + 1
    pair, back = np.unique((item * n + customer)[::-1], return_index=True)  # how far from the end each was seen last
    buyer, bought = pair % n, pair // n
    kept = _first_of(bought, back, per_item)
    met = sparse.csr_array((np.ones(len(kept)), (buyer[kept], bought[kept])), shape=(n, int(item.max()) + 1))
    both = (met @ met.T).tocoo()
    other = both.row != both.col
    listener, heard, shared = both.row[other], both.col[other], both.data[other]
    kept = _first_of(listener, heard, neighbours, -shared)
    links = np.stack([heard[kept], listener[kept]]).astype(np.int64)
    return links, shared[kept].astype(np.float32)


def _first_of(group: np.ndarray, rank: np.ndarray, most: int, before: np.ndarray | None = None) -> np.ndarray:
    """Rows of the first ``most`` of each group, ordered by group, then ``before``, then ``rank``."""
    order = np.lexsort((rank, group) if before is None else (rank, before, group))
    sorted_ = group[order]
    first = np.searchsorted(sorted_, sorted_)  # where the row's group begins
    kept: np.ndarray = order[np.arange(len(order)) - first < most]
    return kept
