"""The classifier that every risk network here ends in."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crm_pipelines.models.layers.mlp import mlp


class RiskHead(nn.Module):
    """Hidden layers over the sequence's summary and the static tokens, beside a linear reading of the tokens.

    Args:
        sequence: numbers that the sequence gave.
        tokens: Q, static tokens. token: their width.
        hidden: hidden layers. dropout: after each.
        classes: C.
    """

    def __init__(
        self, sequence: int, tokens: int, token: int, hidden: Sequence[int], dropout: float, classes: int
    ) -> None:
        super().__init__()
        static = tokens * token
        self.hidden = mlp(sequence + static, hidden, dropout)
        self.readout = nn.Linear(hidden[-1], classes)
        self.linear = nn.Linear(static, classes)

    def forward(self, sequence: Tensor, static: Tensor) -> Tensor:
        """Logits (B, C) of summaries (B, ``sequence``) and tokens (B, Q, ``token``)."""
        flat = static.flatten(1)
        out: Tensor = self.readout(self.hidden(torch.cat([sequence, flat], dim=1))) + self.linear(flat)
        return out
