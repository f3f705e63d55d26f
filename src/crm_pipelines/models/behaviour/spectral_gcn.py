"""Spectral GCN: Chebyshev filters of the normalised Laplacian of the customer-item graph.

Henna, Kalliadan and Amjath 2025, "Optimizing B2B customer relationship management and sales forecasting with spectral
graph convolutional networks", Quantitative Finance and Economics 9(2), doi:10.3934/QFE.2025015 (reference 30 of the
TFP-Net paper). Filters: Defferrard, Bresson and Vandergheynst 2016, "Convolutional neural networks on graphs with
fast localized spectral filtering", NeurIPS, arXiv:1606.09375.

Idea: a layer is a polynomial of the graph Laplacian, so that it filters by graph frequency without an
eigendecomposition and reaches K - 1 steps far. Nodes carry their attributes and their eigenvector centrality, which
is the node feature that the cited work found best; its shortest paths are left out, being quadratic in the nodes.
How it is read, from its abstract, which does not name the polynomial: the weight of an edge is the number of events
between its ends. The graph is bipartite, whose largest normalised Laplacian eigenvalue is 2 exactly, so that the
scaling of the filters needs no estimate.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from crm_pipelines.config import Parameters
from crm_pipelines.models.behaviour.graph import GraphConfig, GraphModel
from crm_pipelines.models.layers.pair_head import PairHead
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.models.layers.snapshots import NodeInputs, Snapshot, SnapshotLog, View, links_of

LARGEST = 2.0
"""lambda_max of the normalised Laplacian of a bipartite graph."""
_ITERATIONS = 100


class SpectralGCNConfig(GraphConfig):
    """Parameters beside those of all graph models.

    Attributes:
        order: K, coefficients of a filter; it reaches K - 1 steps.
        centrality: whether nodes carry their eigenvector centrality.
    """

    order: int = Field(default=3, ge=1)
    centrality: bool = True


def weighted_edges(graph: Snapshot) -> tuple[Tensor, Tensor]:
    """Both directions (2, 2 L) of the links of a snapshot and the number of events of each (2 L,)."""
    links = links_of(graph)
    return links.edges, links.events.repeat(2)


def centrality(graph: Snapshot) -> Tensor:
    """log(1 + eigenvector centrality) of the nodes (M, 1), the centralities' mean being one.

    By power iteration on I + A, whose leading eigenvector is that of A; A alone has the opposite eigenvalue too on a
    bipartite graph and would not converge.
    """
    (source, target), weight = weighted_edges(graph)
    score = torch.ones(len(graph.nodes), dtype=torch.float64, device=graph.nodes.device)
    for _ in range(_ITERATIONS):
        score = score.index_add(0, target, weight * score[source])
        score = score / score.mean()
    return torch.log1p(score).float().unsqueeze(1)


class SpectralGCNNetwork(nn.Module):
    """h = ReLU(sum_k T_k(2 L / lambda_max - I) h W_k + b), some rounds, then the classifier."""

    def __init__(self, config: SpectralGCNConfig, sizes: Sizes) -> None:
        super().__init__()
        from torch_geometric.nn import ChebConv  # takes seconds to import

        self.centrality = config.centrality
        self.nodes = NodeInputs(sizes, config.width, config.dropout / 4)
        widths = [config.width + config.centrality] + [config.width] * config.layers
        self.rounds = nn.ModuleList(
            ChebConv(size, config.width, config.order, normalization="sym") for size in widths[:-1]
        )
        self.head = PairHead(sizes, config.width, config.hidden, config.dropout)

    def represent(self, log: SnapshotLog, view: View, wanted: Tensor) -> Tensor:
        """The nodes at positions ``wanted`` (W,) of the view, (W, width)."""
        h: Tensor = self.nodes(log, view.snapshot)
        edges, weight = log.derived(view.step, weighted_edges)  # (2, 2 L), (2 L,)
        if self.centrality:
            known = log.derived(view.step, centrality)  # nodes without an edge have none
            h = torch.cat([h, nn.functional.pad(known, (0, 0, 0, len(h) - len(known)))], dim=1)
        for layer in self.rounds:
            h = torch.relu(layer(h, edges, weight, lambda_max=LARGEST))
        return h[wanted]

    def forward(self, log: SnapshotLog, events: Tensor) -> Tensor:
        """Logits (B, C) of events (B,) of one snapshot."""
        view = log.view(events)
        customer, item = self.represent(log, view, torch.cat([view.customers, view.items])).chunk(2)
        logits: Tensor = self.head(log, events, customer, item)
        return logits


class SpectralGCN(GraphModel):
    """Chebyshev filters on snapshots as the model contract has it."""

    name: ClassVar[str] = "spectral_gcn"
    Config: ClassVar[type[Parameters]] = SpectralGCNConfig

    def build(self, sizes: Sizes) -> nn.Module:
        """The network, untrained."""
        return SpectralGCNNetwork(self.config, sizes)
