"""SASRec: self-attentive sequential recommendation, as published.

Kang and McAuley 2018, "Self-attentive sequential recommendation", ICDM 2018 (arXiv:1808.09781): item embeddings scaled
by the root of their width plus a learned vector for each place; two blocks of one-headed attention, whose queries alone
are normalised, and a point-wise feed-forward part; the last state's inner product with the items' own vectors; binary
cross-entropy of each next item against one item drawn at random.

Idea: attention decides how far back a customer's next choice looks. What it lacks beside `sequence_transformer_plus` is
the loss: one negative a step is little of all that was not chosen.
"""

import math
from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.full_softmax import full_softmax_loss
from crm_pipelines.models.layers.sequence_log import NOTHING, Rows, SequenceLog, SequenceSizes
from crm_pipelines.models.sequence.neural import SequenceConfig, SequenceNetwork, SequenceTraining


class SASRecConfig(SequenceConfig):
    """Sizes; the defaults are the paper's for sparse data, its 200 places shortened.

    Attributes:
        longest: most items of a history that are read.
        width, layers: of the network. dropout: everywhere.
    """

    training: SequenceTraining = SequenceTraining(
        epochs=100, most_events=8_000_000, learning_rate=1e-3, weight_decay=0.0
    )
    longest: int = Field(default=50, ge=1)
    width: int = Field(default=50, ge=1)
    layers: int = Field(default=2, ge=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)


class SASRecBlock(nn.Module):
    """One block."""

    def __init__(self, width: int, dropout: float) -> None:
        super().__init__()
        self.query_norm, self.feed_norm = nn.LayerNorm(width), nn.LayerNorm(width)
        self.query, self.key, self.value = (nn.Linear(width, width) for _ in range(3))
        self.feed = nn.Sequential(nn.Linear(width, width), nn.Dropout(dropout), nn.ReLU(), nn.Linear(width, width))
        self.dropout = nn.Dropout(dropout)

    def forward(self, x: Tensor, blank: Tensor) -> Tensor:
        """Tokens (B, T, d) -> (B, T, d); ``blank`` (B, T, T) is -inf where a token may not look."""
        normed = self.query_norm(x)
        scores = torch.matmul(self.query(normed), self.key(x).transpose(1, 2)) / math.sqrt(x.shape[-1]) + blank
        x = normed + torch.matmul(self.dropout(torch.softmax(scores, dim=-1)), self.value(x))
        x = self.feed_norm(x)
        out: Tensor = x + self.dropout(self.feed(x))
        return out


class SASRecNetwork(nn.Module):
    """Rows of items in, scores of all I items out."""

    def __init__(self, config: SASRecConfig, items: int) -> None:
        super().__init__()
        self.items, self.places = nn.Embedding(items, config.width), nn.Embedding(config.longest, config.width)
        for table in (self.items, self.places):
            nn.init.xavier_normal_(table.weight)
        self.dropout = nn.Dropout(config.dropout)
        self.blocks = nn.ModuleList(SASRecBlock(config.width, config.dropout) for _ in range(config.layers))
        self.norm = nn.LayerNorm(config.width)

    def states(self, rows: Rows) -> Tensor:
        """(B, T, d)."""
        seen = rows.mask()
        blank = torch.zeros(seen.shape).masked_fill_(~seen, -torch.inf)
        x = self.dropout(self.items(rows.items) * math.sqrt(self.items.embedding_dim) + self.places(rows.place))
        for block in self.blocks:
            x = block(x, blank)
        out: Tensor = self.norm(x)
        return out

    def scores(self, states: Tensor) -> Tensor:
        """(..., I) of states (..., d)."""
        return functional.linear(states, self.items.weight)

    def loss(self, states: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy of a softmax over all items, of states (N, d) that are followed by targets (N,)."""
        return full_softmax_loss(
            states, self.items.weight, self.items.weight.new_zeros(len(self.items.weight)), targets
        )


class SASRec(SequenceNetwork):
    """The network as the model contract has it."""

    name: ClassVar[str] = "sasrec"
    Config: ClassVar[type[Parameters]] = SASRecConfig
    config: SASRecConfig

    @property
    def length(self) -> int:  # type: ignore[override]
        """Most items of a history that are read."""
        return self.config.longest

    def build(self, sizes: SequenceSizes) -> nn.Module:
        """The network, untrained."""
        return SASRecNetwork(self.config, sizes.items)

    def loss(self, log: SequenceLog, ids: Tensor) -> Tensor:
        """Binary cross-entropy of the next item against one drawn at random; in validation against all items."""
        if not self.network.training:
            return super().loss(log, ids)
        rows = log.rows(ids)
        asked = rows.targets != NOTHING
        states, wanted = self.network.states(rows)[asked], rows.targets[asked]  # (N, d), (N,)
        other = torch.randint(self.network.items.num_embeddings, wanted.shape)
        yes = (states * self.network.items(wanted)).sum(dim=1)
        no = (states * self.network.items(other)).sum(dim=1)
        return functional.softplus(-yes).mean() + functional.softplus(no).mean()
