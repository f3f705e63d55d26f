"""A linear-chain conditional random field over the tags of a sentence.

Lafferty et al. 2001, "Conditional random fields"; as the last layer of a recurrent network in Huang et al. 2015,
"Bidirectional LSTM-CRF models for sequence tagging".
"""

import torch
from torch import Tensor, nn


class ConditionalRandomField(nn.Module):
    """Scores of going from one of K tags to the next, beside those of the tokens themselves.

    Args:
        tags: K.
        allowed: (K, K) True where tag i may be followed by tag j. first: (K,) True where a sentence may begin with it.
    """

    allowed: Tensor
    first: Tensor

    def __init__(self, tags: int, allowed: Tensor, first: Tensor) -> None:
        super().__init__()
        self.moves = nn.Parameter(torch.zeros(tags, tags))
        self.begins = nn.Parameter(torch.zeros(tags))
        self.ends = nn.Parameter(torch.zeros(tags))
        self.register_buffer("allowed", allowed)
        self.register_buffer("first", first)

    def _moves(self) -> Tensor:
        return self.moves.masked_fill(~self.allowed, -1e4)

    def _begins(self) -> Tensor:
        return self.begins.masked_fill(~self.first, -1e4)

    def loss(self, scores: Tensor, tags: Tensor, length: Tensor) -> Tensor:
        """Negative log-likelihood (B,) of tags (B, T) given token scores (B, T, K) of sentences of ``length`` (B,)."""
        moves, rows = self._moves(), torch.arange(len(tags))
        total = self._begins()[tags[:, 0]] + scores[rows, 0, tags[:, 0]]
        alpha = self._begins() + scores[:, 0]  # (B, K)
        for t in range(1, scores.shape[1]):
            on = t < length
            step = moves[tags[:, t - 1], tags[:, t]] + scores[rows, t, tags[:, t]]
            total = total + step * on
            forward = torch.logsumexp(alpha[:, :, None] + moves, dim=1) + scores[:, t]
            alpha = torch.where(on[:, None], forward, alpha)
        total = total + self.ends[tags[rows, length - 1]]
        return torch.logsumexp(alpha + self.ends, dim=1) - total

    @torch.no_grad()
    def best(self, scores: Tensor, length: Tensor) -> list[list[int]]:
        """The most likely tags of each sentence (Viterbi)."""
        moves = self._moves()
        best = self._begins() + scores[:, 0]
        back = []
        for t in range(1, scores.shape[1]):
            on = (t < length)[:, None]
            value, origin = (best[:, :, None] + moves).max(dim=1)
            best = torch.where(on, value + scores[:, t], best)
            back.append(torch.where(on, origin, torch.arange(best.shape[1])))
        last = (best + self.ends).argmax(dim=1)
        path = [last]
        for origin in reversed(back):
            path.append(origin.gather(1, path[-1][:, None])[:, 0])
        tags = torch.stack(path[::-1], dim=1)
        return [row[:size].tolist() for row, size in zip(tags, length.tolist(), strict=True)]
