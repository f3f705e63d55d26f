"""Scaling of the shared event features as the first layer of a network, so that its statistics travel with the weights.

Each feature enters twice: standardised, and as the normal score of its rank among training events. Counts and ages
spread over orders of magnitude; standardised alone, most of their range falls into a narrow band near zero
(Gorishniy et al. 2021, "Revisiting deep learning models for tabular data", arXiv:2106.11959, use the same transform).

Ranks are looked up, not searched: the leading bits of a float name the bucket it falls into, buckets ascend with the
value and are 3 % wide, and each holds the straight line of scores between its edges. A binary search among the
quantiles takes fifteen times as long and used to be a third of a training step.
"""

from typing import Any

import torch
from torch import Tensor, nn

QUANTILES = 256
"""Ranks told apart."""
LIMIT = 5.0
"""Deviations at which standardised values are cut. Counts of a growing log leave their training range; the cut keeps
such inputs where the network has learned."""
_BITS = 14
"""Leading bits of a float32: its sign, its exponent and five of its mantissa."""
_BUCKETS = 1 << _BITS
_DENORMAL = slice(_BUCKETS // 2 - (1 << (_BITS - 9)), _BUCKETS // 2 + (1 << (_BITS - 9)))
"""Buckets of numbers below 1e-38: they share the score of 0, since a processor may be told to take them for it."""
_THINNEST = 1e-30
"""Buckets below this width, all of them around zero, hold one score."""


class FeatureScaling(nn.Module):
    """(B, F) raw features -> (B, 2 F): [standardised | normal scores].

    Attributes:
        width: 2 F, columns of the result.
    """

    mean: Tensor
    scale: Tensor
    knots: Tensor
    level: Tensor
    slope: Tensor
    first: Tensor

    def __init__(self, features: int) -> None:
        super().__init__()
        self.width = 2 * features
        self.register_buffer("mean", torch.zeros(features))
        self.register_buffer("scale", torch.ones(features))
        self.register_buffer("knots", torch.zeros(features, QUANTILES))
        # The lines of scores follow from the knots, so they are not stored with the weights.
        self.register_buffer("level", torch.zeros(0), persistent=False)
        self.register_buffer("slope", torch.zeros(0), persistent=False)
        self.register_buffer("first", torch.arange(features, dtype=torch.int32) * _BUCKETS, persistent=False)
        self.register_load_state_dict_post_hook(_draw_lines)  # type: ignore[no-untyped-call]

    def fit(self, rows: Tensor) -> None:
        """Take mean, deviation and quantiles of each column of ``rows`` (N, F) over its finite values.

        A constant column keeps scale 1, and one without any value is taken for constant 0.
        """
        present = torch.isfinite(rows)
        n = present.sum(dim=0)  # (F,)
        self.mean.copy_(torch.where(present, rows, 0.0).sum(dim=0) / n.clamp(min=1))
        squares = torch.where(present, rows - self.mean, 0.0) ** 2
        deviation = (squares.sum(dim=0) / n.clamp(min=1)).sqrt()
        self.scale.copy_(torch.where(deviation > 1e-6, deviation, torch.ones_like(deviation)))
        ordered = torch.where(present, rows, torch.inf).sort(dim=0).values  # missing ones last
        share = torch.linspace(0, 1, QUANTILES, device=rows.device).unsqueeze(1)
        at = (share * (n - 1).clamp(min=0)).round().long()  # (Q, F)
        self.knots.copy_(torch.where(n > 0, ordered.gather(0, at), 0.0).T)
        self._draw()

    def _draw(self) -> None:
        """The line of scores of every bucket: level + slope * x.

        A bucket whose knots are all alike, a count or a flag, has the score of their middle rank throughout.
        """
        features = len(self.knots)
        knots = torch.where(self.knots.abs() < torch.finfo(torch.float32).tiny, 0.0, self.knots)
        bucket = _bucket(knots)  # (F, Q)
        inside = torch.zeros(features, _BUCKETS, device=bucket.device)
        inside.scatter_add_(1, bucket, torch.ones_like(knots))
        up_to = inside.cumsum(dim=1)
        below = up_to - inside
        differs = torch.zeros(features, _BUCKETS, dtype=torch.bool, device=bucket.device)
        unlike = (bucket[:, 1:] == bucket[:, :-1]) & (knots[:, 1:] != knots[:, :-1])
        row, column = torch.nonzero(unlike, as_tuple=True)
        differs[row, bucket[row, column]] = True
        low, high = _edges(bucket.device)  # (buckets,)
        width = high - low
        start, end, middle = _score(below), _score(up_to), _score((below + up_to) / 2)
        line = differs & (width > _THINNEST)
        slope = torch.where(line, (end - start) / width.clamp(min=_THINNEST), torch.zeros_like(start))
        level = torch.where(line, start - slope * low, middle)
        level[:, _DENORMAL] = level[:, _BUCKETS // 2].unsqueeze(1)
        self.level, self.slope = level.flatten(), slope.flatten()

    def forward(self, x: Tensor) -> Tensor:
        """Scale ``x`` (B, F), which must be finite."""
        if not len(self.level):
            self._draw()
        place = (_bucket(x).int() + self.first).flatten()
        score = torch.addcmul(self.level.index_select(0, place), self.slope.index_select(0, place), x.flatten())
        return torch.cat([((x - self.mean) / self.scale).clamp(-LIMIT, LIMIT), score.view(x.shape)], dim=1)


def _draw_lines(layer: nn.Module, _: Any) -> None:
    """After weights are loaded."""
    assert isinstance(layer, FeatureScaling)
    layer._draw()


def _bucket(x: Tensor) -> Tensor:
    """Buckets of finite float32 values, in their order: int64, of the shape of ``x``."""
    bits = (x + 0.0).view(torch.int32)  # -0.0 becomes 0.0
    ordered = bits ^ ((bits >> 31) & 0x7FFFFFFF)  # integers that ascend with the floats
    return ((ordered >> (32 - _BITS)) + _BUCKETS // 2).long()


def _edges(device: torch.device) -> tuple[Tensor, Tensor]:
    """Smallest and largest float of every bucket."""
    step = 1 << (32 - _BITS)
    first = (torch.arange(_BUCKETS, dtype=torch.int64, device=device) - _BUCKETS // 2) * step
    edges = []
    for ordered in (first, first + step - 1):
        whole = ordered.int()
        bits = whole ^ ((whole >> 31) & 0x7FFFFFFF)
        limit = torch.finfo(torch.float32).max / 4  # so that differences stay finite
        edges.append(torch.nan_to_num(bits.view(torch.float32), nan=0.0).clamp(-limit, limit))
    return edges[0], edges[1]


def _score(rank: Tensor) -> Tensor:
    """Normal score of a rank among the knots, the outermost half a rank from the end."""
    share = (rank / QUANTILES).clamp(0.5 / QUANTILES, 1 - 0.5 / QUANTILES)
    return torch.erfinv(2 * share - 1) * 2**0.5
