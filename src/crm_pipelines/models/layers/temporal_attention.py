"""Graph attention over an entity's latest events with a CRM decay.

Source: Li, Dong and Wang 2026 (TFP-Net), section "TGAT module", after Velickovic et al. 2018 (GAT,
arXiv:1710.10903) and Xu et al. 2020 (TGAT, arXiv:2002.07962). Scores and values are linear in the tokens, so both
projections are folded behind the pooling: no neighbour is multiplied by a weight matrix of its own.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional


class Attended(NamedTuple):
    """Result of one attention: the embedding (B, width) and the weights a_j * w_j of the query step (B, K)."""

    embedding: Tensor
    weights: Tensor


class TemporalAttention(nn.Module):
    """Attend from a query to the K latest events of one entity, at the last T time steps, and mean-pool them.

    a_j = softmax_j LeakyReLU(a . [W q || W z_j]),  w_j = exp(-(t - t_j) / (lambda * tau * s(f))),
    h = ReLU(W_out [sum_j a_j w_j z_j || self] + b), averaged over the steps.

    The last step is the query itself; the T - 1 steps before it stand at the entity's latest events and see only
    what precedes them.

    Args:
        token: width of a token z_j.
        query: width of the query vector q.
        width: width of the embedding.
        heads: attention heads.
        steps: T, time steps averaged.
        decay: whether the CRM decay w_j is applied.
    """

    def __init__(self, token: int, query: int, width: int, heads: int, steps: int, decay: bool) -> None:
        super().__init__()
        self.heads, self.steps, self.decay = heads, steps, decay
        self.score_key = nn.Linear(token, heads, bias=False)
        self.score_query = nn.Linear(query, heads)
        self.score_step = nn.Linear(token, heads)
        self.out_events = nn.Linear(heads * token, width)
        self.out_query = nn.Linear(query, width, bias=False)
        self.out_step = nn.Linear(token, width, bias=False)

    def alone(self, q: Tensor) -> Tensor:
        """The embedding (B, width) of queries (B, query) without any history."""
        return functional.relu(self.out_query(q) + self.out_events.bias)

    def forward(self, z: Tensor, q: Tensor, age: Tensor, mask: Tensor, scale: Tensor) -> Attended:
        """Attend.

        Args:
            z: tokens (B, K, token), the most recent last.
            q: query (B, query).
            age: t - t_j >= 0 in units of lambda * tau, (B, K).
            mask: True where a token exists, (B, K); right-aligned.
            scale: s(f) > 0, (B,).
        """
        batch, k, _ = z.shape
        steps = min(self.steps, k + 1)
        recent = z[:, k - (steps - 1) :]  # (B, T-1, token): the steps before the query
        step_mask = functional.pad(mask[:, k - (steps - 1) :], (0, 1), value=True)  # (B, T)
        position = torch.arange(k, device=z.device)
        limit = torch.arange(k - (steps - 1), k + 1, device=z.device)  # step s sees positions < limit[s]
        visible = (mask.unsqueeze(1) & (position < limit.unsqueeze(1))).unsqueeze(1)  # (B, 1, T, K)

        keys = self.score_key(z).transpose(1, 2).unsqueeze(2)  # (B, H, 1, K)
        queries = torch.cat([self.score_step(recent), self.score_query(q).unsqueeze(1)], dim=1)  # (B, T, H)
        scores = functional.leaky_relu(queries.transpose(1, 2).unsqueeze(3) + keys, 0.2)  # (B, H, T, K)
        factor = visible.to(z.dtype)
        if self.decay:
            step_age = functional.pad(age[:, k - (steps - 1) :], (0, 1))  # (B, T): the query's own age is 0
            span = (age.unsqueeze(1) - step_age.unsqueeze(2)).clamp(min=0.0)  # (B, T, K)
            factor = factor * torch.exp(-span / scale.view(-1, 1, 1)).unsqueeze(1)
        hidden_scores = torch.where(visible, 0.0, -1e9)  # added rather than filled in: no gradient passes through it
        weights = torch.softmax(scores + hidden_scores, dim=3) * factor  # (B, H, T, K)

        pooled = torch.bmm(weights.reshape(batch, self.heads * steps, k), z)
        pooled = pooled.view(batch, self.heads, steps, -1).transpose(1, 2).reshape(batch, steps, -1)  # (B, T, H*token)
        own = torch.cat([self.out_step(recent), self.out_query(q).unsqueeze(1)], dim=1)  # (B, T, width)
        hidden = functional.relu(self.out_events(pooled) + own) * step_mask.unsqueeze(-1)
        embedding = hidden.sum(dim=1) / step_mask.sum(dim=1, keepdim=True)
        return Attended(embedding, weights[:, :, -1].mean(dim=1))
