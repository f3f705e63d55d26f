"""Prototypical classification with several prototypes a class and per-entity shrinkage.

Snell et al. 2017, "Prototypical networks for few-shot learning", arXiv:1703.05175: a class is the mean of its
embedded members, a query belongs to the nearest. Here each class holds one prototype per customer segment
(behaviour-centric prototype seeding, TFP-Net), and an entity's own few events pull them:
p' = (n0 p + sum of support) / (n0 + n), an empirical-Bayes mean with prior weight n0.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn
from torch.nn import functional


class Prototypes(nn.Module):
    """Class prototypes (C, S, d) and the softmax over negative squared distances.

    Args:
        classes: C.
        segments: S, prototypes per class.
        width: d.
        prior: initial n0, the number of events a prototype counts for against an entity's own.
    """

    def __init__(self, classes: int, segments: int, width: int, prior: float) -> None:
        super().__init__()
        self.centres = nn.Parameter(torch.randn(classes, segments, width) * 0.1)
        self.bias = nn.Parameter(torch.zeros(classes))
        self.log_prior = nn.Parameter(torch.tensor(float(prior)).log())
        self.log_scale = nn.Parameter(torch.zeros(()))

    @torch.no_grad()
    def seed(self, parts: Iterable[tuple[Tensor, Tensor, Tensor]]) -> None:
        """Put each prototype at the mean of its class and segment; a pair without members takes its class's mean.

        Args:
            parts: of the training events, some at a time: refined vectors (N, d), classes (N,), and segment of the
                customers (N,), -1 where unknown.
        """
        classes, segments, width = self.centres.shape
        # The last column is of those whose segment is unknown: they count for their class only.
        total = self.centres.new_zeros(classes * (segments + 1), width, dtype=torch.float64)
        count = total.new_zeros(classes * (segments + 1), 1)
        for embedded, labels, segment in parts:
            place = labels * (segments + 1) + torch.where(segment < 0, segments, segment)
            total.index_add_(0, place, embedded.double())
            count.index_add_(0, place, count.new_ones(len(place), 1))
        total, count = total.view(classes, segments + 1, width), count.view(classes, segments + 1, 1)
        overall = total.sum(dim=1, keepdim=True) / count.sum(dim=1, keepdim=True)
        mean = torch.where(count > 0, total / count, overall)[:, :segments]
        self.centres.copy_(torch.where(count.sum(dim=1, keepdim=True) > 0, mean, self.centres))

    def forward(self, query: Tensor, support_sum: Tensor | None = None, support_count: Tensor | None = None) -> Tensor:
        """Logits (B, C) of queries (B, d) given the entities' support.

        Args:
            query: refined vectors (B, d).
            support_sum: per class, sum of the support's refined vectors (B, C, d).
            support_count: per class, number of support events (B, C).
        """
        if support_sum is None or support_count is None:
            distance = ((query[:, None, None] - self.centres) ** 2).mean(dim=-1)  # (B, C, S)
        else:
            prior = self.log_prior.exp()
            total = prior + support_count  # (B, C)
            # p' = w p + m with w = n0 / (n0 + n) and m = sum / (n0 + n): |q - m - w p|^2 without forming (B, C, S, d)
            rest = query[:, None] - support_sum / total.unsqueeze(-1)  # (B, C, d)
            weight = prior / total  # (B, C)
            cross = torch.einsum("bcd,csd->bcs", rest, self.centres)
            norms = (self.centres**2).sum(dim=-1)  # (C, S)
            distance = (rest**2).sum(dim=-1, keepdim=True) - 2 * weight.unsqueeze(-1) * cross
            distance = (distance + (weight**2).unsqueeze(-1) * norms) / query.shape[1]
        return torch.logsumexp(-distance * functional.softplus(self.log_scale) * 8.0, dim=-1) + self.bias
