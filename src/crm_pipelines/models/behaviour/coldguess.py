"""ColdGuess: relational graph convolution in which entities also meet through the attribute values they share.

He, Song, Gao and Faloutsos 2022, "ColdGuess: a general and effective relational graph convolutional network to tackle
cold start cases", arXiv:2205.12318 (reference 35 of the TFP-Net paper). Layer: Schlichtkrull et al. 2018, "Modeling
relational data with graph convolutional networks", ESWC, arXiv:1703.06103.

Idea: every kind of edge has a weight matrix of its own, a mixture of few bases. The cited work scores new sellers and
products through "homogeneous influence": what is alike tells about what is unknown; "consolidated nodes" keep its
graph small.
How it is read, from its abstract: relations are behaviours in both directions. For influence, every categorical value
(an item's category, a customer's city) is a consolidated node, tied to the entities that have it: in two rounds a new
item hears what items of its category have seen. Entities without an edge listen to these nodes and do not speak, so
that what else is asked at the same time changes nothing. Unknown features: a share of codes is hidden in training.
"""

from typing import ClassVar, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from crm_pipelines.config import Parameters
from crm_pipelines.models.behaviour.graph import GraphConfig, GraphModel
from crm_pipelines.models.layers.pair_head import PairHead, PairNetwork
from crm_pipelines.models.layers.receptive import receptive
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.models.layers.snapshots import NodeInputs, SnapshotLog, View


class ColdGuessConfig(GraphConfig):
    """Parameters beside those of all graph models.

    Attributes:
        bases: matrices that the weights of all relations are mixtures of.
        influence: whether entities are tied through shared attribute values.
    """

    bases: int = Field(default=4, ge=1)
    influence: bool = True


class Relations(NamedTuple):
    """Typed edges.

    Attributes:
        edges: from, to (2, E). kind: relation (E,).
    """

    edges: Tensor
    kind: Tensor


class Values(nn.Module):
    """Consolidated nodes, one for each known value of each categorical column of customers and items.

    Args:
        sizes: of the data.
        width: of a node; all values of one column start alike.
        first: number of the first relation that ties entities and values; each column takes two.
    """

    column: Tensor

    def __init__(self, sizes: Sizes, width: int, first: int) -> None:
        super().__init__()
        self.cardinalities, self.first = (sizes.customer_codes, sizes.item_codes), first
        counts = [size for side in self.cardinalities for size in side]
        self.relations = 2 * len(counts)
        self.register_buffer("column", torch.repeat_interleave(torch.tensor(counts, dtype=torch.int64)), False)
        self.start = nn.Parameter(0.1 * torch.randn(len(counts), width))

    def forward(self, values: Tensor) -> Tensor:
        """Representations (v, width) of some values (v,) before the first round."""
        return self.start[self.column[values]]

    def ties(self, log: SnapshotLog, nodes: Tensor, speaking: int) -> Relations:
        """Edges between entities and their values; value v is node len(nodes) + v.

        Args:
            log: of the codes.
            nodes: of a view (M,).
            speaking: only the first so many nodes send to their values.
        """
        edges, kinds = [nodes.new_zeros(2, 0)], [nodes.new_zeros(0)]
        offset, relation = len(nodes), self.first
        is_item = nodes >= log.n_customers
        sides = ((~is_item, 0, log.customer_codes), (is_item, log.n_customers, log.item_codes))
        for (rows, shift, codes), cardinalities in zip(sides, self.cardinalities, strict=True):
            position = rows.nonzero().squeeze(1)
            code = codes[nodes[position] - shift]  # (M of this side, columns)
            for column, cardinality in enumerate(cardinalities):
                known = code[:, column] > 0
                entity, value = position[known], offset + code[known, column]
                speaks = entity < speaking
                edges += [torch.stack([entity[speaks], value[speaks]]), torch.stack([value, entity])]
                kinds += [torch.full_like(edges[-2][0], relation), torch.full_like(value, relation + 1)]
                offset, relation = offset + cardinality, relation + 2
        return Relations(torch.cat(edges, dim=1), torch.cat(kinds))


class ColdGuessNetwork(PairNetwork):
    """h_i = ReLU(W_self h_i + sum_r mean_j W_r h_j), some rounds, then the classifier."""

    def __init__(self, config: ColdGuessConfig, sizes: Sizes) -> None:
        super().__init__()
        from torch_geometric.nn import RGCNConv  # takes seconds to import

        self.behaviours = sizes.behaviours
        self.nodes = NodeInputs(sizes, config.width, config.dropout / 4)
        relations = 2 * sizes.behaviours
        self.values = Values(sizes, config.width, relations) if config.influence else None
        relations += self.values.relations if self.values is not None else 0
        self.rounds = nn.ModuleList(
            RGCNConv(config.width, config.width, relations, num_bases=min(config.bases, relations))
            for _ in range(config.layers)
        )
        self.head = PairHead(sizes, config.width, config.hidden, config.dropout)

    def relations(self, log: SnapshotLog, view: View) -> Relations:
        """All typed edges of a view: behaviours from customers to items, back, then ties to values."""
        links = log.links(view.step)
        kind = torch.cat([links.behaviour, links.behaviour + self.behaviours])
        if self.values is None:
            return Relations(links.edges, kind)
        ties = self.values.ties(log, view.snapshot.nodes, len(log.snapshot(view.step).nodes))
        return Relations(torch.cat([links.edges, ties.edges], dim=1), torch.cat([kind, ties.kind]))

    def represent(self, log: SnapshotLog, view: View, wanted: Tensor) -> Tensor:
        """The nodes at positions ``wanted`` (W,) of the view, (W, width)."""
        edges, kind = self.relations(log, view)
        entities = len(view.snapshot.nodes)
        values = 0 if self.values is None else len(self.values.column)
        part = receptive(edges, wanted, entities + values, len(self.rounds))
        h: Tensor = self.nodes(log, view.snapshot.only(part.nodes[part.nodes < entities]))
        if self.values is not None:
            h = torch.cat([h, self.values(part.nodes[part.nodes >= entities] - entities)])
        for layer, hop in zip(self.rounds, part.hops, strict=True):
            h = torch.relu(layer((h, h[hop.own]), hop.edges, kind[hop.rows]))
        return h[part.wanted]


class ColdGuess(GraphModel):
    """Relational graph convolution on snapshots as the model contract has it."""

    name: ClassVar[str] = "coldguess"
    Config: ClassVar[type[Parameters]] = ColdGuessConfig

    def build(self, sizes: Sizes) -> nn.Module:
        """The network, untrained."""
        return ColdGuessNetwork(self.config, sizes)
