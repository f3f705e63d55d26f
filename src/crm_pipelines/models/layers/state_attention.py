"""Ways to weigh the states of a sequence: paper C's cross-attention and the variants of its second ablation.

The paper names the variants ("dynamic-AM, self-AM, multihead-AM, cross-AM") without formulas. Here: *self* is one-head
attention of the states onto one another, *multi_head* the same with several heads, *dynamic* the additive attention
of the last state onto all (Bahdanau, Cho and Bengio 2015, arXiv:1409.0473), *cross* the static tokens onto the states.
"""

from typing import Literal

import torch
from torch import Tensor, nn

from crm_pipelines.models.layers.qrcnn import CrossAttended, CrossAttention

Attention = Literal["none", "self", "multi_head", "dynamic", "cross"]
HEADS = 4
"""Of `multi_head`."""


def last_state(states: Tensor, mask: Tensor) -> Tensor:
    """State (B, width) at the last step of ``states`` (B, R, width) that exists; zero where none does."""
    if not states.shape[1]:
        return states.new_zeros(len(states), states.shape[2])
    last = (mask.sum(dim=1) - 1).clamp(min=0).view(-1, 1, 1).expand(-1, 1, states.shape[2])
    return states.gather(1, last).squeeze(1)


class StateAttention(nn.Module):
    """What a record takes from the states of its sequence.

    Args:
        kind: of attention.
        tokens: Q, static tokens. token: their width.
        width: of a state.
        heads: of `cross`; one as in the paper's formulas.
    """

    def __init__(self, kind: Attention, tokens: int, token: int, width: int, heads: int = 1) -> None:
        super().__init__()
        self.kind = kind
        if kind == "cross":
            self.attend = CrossAttention(token, width, width, heads)
        elif kind in ("self", "multi_head"):
            self.attend = CrossAttention(width, width, width, HEADS if kind == "multi_head" else 1)
        elif kind == "dynamic":
            self.query, self.key = nn.Linear(width, width), nn.Linear(width, width, bias=False)
            self.score = nn.Linear(width, 1, bias=False)
        self.width = {"cross": tokens * width, "none": 0}.get(kind, width)
        """numbers that come out"""

    def forward(self, static: Tensor, states: Tensor, mask: Tensor) -> CrossAttended:
        """Attend onto states (B, R, width) that exist where ``mask`` (B, R) is True.

        Returns:
            What was taken (B, ``self.width``), and the weights (B, Q, R) of each query, heads averaged.
        """
        if self.kind == "none":
            return CrossAttended(states.new_zeros(len(states), 0), states.new_zeros(len(states), 0, states.shape[1]))
        if self.kind == "dynamic":
            return self._dynamic(states, mask)
        queries = static if self.kind == "cross" else states
        taken = self.attend(queries, states, mask)
        weights = taken.weights.mean(dim=1)
        if self.kind == "cross":
            return CrossAttended(taken.values.flatten(1), weights)
        present = mask.unsqueeze(-1).to(states.dtype)
        mean = (taken.values * present).sum(dim=1) / present.sum(dim=1).clamp(min=1)
        return CrossAttended(mean, weights)

    def _dynamic(self, states: Tensor, mask: Tensor) -> CrossAttended:
        query = self.query(last_state(states, mask)).unsqueeze(1)  # (B, 1, width)
        scores = self.score(torch.tanh(self.key(states) + query)).squeeze(2)  # (B, R)
        scores = scores.masked_fill(~mask, torch.finfo(scores.dtype).min)
        weights = (torch.softmax(scores, dim=1) * mask).unsqueeze(1)  # (B, 1, R)
        return CrossAttended((weights @ states).squeeze(1), weights)
