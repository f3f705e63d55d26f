"""Paper B's Churn Transformer: a small bidirectional transformer over history and profile.

Amirthavalli, Brijet, Murugeswari and Gunasundari 2025, "Transformer networks for context-aware customer relationship
management: generating personalized engagement sequences". Width 16, attention, a feed-forward part of 16 units, layer
normalisation, a sigmoid; binary cross-entropy (equation 2) and an L2 penalty (equation 9). Bidirectional as BERT
(Devlin et al. 2019, arXiv:1810.04805), whose token for the whole is read out.

Idea: every step of the history and every attribute of the customer is a token, and each may look at all others.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.record_log import RecordLog, RecordSizes
from crm_pipelines.models.layers.record_tokens import RecordTokens
from crm_pipelines.models.risk.neural import RiskConfig, RiskNetwork


class ChurnTransformerConfig(RiskConfig):
    """Sizes.

    Attributes:
        width: of a token. inner: of the feed-forward part. heads, layers: of attention; the paper names no number.
        profile: the readout also sees every profile token by itself, linearly, as the head of our other networks.
    """

    width: int = Field(default=16, ge=2)
    inner: int = Field(default=16, ge=1)
    heads: int = Field(default=2, ge=1)
    layers: int = Field(default=1, ge=1)
    profile: bool = True
    dropout: float = Field(default=0.1, ge=0, lt=1)


class ChurnTransformerNetwork(nn.Module):
    """The plain network: record rows in, logits out."""

    def __init__(self, config: ChurnTransformerConfig, sizes: RecordSizes) -> None:
        super().__init__()
        c = config
        self.tokens = RecordTokens(sizes, c.width)
        self.reads_steps = sizes.channels > 0  # without a sequence its steps would be the profile once more
        self.step = nn.Linear(self.tokens.width, c.width) if self.reads_steps else None
        self.whole = nn.Parameter(torch.randn(c.width) * c.width**-0.5)
        self.attend = nn.ModuleList(
            nn.MultiheadAttention(c.width, c.heads, dropout=c.dropout, batch_first=True) for _ in range(c.layers)
        )
        self.feed = nn.ModuleList(
            nn.Sequential(nn.Linear(c.width, c.inner), nn.ReLU(), nn.Dropout(c.dropout), nn.Linear(c.inner, c.width))
            for _ in range(c.layers)
        )
        self.norms = nn.ModuleList(nn.LayerNorm(c.width) for _ in range(2 * c.layers))
        self.readout = nn.Linear(c.width, sizes.classes)
        self.profile = nn.Linear(self.tokens.count * c.width, sizes.classes) if c.profile else None

    def _together(self, log: RecordLog, rows: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Profile tokens (B, Q, d), all tokens (B, 1 + Q + T, d), the whole's first, and which of them are none."""
        static, steps, mask = self.tokens(log, rows)
        x = torch.cat([self.whole.expand(len(rows), 1, -1), static], dim=1)
        blank = torch.zeros(x.shape[:2], dtype=torch.bool)
        if self.step is not None:
            x = torch.cat([x, self.step(steps) + recency(mask, x.shape[-1])], dim=1)
            blank = torch.cat([blank, ~mask], dim=1)
        return static, x, blank

    def forward(self, log: RecordLog, rows: Tensor) -> Tensor:
        """Logits (B, C) of records (B,)."""
        static, x, blank = self._together(log, rows)
        for layer, (attend, feed) in enumerate(zip(self.attend, self.feed, strict=True)):
            read = attend(x, x, x, key_padding_mask=blank, need_weights=False)[0]
            x = self.norms[2 * layer](x + read)
            x = self.norms[2 * layer + 1](x + feed(x))
        out: Tensor = self.readout(x[:, 0])
        return out if self.profile is None else out + self.profile(static.flatten(1))

    def attention(self, log: RecordLog, rows: Tensor) -> tuple[Tensor, Tensor]:
        """What each token weighs of each other in the first layer (B, L, L), mean of the heads; which are none."""
        _, x, blank = self._together(log, rows)
        attend = self.attend[0]
        assert isinstance(attend, nn.MultiheadAttention)
        return attend(x, x, x, key_padding_mask=blank)[1], blank


def recency(mask: Tensor, width: int) -> Tensor:
    """(T, width) sines and cosines of how many steps ago each is, as in Vaswani et al. 2017."""
    ago = torch.arange(mask.shape[1] - 1, -1, -1, dtype=torch.float32).unsqueeze(1)
    rate = torch.exp(torch.arange(0, width, 2) * (-9.21034 / width))  # down to 1 / 10,000
    waves = torch.cat([torch.sin(ago * rate), torch.cos(ago * rate)], dim=1)
    return waves[:, :width]


class ChurnTransformer(RiskNetwork):
    """The network as the model contract has it."""

    name: ClassVar[str] = "churn_transformer"
    Config: ClassVar[type[Parameters]] = ChurnTransformerConfig
    config: ChurnTransformerConfig

    def build(self, sizes: RecordSizes) -> nn.Module:
        """The network, untrained."""
        return ChurnTransformerNetwork(self.config, sizes)
