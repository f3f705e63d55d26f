"""Softmax over a few entries."""

import torch
from torch import Tensor

FEW = 12
"""Entries below which the processor works on many rows at once rather than on the entries of one."""


def softmax(scores: Tensor) -> Tensor:
    """Softmax over the last dimension of scores (..., N, M).

    In prediction, where M is small, faster than ``torch.softmax`` and equal to it but for the last digit of a float32.
    In training it is ``torch.softmax``.
    """
    if scores.requires_grad or scores.shape[-1] >= FEW:
        return torch.softmax(scores, dim=-1)
    return torch.softmax(scores.transpose(-1, -2).contiguous(), dim=-2).transpose(-1, -2)
