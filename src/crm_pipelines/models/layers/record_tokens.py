"""Records as tokens: columns scaled where they may be missing, one token for each column, one for each step.

Column tokens after Gorishniy et al. 2021, "Revisiting deep learning models for tabular data" (arXiv:2106.11959).
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from crm_pipelines.models.layers.record_log import RecordLog, RecordSizes
from crm_pipelines.models.layers.scaling import FeatureScaling

PARTS = 3
"""Numbers that stand for a raw one: standardised, normal score of its rank, whether it is missing."""


class MissingScaling(nn.Module):
    """(..., F) raw columns, nan where missing -> (..., F, 3): standardised, normal score, missing.

    A missing value is 0 in the first two, which is the mean and about the median. A column without a value in
    training says nothing later either: it counts as missing.
    """

    known: Tensor

    def __init__(self, columns: int) -> None:
        super().__init__()
        self.columns = columns
        self.scaling = FeatureScaling(columns)
        self.register_buffer("known", torch.zeros(columns, dtype=torch.bool))

    def fit(self, rows: Tensor) -> None:
        """Take the statistics of each column of ``rows`` (N, F) over the rows where it is present."""
        self.known.copy_(torch.isfinite(rows).any(dim=0))
        self.scaling.fit(rows)

    def forward(self, x: Tensor) -> Tensor:
        """Scale ``x`` (..., F)."""
        flat = x.reshape(x.shape[:-1].numel(), self.columns)
        missing = ~torch.isfinite(flat) | ~self.known  # (N, F)
        scaled = self.scaling(flat.masked_fill(missing, 0.0)).view(len(flat), 2, self.columns)  # (N, 2, F)
        scaled = scaled.masked_fill(missing.unsqueeze(1), 0.0)
        parts = torch.cat([scaled, missing.unsqueeze(1).to(scaled.dtype)], dim=1)  # (N, 3, F)
        return parts.transpose(1, 2).reshape(*x.shape, PARTS)


class ColumnTokens(nn.Module):
    """One token for each numeric column, linear in its scaled parts, and one for each category, from a table.

    Args:
        numeric: Fn. cardinalities: codes of each of the Fc categorical columns.
        width: of a token.
    """

    def __init__(self, numeric: int, cardinalities: Sequence[int], width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(numeric, PARTS, width).uniform_(-1, 1) * (PARTS * width) ** -0.5)
        self.bias = nn.Parameter(torch.empty(numeric, width).uniform_(-1, 1) * width**-0.5)
        self.categories = nn.ModuleList(nn.Embedding(size, width) for size in cardinalities)
        for weight in self.categories.parameters():
            nn.init.uniform_(weight, -(width**-0.5), width**-0.5)
        self.count = numeric + len(cardinalities)

    def forward(self, scaled: Tensor, codes: Tensor) -> Tensor:
        """Tokens (B, Fn + Fc, width) of scaled numbers (B, Fn, 3) and codes (B, Fc)."""
        numbers = torch.einsum("bfp,fpw->bfw", scaled, self.weight) + self.bias
        tables = [table(codes[:, column]) for column, table in enumerate(self.categories)]
        return torch.cat([numbers, *(table.unsqueeze(1) for table in tables)], dim=1)


class Tokens(NamedTuple):
    """A record as a network reads it.

    Attributes:
        static: (B, Q, width) one token for each column. steps: (B, T, channels) of the sequence. mask: (B, T).
    """

    static: Tensor
    steps: Tensor
    mask: Tensor


class RecordTokens(nn.Module):
    """Static tokens and a sequence of steps; without a sequence the columns' own tokens are the steps, in order.

    Static tokens and steps of such a source are two readings of the same columns, each with weights of its own.

    Args:
        sizes: of the records.
        width: of a static token, and of a step where steps are columns.
    """

    def __init__(self, sizes: RecordSizes, width: int) -> None:
        super().__init__()
        self.numeric = MissingScaling(sizes.numeric)
        self.static = ColumnTokens(sizes.numeric, sizes.cardinalities, width)
        self.channels = MissingScaling(sizes.channels) if sizes.channels else None
        self.columns = None if sizes.channels else ColumnTokens(sizes.numeric, sizes.cardinalities, width)
        self.count = self.static.count
        """Q"""
        self.width = PARTS * sizes.channels if sizes.channels else width
        """channels of a step"""

    def fit(self, log: RecordLog, rows: Tensor) -> None:
        """Take the statistics of numbers and channels over training rows (B,)."""
        self.numeric.fit(log.numeric[rows])
        if self.channels is not None:
            self.channels.fit(log.present_steps(rows))

    def forward(self, log: RecordLog, rows: Tensor) -> Tokens:
        """Tokens of records (B,)."""
        codes = log.codes[rows]
        scaled = self.numeric(log.numeric[rows])
        static = self.static(scaled, codes)
        if self.channels is None:
            assert self.columns is not None
            steps = self.columns(scaled, codes)
            return Tokens(static, steps, torch.ones(steps.shape[:2], dtype=torch.bool))
        mask = log.mask[rows]
        steps = self.channels(log.steps[rows]).flatten(2)  # (B, T, 3 C)
        return Tokens(static, steps.masked_fill(~mask.unsqueeze(-1), 0.0), mask)
