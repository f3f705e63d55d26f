"""GNN: message passing on the customer-item interaction graph.

The TFP-Net paper names a plain graph neural network as its first baseline (its reference 29, a survey of graph
networks in recommendation); read here as GraphSAGE with mean aggregation (Hamilton, Ying and Leskovec 2017,
"Inductive representation learning on large graphs", arXiv:1706.02216).

Idea: an entity is what its neighbours are. Two rounds of averaging over the snapshot's edges, then a classifier on
both entities and the shared event features.
"""

from typing import ClassVar

import torch
from torch import Tensor, nn

from crm_pipelines.config import Parameters
from crm_pipelines.models.behaviour.graph import GraphConfig, GraphModel
from crm_pipelines.models.layers.pair_head import PairHead
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.models.layers.snapshots import NodeInputs, SnapshotLog


class GNNConfig(GraphConfig):
    """Nothing beside what all graph models have."""


class GNNNetwork(nn.Module):
    """h = ReLU(W_self h + W_neighbours mean(h_j)), some rounds, then the classifier."""

    def __init__(self, config: GNNConfig, sizes: Sizes) -> None:
        super().__init__()
        from torch_geometric.nn import SAGEConv  # takes seconds to import

        self.nodes = NodeInputs(sizes, config.width, config.dropout / 4)
        self.rounds = nn.ModuleList(SAGEConv(config.width, config.width) for _ in range(config.layers))
        self.head = PairHead(sizes, config.width, config.hidden, config.dropout)

    def forward(self, log: SnapshotLog, events: Tensor) -> Tensor:
        """Logits (B, C) of events (B,) of one snapshot."""
        view = log.view(events)
        h, edges = self.nodes(log, view.snapshot), view.snapshot.edges  # (M, width), (2, 2 E)
        for layer in self.rounds:
            h = torch.relu(layer(h, edges))
        logits: Tensor = self.head(log, events, h[view.customers], h[view.items])
        return logits


class GNN(GraphModel):
    """GraphSAGE on snapshots as the model contract has it."""

    name: ClassVar[str] = "gnn"
    Config: ClassVar[type[Parameters]] = GNNConfig

    def build(self, sizes: Sizes) -> nn.Module:
        """The network, untrained."""
        return GNNNetwork(self.config, sizes)
