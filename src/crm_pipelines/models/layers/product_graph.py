"""Graph attention over customers and products, from what was held before.

Velickovic et al. 2018, "Graph attention networks" (arXiv:1710.10903), by `torch_geometric.nn.GATConv`, once for each
kind of edge of the heterogeneous graph: product to customer, customer to product, product to alike product.
"""

from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.models.layers.item_scores import cosines, history_matrix
from crm_pipelines.sequences.inputs import SequenceInputs

ALIKE = 5
"""Products alike to which a product is linked."""
SHRINKAGE = 10.0


class GraphEdges(NamedTuple):
    """Edges among U customers and I products.

    Attributes:
        customer, item: (E,) who holds what.
        alike: (2, A) products that the same customers hold.
    """

    customer: Tensor
    item: Tensor
    alike: Tensor

    @classmethod
    def of(cls, inputs: SequenceInputs, neighbours: int) -> "GraphEdges":
        """Edges of the part to learn from; of each product the latest ``neighbours`` customers, in the log's order."""
        known = inputs.known
        pairs, latest = np.unique((known.owner * np.int64(inputs.n_items) + known.items)[::-1], return_index=True)
        customer, item = np.divmod(pairs, inputs.n_items)
        order = np.lexsort((latest, item))
        first = np.searchsorted(item[order], np.arange(inputs.n_items))
        kept = order[np.arange(len(order)) - first[item[order]] < neighbours]
        near = cosines(history_matrix(known, inputs.n_items), ALIKE, SHRINKAGE).tocoo()
        alike = np.stack([near.col, near.row]).astype(np.int64)
        return cls(torch.from_numpy(customer[kept]), torch.from_numpy(item[kept]), torch.from_numpy(alike))

    def without(self, customers: Tensor) -> "GraphEdges":
        """The edges of everybody but some customers, whose own choices are about to be predicted."""
        kept = ~torch.isin(self.customer, customers)
        return GraphEdges(self.customer[kept], self.item[kept], self.alike)


class ProductGraph(nn.Module):
    """Two layers of attention: what customers hold makes them, and who holds a product makes it."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        from torch_geometric.nn import GATConv

        def attention() -> nn.Module:
            layer: nn.Module = GATConv((width, width), width // heads, heads=heads, add_self_loops=False)
            return layer

        self.to_customer, self.to_product, self.alike = attention(), attention(), attention()

    def products(self, given: Tensor, profiles: Tensor, edges: GraphEdges) -> Tensor:
        """(I, d) what the graph says of each product, from ``given`` (I, d) and the customers' profiles (U, d)."""
        held = torch.stack([edges.item, edges.customer])
        size = (len(given), len(profiles))
        customers = functional.elu(self.to_customer((given, profiles), held, size=size) + profiles)
        found = self.to_product((customers, given), held.flip(0), size=size[::-1])
        out: Tensor = functional.elu(found + self.alike((given, given), edges.alike, size=(len(given),) * 2))
        return out

    def customers(self, held: Tensor, profiles: Tensor, seen: Tensor) -> Tensor:
        """(R, Q, d) what each customer's own history says.

        Args:
            held: (R, T, d) products of a row. profiles: (R, Q, d). seen: (R, Q, T) which of them a place may see.
        """
        rows, asking, tokens = seen.shape
        row, place, token = torch.nonzero(seen, as_tuple=True)
        edges = torch.stack([row * tokens + token, row * asking + place])
        flat = (held.reshape(rows * tokens, -1), profiles.reshape(rows * asking, -1))
        found: Tensor = self.to_customer(flat, edges, size=(rows * tokens, rows * asking))
        return functional.elu(found).view(rows, asking, -1)
