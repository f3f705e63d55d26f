"""A plain convolutional network over the record's sequence: a peer of the paper's own list.

Named by the paper (De Caigny et al. 2020). One layer of convolutions and the largest response of each feature map over
all steps, as in Kim 2014, "Convolutional neural networks for sentence classification", arXiv:1408.5882.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.qrcnn import MultiKernelConvolution
from crm_pipelines.models.layers.record_log import RecordLog, RecordSizes
from crm_pipelines.models.layers.record_tokens import RecordTokens
from crm_pipelines.models.layers.risk_head import RiskHead
from crm_pipelines.models.risk.neural import RiskConfig, RiskNetwork


class CNNConfig(RiskConfig):
    """Sizes.

    Attributes:
        maps, kernel: feature maps, and width in steps, of the convolution.
        token: width of a column's token.
        hidden: hidden layers of the classifier.
    """

    maps: int = Field(default=64, ge=1)
    kernel: int = Field(default=3, ge=1)
    token: int = Field(default=8, ge=1)
    hidden: tuple[int, ...] = Field(default=(64, 32), min_length=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)


class CNNNetwork(nn.Module):
    """The plain network: record rows in, logits out."""

    def __init__(self, config: CNNConfig, sizes: RecordSizes) -> None:
        super().__init__()
        c = config
        self.tokens = RecordTokens(sizes, c.token)
        self.local = MultiKernelConvolution(self.tokens.width, c.maps, (c.kernel,))
        self.head = RiskHead(c.maps, self.tokens.count, c.token, c.hidden, c.dropout, sizes.classes)

    def forward(self, log: RecordLog, rows: Tensor) -> Tensor:
        """Logits (B, C) of records (B,)."""
        static, steps, mask = self.tokens(log, rows)
        maps = self.local(steps, mask).masked_fill(~mask.unsqueeze(-1), 0.0)  # (B, T, maps), none below zero
        logits: Tensor = self.head(torch.amax(maps, dim=1), static)
        return logits


class CNN(RiskNetwork):
    """The network as the model contract has it."""

    name: ClassVar[str] = "cnn"
    Config: ClassVar[type[Parameters]] = CNNConfig
    config: CNNConfig

    def build(self, sizes: RecordSizes) -> nn.Module:
        """The network, untrained."""
        return CNNNetwork(self.config, sizes)
