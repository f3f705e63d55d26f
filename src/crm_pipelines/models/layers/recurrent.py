"""Recurrent layers over padded sequences in which padding costs nothing and changes nothing."""

from itertools import pairwise

import torch
from torch import Tensor, nn


def left_aligned(x: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
    """Move the steps of each row to its front, in order: (B, T, C), mask (B, T) -> (B, T, C) and lengths (B,)."""
    order = torch.argsort(~mask, dim=1, stable=True)  # steps first
    return torch.take_along_dim(x, order.unsqueeze(-1), dim=1), mask.sum(dim=1)


class LastState(nn.Module):
    """The last state of a gated recurrent unit (Cho et al. 2014, arXiv:1406.1078) over a masked sequence.

    Args:
        inputs: channels of a step.
        width: of the state.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.gru = nn.GRU(inputs, width, batch_first=True)

    def forward(self, x: Tensor, mask: Tensor, start: Tensor) -> Tensor:
        """State (B, width) after the steps of ``x`` (B, T, inputs) that exist, beginning with ``start`` (B, width).

        A row without steps keeps its start.
        """
        out = start
        lengths = mask.sum(dim=1)
        for rows in self._buckets(lengths):
            steps, length = left_aligned(x[rows], mask[rows])
            begun = start[rows]
            states, _ = self.gru(steps[:, : int(length.max())], begun.unsqueeze(0))  # (rows, longest, width)
            last = (length - 1).view(-1, 1, 1).expand(-1, 1, states.shape[2])
            out = out.index_copy(0, rows, states.gather(1, last).squeeze(1))  # what follows the last step is not read
        return out

    @staticmethod
    def _buckets(lengths: Tensor) -> list[Tensor]:
        """Rows with steps, those of similar length together: a unit runs as far as the longest of its bucket.

        Packed sequences would run no step in vain, but on a CPU their backward pass takes longer than what they save.
        """
        longest = int(lengths.max()) if len(lengths) else 0
        edges = [0, longest // 4, longest]
        buckets = [torch.nonzero((lengths > low) & (lengths <= high)).squeeze(1) for low, high in pairwise(edges)]
        return [rows for rows in buckets if len(rows)]
