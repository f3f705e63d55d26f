"""Scaling of the shared event features as the first layer of a network, so that its statistics travel with the weights.

Each feature enters twice: standardised, and as the normal score of its rank among training events. Counts and ages
spread over orders of magnitude; standardised alone, most of their range falls into a narrow band near zero
(Gorishniy et al. 2021, "Revisiting deep learning models for tabular data", arXiv:2106.11959, use the same transform).
"""

import torch
from torch import Tensor, nn

QUANTILES = 256
"""Ranks told apart."""
LIMIT = 5.0
"""Deviations at which standardised values are cut. Counts of a growing log leave their training range; the cut keeps
such inputs where the network has learned."""


class FeatureScaling(nn.Module):
    """(B, F) raw features -> (B, 2 F): [standardised | normal scores].

    Attributes:
        width: 2 F, columns of the result.
    """

    mean: Tensor
    scale: Tensor
    knots: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.width = 2 * features
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.register_buffer("knots", torch.zeros(features, QUANTILES))

    def fit(self, rows: Tensor) -> None:
        """Take mean, deviation and quantiles of ``rows`` (N, F), N at least 1; a constant column keeps scale 1."""
        self.mean.copy_(rows.mean(dim=0))
        deviation = rows.std(dim=0, unbiased=False)
        self.scale.copy_(torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation)))
        at = (torch.linspace(0, 1, QUANTILES) * (len(rows) - 1)).round().long()
        self.knots.copy_(torch.sort(rows, dim=0).values[at].T)

    def forward(self, x: Tensor) -> Tensor:
        """Scale ``x`` (B, F)."""
        columns = x.T.contiguous()  # (F, B)
        below = torch.searchsorted(self.knots, columns)
        up_to = torch.searchsorted(self.knots, columns, right=True)
        rank = ((below + up_to).T / (2 * QUANTILES)).clamp(0.5 / QUANTILES, 1 - 0.5 / QUANTILES)  # ties: their middle
        score = torch.erfinv(2 * rank - 1) * 2**0.5
        return torch.cat([((x - self.mean) / self.scale).clamp(-LIMIT, LIMIT), score], dim=1)
