"""Numbers as piecewise-linear codes of the quantile they lie in.

Gorishniy, Rubachev and Babenko 2022, "On embeddings for numerical features in tabular deep learning"
(arXiv:2203.05556): of B bins between quantiles of the training rows those below a value are 1, those above 0, and the
one that it lies in says how far. A network so sees at once where in the distribution a value lies.
"""

import torch
from torch import Tensor, nn


class PiecewiseLinear(nn.Module):
    """(N, F) raw columns, nan where missing -> (N, F, bins + 1): the codes, and whether the value is missing.

    The codes of a missing value are 0. A column without a value in training counts as missing throughout.

    Args:
        columns: F. bins: B.
    """

    low: Tensor
    width: Tensor
    known: Tensor

    def __init__(self, columns: int, bins: int) -> None:
        super().__init__()
        self.bins = bins
        self.register_buffer("low", torch.zeros(columns, bins))
        self.register_buffer("width", torch.ones(columns, bins))
        self.register_buffer("known", torch.zeros(columns, dtype=torch.bool))

    def fit(self, rows: Tensor) -> None:
        """Take the quantiles of each column of ``rows`` (N, F) over its finite values."""
        present = torch.isfinite(rows)
        n = present.sum(dim=0)  # (F,)
        self.known.copy_(n > 0)
        ordered = torch.where(present, rows, torch.inf).sort(dim=0).values  # missing ones last
        share = torch.linspace(0, 1, self.bins + 1).unsqueeze(1)
        at = (share * (n - 1).clamp(min=0)).round().long()
        edges = torch.where(n > 0, ordered.gather(0, at), 0.0).T  # (F, bins + 1)
        self.low.copy_(edges[:, :-1])
        # A bin without width, of a number that fills several quantiles, is a step just above that number.
        least = 1e-6 * (1 + edges[:, :-1].abs())
        self.width.copy_(torch.maximum(edges[:, 1:] - edges[:, :-1], least))

    def forward(self, x: Tensor) -> Tensor:
        """Codes of ``x`` (N, F)."""
        missing = ~torch.isfinite(x) | ~self.known
        filled = x.masked_fill(missing, 0.0).unsqueeze(2)
        codes = ((filled - self.low) / self.width).clamp(0.0, 1.0).masked_fill(missing.unsqueeze(2), 0.0)
        return torch.cat([codes, missing.unsqueeze(2).to(codes.dtype)], dim=2)
