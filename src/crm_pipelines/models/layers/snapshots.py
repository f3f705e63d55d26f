"""The interaction graph as it was at fixed steps in time, for networks that pass messages over a whole graph.

An event sees the graph of the last step at or before it, made of events strictly before that step, so that no edge
is younger than the event. Steps are laid from the first event on at a fixed length, so that later events change no
earlier graph. What happened between the step and the event reaches a model through the shared event features.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Any, NamedTuple, TypeVar

import numpy as np
import torch
from torch import Tensor, nn

from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.layers.entities import EntityEmbedding
from crm_pipelines.models.layers.event_log import EventLog
from crm_pipelines.models.layers.sizes import Sizes

_KEPT = 64
"""Snapshots kept in memory."""
Made = TypeVar("Made")


class Snapshot(NamedTuple):
    """The graph of one step. Customers come before items among the M nodes.

    Attributes:
        nodes: ids (M,), ascending: customers 0 .. n_customers - 1, then items from n_customers on.
        source, target: customer and item end of each edge, positions (E,) in ``nodes``; one edge per event.
        behaviour: of each edge (E,).
        age: time from the edge to the step, in the source's time unit (E,).
        activity: log(1 + events) of each node by behaviour (M, behaviours).
    """

    nodes: Tensor
    source: Tensor
    target: Tensor
    behaviour: Tensor
    age: Tensor
    activity: Tensor

    @property
    def edges(self) -> Tensor:
        """Both directions, (2, 2 E), as torch-geometric takes them."""
        return both_ways(self.source, self.target)

    def only(self, nodes: Tensor) -> "Snapshot":
        """The same with the nodes at some positions (m,) and no edges, for `NodeInputs`."""
        none, age = self.source[:0], self.age[:0]
        return Snapshot(self.nodes[nodes], none, none, none, age, self.activity[nodes])


class Links(NamedTuple):
    """The edges of a snapshot with events of one kind between the same two nodes taken together.

    Attributes:
        source, target: customer and item end of each link, positions (L,) among the nodes.
        behaviour: of each link (L,).
        events: their number (L,), float32.
        age: time from its latest event to the step, in the source's time unit (L,).
    """

    source: Tensor
    target: Tensor
    behaviour: Tensor
    events: Tensor
    age: Tensor

    @property
    def edges(self) -> Tensor:
        """Both directions, (2, 2 L): from customers to items, then back."""
        return both_ways(self.source, self.target)


def both_ways(source: Tensor, target: Tensor) -> Tensor:
    """Edges (2, 2 E) of both directions between ends (E,): first from ``source`` to ``target``, then back."""
    forth = torch.stack([source, target])
    return torch.cat([forth, forth.flip(0)], dim=1)


class View(NamedTuple):
    """A snapshot with the entities of one batch in it; those without an edge are nodes of their own.

    Attributes:
        snapshot: with ``nodes`` and ``activity`` extended by entities that the graph does not know yet.
        customers, items: positions (B,) of the batch's entities among the nodes.
        step: whose graph it is.
    """

    snapshot: Snapshot
    customers: Tensor
    items: Tensor
    step: int


class SnapshotLog(EventLog):
    """An event log with its graph at fixed steps.

    Args:
        inputs: prepared inputs.
        step: seconds from one snapshot to the next.
        most_edges: latest events that make up a snapshot; bounds time and memory on long logs.
    """

    def __init__(self, inputs: EventInputs, step: int, most_edges: int, device: torch.device | str = "cpu") -> None:
        super().__init__(inputs, device)
        self.length, self.most_edges = step, most_edges
        self.n_customers, self.n_items = inputs.store.n_customers, inputs.store.n_items
        self.n_behaviours = len(inputs.store.behaviours)
        self.step = (self.time - self.time[0]) // step
        """Step (N,) whose snapshot an event sees."""
        self._snapshots: OrderedDict[int, Snapshot] = OrderedDict()
        self._derived: dict[int, dict[Callable[[Snapshot], Any], Any]] = {}

    def snapshot(self, step: int) -> Snapshot:
        """The graph of one step."""
        if step in self._snapshots:
            self._snapshots.move_to_end(step)
            return self._snapshots[step]
        boundary = int(self.time[0]) + step * self.length
        end = int(torch.searchsorted(self.time, boundary))  # events strictly before
        events = slice(max(0, end - self.most_edges), end)
        ends = torch.cat([self.customer[events], self.item[events] + self.n_customers])
        nodes, position = torch.unique(ends, return_inverse=True)
        source, target = position.chunk(2)
        behaviour = self.behaviour[events]
        activity = torch.zeros(len(nodes) * self.n_behaviours, device=self.device)
        for side in (source, target):
            activity.index_add_(0, side * self.n_behaviours + behaviour, torch.ones_like(side, dtype=torch.float32))
        age = (boundary - self.time[events]).float() / self.unit
        found = Snapshot(nodes, source, target, behaviour, age, torch.log1p(activity.view(-1, self.n_behaviours)))
        self._snapshots[step] = found
        if len(self._snapshots) > _KEPT:
            oldest, _ = self._snapshots.popitem(last=False)
            self._derived.pop(oldest, None)
        return found

    def derived(self, step: int, make: Callable[[Snapshot], Made]) -> Made:
        """What ``make``, a function of a module, tells of the graph of one step; computed once."""
        graph = self.snapshot(step)
        kept = self._derived.setdefault(step, {})
        if make not in kept:
            kept[make] = make(graph)
        made: Made = kept[make]
        return made

    def links(self, step: int) -> Links:
        """The graph of one step with repeated events taken together."""
        return self.derived(step, links_of)

    def view(self, events: Tensor) -> View:
        """The snapshot that ``events`` (B,), all of one step, see."""
        step = int(self.step[events[0]])
        graph = self.snapshot(step)
        wanted = torch.cat([self.customer[events], self.item[events] + self.n_customers])
        slot = torch.searchsorted(graph.nodes, wanted)
        sentinel = torch.full((1,), -1, device=self.device)
        known = torch.cat([graph.nodes, sentinel])[slot] == wanted
        extra, position = torch.unique(wanted[~known], return_inverse=True)
        slot[~known] = len(graph.nodes) + position
        graph = graph._replace(
            nodes=torch.cat([graph.nodes, extra]),
            activity=torch.cat([graph.activity, graph.activity.new_zeros(len(extra), self.n_behaviours)]),
        )
        customers, items = slot.chunk(2)
        return View(graph, customers, items, step)


def links_of(graph: Snapshot) -> Links:
    """One link for each customer, item and behaviour with an event in the snapshot, in that order."""
    nodes, behaviours = max(1, len(graph.nodes)), graph.activity.shape[1]
    key = (graph.source * nodes + graph.target) * behaviours + graph.behaviour
    found, link, count = torch.unique(key, return_inverse=True, return_counts=True)
    pair = found // behaviours
    age = torch.full(found.shape, torch.inf, device=key.device).scatter_reduce_(0, link, graph.age, "amin")
    return Links(pair // nodes, pair % nodes, found % behaviours, count.float(), age)


class NodeInputs(nn.Module):
    """First representation of every node of a snapshot, or of a part of it: attributes, and how active it has been.

    Args:
        sizes: of the data.
        width: of the representation.
        unknown: see `EntityEmbedding`.
    """

    def __init__(self, sizes: Sizes, width: int, unknown: float = 0.0) -> None:
        super().__init__()
        self.customers = EntityEmbedding(sizes.customer_static, sizes.customer_codes, width, unknown)
        self.items = EntityEmbedding(sizes.item_static, sizes.item_codes, width, unknown)
        self.activity = nn.ModuleList(nn.Linear(sizes.behaviours, width) for _ in range(2))

    def forward(self, log: SnapshotLog, graph: Snapshot) -> Tensor:
        """(M, width)."""
        is_item = graph.nodes >= log.n_customers
        customers, items = torch.nonzero(~is_item).squeeze(1), torch.nonzero(is_item).squeeze(1)
        customer, item = graph.nodes[customers], graph.nodes[items] - log.n_customers
        out = torch.empty(len(graph.nodes), self.customers.width, device=graph.nodes.device)
        parts = (
            (customers, self.customers(log.customer_static, log.customer_codes, customer), self.activity[0]),
            (items, self.items(log.item_static, log.item_codes, item), self.activity[1]),
        )
        for rows, attributes, active in parts:
            out = out.index_copy(0, rows, attributes + active(graph.activity[rows]))
        return torch.relu(out)


def step_length(inputs: EventInputs, snapshots: int) -> int:
    """Seconds between snapshots when the training part is cut into ``snapshots`` of them; at least 1."""
    times = np.asarray(inputs.store.timestamp)
    span = int(times[inputs.train].max() - times[0]) if len(inputs.train) else 0
    return max(1, -(-(span + 1) // snapshots))
