"""Functional time encoding.

Xu et al. 2020, "Inductive representation learning on temporal graphs" (TGAT), arXiv:2002.07962, eq. 5: a time
span becomes a vector of cosines whose frequencies and phases are learned.
"""

import torch
from torch import Tensor, nn


class TimeEncoding(nn.Module):
    """Phi(delta) = cos(omega * delta + phi), with delta in the source's unit of time.

    Frequencies start log-spaced between one turn in ``10**slowest`` units and one in ``10**-fastest`` units.
    """

    def __init__(self, width: int, slowest: float = 2.0, fastest: float = 3.0) -> None:
        super().__init__()
        self.omega = nn.Parameter(torch.logspace(-slowest, fastest, width))
        self.phi = nn.Parameter(torch.zeros(width))

    def forward(self, delta: Tensor) -> Tensor:
        """Encode spans of any shape (...) as (..., width)."""
        return torch.cos(delta.unsqueeze(-1) * self.omega + self.phi)
