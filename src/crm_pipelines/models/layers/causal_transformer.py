"""A causal transformer over rows of items: each token sees its own sequence up to itself.

Vaswani et al. 2017, "Attention is all you need" (arXiv:1706.03762); causal as in Radford et al. 2018 (GPT). The learned
weight of a lag follows Raffel et al. 2020 (T5, arXiv:1910.10683), here one for every lag up to the width of a row.
"""

import math
from typing import Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.full_softmax import full_softmax_loss
from crm_pipelines.models.layers.sequence_log import Rows
from crm_pipelines.models.layers.small_softmax import softmax


class TransformerSizes(Parameters):
    """Sizes of the network.

    Attributes:
        length: most tokens it reads at once.
        width: of a token. heads, layers: of attention. inner: width of the feed-forward part.
        positions: ``absolute``, a learned vector for each place, or ``relative``, a learned weight for each lag.
        norm: ``after`` each part, as in the original and in paper B, or ``before``.
        tied: scores are inner products with the items' own vectors instead of a layer of their own.
        dropout: of each part's output. embedding_dropout: of the tokens.
    """

    length: int = Field(default=50, ge=1)
    width: int = Field(default=64, ge=1)
    heads: int = Field(default=2, ge=1)
    layers: int = Field(default=2, ge=1)
    inner: int = Field(default=128, ge=1)
    positions: Literal["absolute", "relative"] = "relative"
    norm: Literal["after", "before"] = "before"
    tied: bool = True
    dropout: float = Field(default=0.3, ge=0, lt=1)
    embedding_dropout: float = Field(default=0.3, ge=0, lt=1)


class Block(nn.Module):
    """Attention and a feed-forward part, each with a residual connection."""

    def __init__(self, sizes: TransformerSizes) -> None:
        super().__init__()
        d = sizes.width
        self.heads, self.before = sizes.heads, sizes.norm == "before"
        self.attend_norm, self.feed_norm = nn.LayerNorm(d), nn.LayerNorm(d)
        self.project, self.out = nn.Linear(d, 3 * d), nn.Linear(d, d)
        self.feed = nn.Sequential(nn.Linear(d, sizes.inner), nn.GELU(), nn.Linear(sizes.inner, d))
        self.dropout = nn.Dropout(sizes.dropout)

    def weights(self, x: Tensor, bias: Tensor) -> tuple[Tensor, Tensor]:
        """Attention (B, H, T, T) and values (B, H, T, d / H) of tokens (B, T, d)."""
        b, t, d = x.shape
        q, k, v = self.project(x).view(b, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        scores = torch.matmul(q * (d // self.heads) ** -0.5, k.transpose(-1, -2)) + bias  # (B, H, T, T)
        return softmax(scores), v

    def forward(self, x: Tensor, bias: Tensor) -> Tensor:
        """Tokens (B, T, d) -> (B, T, d); ``bias`` (B or 1, H or 1, T, T) is -inf where a token may not look."""
        weights, values = self.weights(self.attend_norm(x) if self.before else x, bias)
        read = self.out(torch.matmul(weights, values).transpose(1, 2).reshape(x.shape))
        x = x + self.dropout(read)
        if not self.before:
            x = self.attend_norm(x)
            return self.feed_norm(x + self.dropout(self.feed(x)))  # type: ignore[no-any-return]
        return x + self.dropout(self.feed(self.feed_norm(x)))  # type: ignore[no-any-return]


class CausalTransformer(nn.Module):
    """Rows of items in, scores of all I items out."""

    def __init__(self, sizes: TransformerSizes, items: int) -> None:
        super().__init__()
        if sizes.width % sizes.heads:
            raise ValueError(f"width {sizes.width} cannot be shared by {sizes.heads} heads")
        self.sizes = sizes
        self.items = nn.Embedding(items, sizes.width)
        nn.init.normal_(self.items.weight, std=sizes.width**-0.5 if sizes.tied else 1.0)
        relative = sizes.positions == "relative"
        self.lags = nn.Parameter(torch.zeros(sizes.heads, sizes.length)) if relative else None
        self.places = None if relative else nn.Embedding(sizes.length, sizes.width)
        self.blocks = nn.ModuleList(Block(sizes) for _ in range(sizes.layers))
        self.norm = nn.LayerNorm(sizes.width) if sizes.norm == "before" else nn.Identity()
        self.dropout = nn.Dropout(sizes.embedding_dropout)
        self.readout = None if sizes.tied else nn.Linear(sizes.width, items)
        self.offset = nn.Parameter(torch.zeros(items)) if sizes.tied else None

    def tokens(self, rows: Rows) -> Tensor:
        """(B, T, d)."""
        x = self.items(rows.items)
        if self.sizes.tied:
            x = x * math.sqrt(self.sizes.width)
        if self.places is not None:
            x = x + self.places(rows.place)
        dropped: Tensor = self.dropout(x)
        return dropped

    def bias(self, rows: Rows) -> Tensor:
        """What is added to the scores of attention: (B, H or 1, T, T)."""
        seen = rows.mask().unsqueeze(1)
        blank = torch.zeros(seen.shape, dtype=torch.float32).masked_fill_(~seen, -torch.inf)
        if self.lags is None:
            return blank
        place = torch.arange(seen.shape[-1])
        lag = (place.unsqueeze(1) - place).clamp(0, self.sizes.length - 1)  # (T, T)
        return blank + self.lags[:, lag]

    def states(self, rows: Rows) -> Tensor:
        """(B, T, d) what is known of each token's successor."""
        x, bias = self.tokens(rows), self.bias(rows)
        for block in self.blocks:
            x = block(x, bias)
        out: Tensor = self.norm(x)
        return out

    def scores(self, states: Tensor) -> Tensor:
        """(..., I) of states (..., d)."""
        if self.readout is not None:
            out: Tensor = self.readout(states)
            return out
        return nn.functional.linear(states, self.items.weight, self.offset)

    def loss(self, states: Tensor, targets: Tensor) -> Tensor:
        """Mean cross-entropy of a softmax over all items, of states (N, d) that are followed by targets (N,)."""
        if self.readout is not None:
            return full_softmax_loss(states, self.readout.weight, self.readout.bias, targets)
        assert self.offset is not None
        return full_softmax_loss(states, self.items.weight, self.offset, targets)

    def attention(self, rows: Rows) -> list[Tensor]:
        """Attention (B, H, T, T) of each block."""
        x, bias = self.tokens(rows), self.bias(rows)
        found = []
        for block in self.blocks:
            assert isinstance(block, Block)
            found.append(block.weights(block.attend_norm(x) if block.before else x, bias)[0])
            x = block(x, bias)
        return found
