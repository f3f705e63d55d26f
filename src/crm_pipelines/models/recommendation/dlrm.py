"""DLRM in two towers: dense attributes and bags of products through small networks, matched by inner products.

Naumov et al. 2019, "Deep learning recommendation model for personalization and recommendation systems"
(arXiv:1906.00091): dense features pass a bottom network, categorical ones are embedded and pooled, and pairwise inner
products of these vectors go on to a top network. A model that ranks all products cannot let a product pass the top
network for each customer, so customer and product have towers of their own (Covington, Adams and Sargin 2016, "Deep
neural networks for YouTube recommendations", RecSys) that meet in the last inner product.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.sequence_log import Rows, SequenceSizes
from crm_pipelines.models.recommendation.neural import ProductConfig, ProductSizes, ProfiledNetwork
from crm_pipelines.models.sequence.neural import SequenceTraining


class DLRMConfig(ProductConfig):
    """Sizes.

    Attributes:
        longest: most products of a history that are read. width: of the vectors. inner: of the top network.
        dropout: before the top network.
    """

    training: SequenceTraining = SequenceTraining(learning_rate=3e-3)
    longest: int = Field(default=50, ge=2)
    width: int = Field(default=32, ge=1)
    inner: int = Field(default=64, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)


class Towers(nn.Module):
    """Both towers."""

    products: Tensor

    def __init__(self, config: DLRMConfig, sizes: ProductSizes) -> None:
        super().__init__()
        d = config.width
        self.items = nn.Embedding(sizes.items + 1, d)
        nn.init.normal_(self.items.weight, std=d**-0.5)
        self.bottom = nn.Sequential(nn.Linear(sizes.profile, config.inner), nn.ReLU(), nn.Linear(config.inner, d))
        self.described = nn.Linear(len(sizes.names), d, bias=False)
        self.top = nn.Sequential(
            nn.Dropout(config.dropout), nn.Linear(3 * d + 3, config.inner), nn.ReLU(), nn.Linear(config.inner, d)
        )
        self.offset = nn.Parameter(torch.zeros(sizes.items))
        self.register_buffer("products", torch.zeros(sizes.items, len(sizes.names)))

    def describe(self, products: Tensor, popularity: Tensor) -> None:
        """Attributes (I, G) and logarithms of popularity (I,) of the products."""
        self.products.copy_(products)
        with torch.no_grad():
            self.offset.copy_(popularity)

    def vectors(self) -> Tensor:
        """(I, d) the product's tower."""
        found: Tensor = self.items.weight[:-1] + self.described(self.products)
        return found

    def states(self, rows: Rows, profiles: Tensor, vectors: Tensor, last: Tensor | None = None) -> Tensor:
        """The customer's tower: (R, T, d) at each token, or (R, d) at the ``last`` of each row."""
        table = torch.cat([vectors, self.items.weight[-1:]])
        seen = rows.mask()
        opening = rows.items == len(vectors)
        if last is not None:
            seen = seen[torch.arange(len(last)), last].unsqueeze(1)  # (R, 1, T)
        held = (seen & ~opening.unsqueeze(1)).float()
        latest = table[rows.items]
        bag = held @ latest / held.sum(dim=2, keepdim=True).clamp(min=1)  # (R, Q, d)
        if last is not None:
            latest = latest[torch.arange(len(last)), last].unsqueeze(1)
            customer = rows.customer[torch.arange(len(last)), last].unsqueeze(1)
        else:
            customer = rows.customer
        profile = self.bottom(profiles)[customer]
        crossed = [(a * b).sum(dim=-1, keepdim=True) for a, b in ((profile, bag), (profile, latest), (bag, latest))]
        out: Tensor = self.top(torch.cat([profile, bag, latest, *crossed], dim=-1))
        return out if last is None else out.squeeze(1)

    def scores(self, states: Tensor, vectors: Tensor, some: Tensor | None = None) -> Tensor:
        """(N, I), or (N, C) of ``some`` products (C,)."""
        if some is None:
            return nn.functional.linear(states, vectors, self.offset)
        return nn.functional.linear(states, vectors[some], self.offset[some])


class DLRM(ProfiledNetwork):
    """The network as the model contract has it."""

    name: ClassVar[str] = "dlrm"
    Config: ClassVar[type[Parameters]] = DLRMConfig
    config: DLRMConfig

    @property
    def length(self) -> int:  # type: ignore[override]
        """Most tokens of a history that are read."""
        return self.config.longest

    def build(self, sizes: SequenceSizes) -> nn.Module:
        """The network, untrained."""
        assert isinstance(sizes, ProductSizes)
        return Towers(self.config, sizes)
