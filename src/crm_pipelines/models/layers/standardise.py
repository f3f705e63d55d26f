"""Standardisation as the first layer of a network, so that its statistics travel with the weights."""

import torch
from torch import Tensor, nn


class Standardise(nn.Module):
    """Subtract the training mean and divide by the training deviation; outliers are cut at ``limit`` deviations.

    Counts of a growing log leave their training range; the cut keeps such inputs where the network has learned.
    """

    mean: Tensor
    scale: Tensor

    def __init__(self, width: int, limit: float = 5.0) -> None:
        super().__init__()
        self.limit = limit
        self.register_buffer("mean", torch.zeros(width))
        self.register_buffer("scale", torch.ones(width))

    def fit(self, rows: Tensor) -> None:
        """Take mean and deviation of ``rows`` (N, width); a constant column keeps scale 1."""
        self.mean.copy_(rows.mean(dim=0))
        deviation = rows.std(dim=0, unbiased=False)
        self.scale.copy_(torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation)))

    def forward(self, x: Tensor) -> Tensor:
        """Standardise ``x`` (B, width)."""
        return ((x - self.mean) / self.scale).clamp(-self.limit, self.limit)
