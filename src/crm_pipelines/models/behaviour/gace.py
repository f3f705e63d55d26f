"""GACE: attention over the events between customers and items.

Ma, Hu, Lu and Bhattacharyya 2024, "Customer engagement prediction on social media: a graph neural network method",
Information Systems Research, doi:10.1287/isre.2021.0281 (reference 34 of the TFP-Net paper; GACE is its "graph neural
network with attention mechanism for customer engagement"). Attention: Brody, Alon and Yahav 2022, "How attentive are
graph attention networks?", ICLR, arXiv:2105.14491, after Velickovic et al. 2018 (GAT, arXiv:1710.10903).

Idea: customers are represented by what they and those who engage with the same things engage with, and attention
learns which of it matters. The kinds of engagement (like, comment, share) become our behaviours.
How it is read, from its abstract and that of its forerunner (HICSS 2021: meta-paths in a heterogeneous network, graph
network with attention): meta-paths between customers become two rounds over the customer-item graph, and what tells
its edges apart (behaviour, how often, how long ago) enters the attention score as edge attributes. A layer adds a map
of the node itself, so that an entity without edges is what its attributes say.
"""

from typing import ClassVar, Self

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn

from crm_pipelines.config import Parameters
from crm_pipelines.models.behaviour.graph import GraphConfig, GraphModel
from crm_pipelines.models.layers.pair_head import PairHead, PairNetwork
from crm_pipelines.models.layers.receptive import receptive
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.models.layers.snapshots import NodeInputs, Snapshot, SnapshotLog, View, links_of


class GACEConfig(GraphConfig):
    """Parameters beside those of all graph models.

    Attributes:
        heads: attention heads; ``width`` is split among them.
    """

    heads: int = Field(default=4, ge=1)

    @model_validator(mode="after")
    def _splits(self) -> Self:
        if self.width % self.heads:
            raise ValueError(f"width ({self.width}) must be a multiple of heads ({self.heads})")
        return self


def attributed_edges(graph: Snapshot) -> tuple[Tensor, Tensor]:
    """Both directions (2, 2 L) of the links of a snapshot and their attributes (2 L, behaviours + 2).

    Attributes are the behaviour (one-hot), log(1 + events) and log(1 + age) of the latest of them.
    """
    links = links_of(graph)
    behaviour = nn.functional.one_hot(links.behaviour, graph.activity.shape[1]).float()
    attributes = torch.cat([behaviour, torch.log1p(torch.stack([links.events, links.age], dim=1))], dim=1)
    return links.edges, attributes.repeat(2, 1)


class GACENetwork(PairNetwork):
    """h_i = ELU(W_self h_i + sum_j a_ij W h_j), a_ij from both ends and the edge, then the classifier."""

    def __init__(self, config: GACEConfig, sizes: Sizes) -> None:
        super().__init__()
        from torch_geometric.nn import GATv2Conv  # takes seconds to import

        self.nodes = NodeInputs(sizes, config.width, config.dropout / 4)
        self.rounds = nn.ModuleList(
            GATv2Conv(
                config.width,
                config.width // config.heads,
                config.heads,
                edge_dim=sizes.behaviours + 2,
                add_self_loops=False,  # the node itself comes in by the residual, with a map of its own
                residual=True,
            )
            for _ in range(config.layers)
        )
        self.head = PairHead(sizes, config.width, config.hidden, config.dropout)

    def represent(self, log: SnapshotLog, view: View, wanted: Tensor) -> Tensor:
        """The nodes at positions ``wanted`` (W,) of the view, (W, width)."""
        edges, attributes = log.derived(view.step, attributed_edges)
        part = receptive(edges, wanted, len(view.snapshot.nodes), len(self.rounds))
        h: Tensor = self.nodes(log, view.snapshot.only(part.nodes))
        for layer, hop in zip(self.rounds, part.hops, strict=True):
            h = nn.functional.elu(layer((h, h[hop.own]), hop.edges, attributes[hop.rows]))
        return h[part.wanted]


class GACE(GraphModel):
    """Graph attention on snapshots as the model contract has it."""

    name: ClassVar[str] = "gace"
    Config: ClassVar[type[Parameters]] = GACEConfig

    def build(self, sizes: Sizes) -> nn.Module:
        """The network, untrained."""
        return GACENetwork(self.config, sizes)
