"""DGN-JBP: a preference graph and a social graph over time, for two predictions that help one another.

Li, Wu, Du, Hong and Li 2024, "Dual Graph Neural Networks for Dynamic Users' Behavior Prediction on Social Networking
Services", IEEE Transactions on Computational Social Systems 11(5): 7020-7031, doi:10.1109/TCSS.2024.3409383.

Idea: what people consume and whom they join influence one another, and both move. At each time step an attentive
graph network runs on the graph of users and items and another on the graph of users; gated recurrent units carry
both representations through the steps; fused, they predict consumption and social links jointly.

Here, from the abstract: users are customers, friends are customers who share items, a time step is one of the last T
windows of the snapshot (`layers/dual_graphs.py`). The consumption task is the class of the next behaviour, a softmax
over all behaviours. The social task is an auxiliary loss in training: from the states before the last window, tell
the customers who share items in it from random pairs. Everything lies before the snapshot's step, hence before the
event. New entities start from their attributes, as everywhere here, instead of free embeddings.
"""

from typing import ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.config import Parameters
from crm_pipelines.models.behaviour.graph import GraphConfig, GraphModel
from crm_pipelines.models.layers.dual_graphs import DualGraphs, Window
from crm_pipelines.models.layers.event_log import EventLog
from crm_pipelines.models.layers.pair_head import PairHead
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.models.layers.snapshots import NodeInputs, SnapshotLog, View


class DGNJBPConfig(GraphConfig):
    """Beside what all graph models have.

    Attributes:
        layers: rounds of message passing on each graph of each window.
        windows: T, windows of time that the recurrent units walk through.
        per_item: latest customers that an item joins. neighbours: most customers that a customer listens to.
        link_weight: of the social loss. link_pairs: links, and as many random pairs, drawn for it at a step.
    """

    layers: int = Field(default=1, ge=1)
    windows: int = Field(default=3, ge=1)
    per_item: int = Field(default=10, ge=2)
    neighbours: int = Field(default=10, ge=1)
    link_weight: float = Field(default=0.1, ge=0)
    link_pairs: int = Field(default=512, ge=1)


class States(NamedTuple):
    """Representations of the W nodes of a view that are asked for; the others are only read as neighbours.

    Attributes:
        wanted: their positions (W,) in the view, ascending.
        row: row of each node of the view among them, -1 for those that are not wanted (M,).
        preference, social: as consumers (or items), and among customers; (W, width) each.
    """

    wanted: Tensor
    row: Tensor
    preference: Tensor
    social: Tensor


class Attend(nn.Module):
    """h_i <- ReLU(W h_i + sum_j a_ij W' h_j), with attention that also reads what kind of edge it is.

    Args:
        width: of the representations.
        kinds: columns that describe an edge.
    """

    def __init__(self, width: int, kinds: int) -> None:
        super().__init__()
        from torch_geometric.nn import GATConv  # takes seconds to import

        self.own = nn.Linear(width, width)
        self.neighbours = GATConv(width, width, edge_dim=kinds, add_self_loops=False)

    def forward(self, h: Tensor, edges: Tensor, kind: Tensor, to: Tensor) -> Tensor:
        """(A, width), edges (2, E) from j to i, kind (E, kinds), positions to compute (T,) -> (T, width)."""
        row = torch.full((len(h),), -1, device=h.device)
        row[to] = torch.arange(len(to), device=h.device)
        heard = row[edges[1]]
        kept = torch.nonzero(heard >= 0).squeeze(1)
        own = h[to]
        towards = torch.stack([edges[0, kept], heard[kept]])
        return torch.relu(self.own(own) + self.neighbours((h, own), towards, kind[kept]))


class DGNJBPNetwork(nn.Module):
    """Two graph networks, two recurrent units, two gates, two tasks."""

    def __init__(self, config: DGNJBPConfig, sizes: Sizes) -> None:
        super().__init__()
        c = self.config = config
        self.nodes = NodeInputs(sizes, c.width, c.dropout / 4)
        self.preference = nn.ModuleList(Attend(c.width, sizes.behaviours) for _ in range(c.layers))
        self.social = nn.ModuleList(Attend(c.width, 1) for _ in range(c.layers))
        self.carry_preference = nn.GRUCell(c.width, c.width)
        self.carry_social = nn.GRUCell(c.width, c.width)
        self.gate_behaviour = nn.Linear(2 * c.width, c.width)
        self.gate_link = nn.Linear(2 * c.width, c.width)
        self.link_bias = nn.Parameter(torch.zeros(1))
        self.head = PairHead(sizes, c.width, c.hidden, c.dropout)

    def graphs(self, log: SnapshotLog, step: int) -> tuple[Window, ...]:
        """The windows of one step, the oldest first."""
        c = self.config
        return log.derived(step, DualGraphs(log.length / log.unit, c.windows, c.per_item, c.neighbours))

    def start(self, log: SnapshotLog, view: View, wanted: Tensor) -> States:
        """States of the nodes ``wanted`` (with repetitions) before any event: what their attributes say."""
        graph = view.snapshot
        wanted = torch.unique(wanted)
        row = torch.full((len(graph.nodes),), -1, device=wanted.device)
        row[wanted] = torch.arange(len(wanted), device=wanted.device)
        nothing = graph.activity.new_zeros(len(wanted), graph.activity.shape[1])
        h = self.nodes(log, graph._replace(nodes=graph.nodes[wanted], activity=nothing))
        return States(wanted, row, h, h)

    def advance(self, log: SnapshotLog, view: View, states: States, window: Window) -> States:
        """States after one window; who did nothing in it keeps theirs."""
        if not len(window.nodes):
            return states
        x = self.nodes(log, view.snapshot._replace(nodes=view.snapshot.nodes[window.nodes], activity=window.activity))
        row = states.row[window.nodes]
        active = torch.nonzero(row >= 0).squeeze(1)  # what is wanted and took part
        customers = active[active < window.customers]
        p = self._pass(self.preference, x, window.edges, window.behaviour, active)
        s = self._pass(self.social, x[: window.customers], window.links, window.shared, customers)
        of_active, of_customers = row[active], row[customers]
        p = self.carry_preference(p, states.preference[of_active])
        s = self.carry_social(s, states.social[of_customers])
        return states._replace(
            preference=states.preference.index_copy(0, of_active, p),
            social=states.social.index_copy(0, of_customers, s),
        )

    @staticmethod
    def _pass(layers: nn.ModuleList, h: Tensor, edges: Tensor, kind: Tensor, to: Tensor) -> Tensor:
        """All rounds of message passing, the last one only ``to`` the nodes that are needed (T,): (T, width)."""
        everybody = torch.arange(len(h), device=h.device)
        for number, layer in enumerate(layers, start=1):
            h = layer(h, edges, kind, to if number == len(layers) else everybody)
        return h

    def logits(self, log: SnapshotLog, events: Tensor, view: View, states: States) -> Tensor:
        """Logits (B, C) of events (B,)."""
        customers, items = states.row[view.customers], states.row[view.items]
        p, s = states.preference[customers], states.social[customers]
        gate = torch.sigmoid(self.gate_behaviour(torch.cat([p, s], dim=1)))
        out: Tensor = self.head(log, events, gate * p + (1 - gate) * s, states.preference[items])
        return out

    def forward(self, log: SnapshotLog, events: Tensor) -> Tensor:
        """Logits (B, C) of events (B,) of one snapshot."""
        view = log.view(events)
        states = self.start(log, view, torch.cat([view.customers, view.items]))
        for window in self.graphs(log, view.step):
            states = self.advance(log, view, states, window)
        return self.logits(log, events, view, states)

    def joint(self, log: SnapshotLog, events: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, C) as `forward` has them, and the social loss on the last window of their snapshot."""
        view = log.view(events)
        *earlier, last = self.graphs(log, view.step)
        pairs, known = self.draw_pairs(last)
        states = self.start(log, view, torch.cat([view.customers, view.items, pairs.flatten()]))
        for window in earlier:
            states = self.advance(log, view, states, window)
        social = self.link_loss(states, pairs, known)
        return self.logits(log, events, view, self.advance(log, view, states, last)), social

    def draw_pairs(self, window: Window) -> tuple[Tensor, Tensor]:
        """Some links of a window, then as many random pairs of its customers.

        Returns:
            Positions (2, 2 P) in the snapshot, and whether each pair is a link (2 P,); P is 0 without links.
        """
        n, found = window.customers, window.links.shape[1]
        size, device = min(self.config.link_pairs, found), window.links.device
        if not size:
            return window.links, torch.zeros(0, dtype=torch.bool, device=device)
        links = window.links[:, torch.randint(found, (size,), device=device)]
        pairs = torch.cat([links, torch.randint(n, (2, size), device=device)], dim=1)
        known = torch.isin(pairs[0] * n + pairs[1], window.links[0] * n + window.links[1])
        return window.nodes[pairs], known

    def link_loss(self, states: States, pairs: Tensor, known: Tensor) -> Tensor:
        """Binary cross-entropy of what `draw_pairs` gave; 0 where it gave nothing."""
        if not len(known):
            return self.link_bias.new_zeros(())
        rows = states.row[pairs]  # (2, 2 P)
        p, s = states.preference[rows], states.social[rows]
        gate = torch.sigmoid(self.gate_link(torch.cat([p, s], dim=2)))
        fused = gate * s + (1 - gate) * p
        score = (fused[0] * fused[1]).sum(dim=1) / fused.shape[2] ** 0.5 + self.link_bias
        return functional.binary_cross_entropy_with_logits(score, known.float())


class DGNJBP(GraphModel):
    """DGN-JBP as the model contract has it."""

    name: ClassVar[str] = "dgn_jbp"
    Config: ClassVar[type[Parameters]] = DGNJBPConfig

    def build(self, sizes: Sizes) -> nn.Module:
        """The network, untrained."""
        return DGNJBPNetwork(self.config, sizes)

    def loss(self, log: EventLog, events: Tensor) -> Tensor:
        """Cross-entropy, in training with the social loss; what is chosen on validation is the behaviour alone."""
        if not self.network.training or self.config.link_weight == 0:
            return super().loss(log, events)
        logits, social = self.network.joint(log, events)
        total: Tensor = functional.cross_entropy(logits, log.label[events]) + self.config.link_weight * social
        return total
