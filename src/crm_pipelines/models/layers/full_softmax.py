"""Cross-entropy of a softmax over all items, without a table of scores as large as batch times items.

Over ten thousand items the logits of a batch leave the cache several times on their way through softmax and gradient.
Here they are made some rows at a time, turned into their own gradient in place, and forgotten; what is kept are the
gradients of the states and of the items, so that the backward pass only scales them. The idea is that of fused linear
cross-entropy kernels: Wijmans et al. 2024, "Cut your losses in large-vocabulary language models", arXiv:2411.09009.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

CELLS = 500_000
"""Scores that exist at the same time."""


class _FullSoftmax(torch.autograd.Function):
    """Mean of -log softmax(states . weight + offset) at the targets."""

    @staticmethod
    def forward(ctx: Any, states: Tensor, weight: Tensor, offset: Tensor, targets: Tensor, learns: bool) -> Tensor:
        total = states.new_zeros(())
        gradients = (torch.empty_like(states), torch.zeros_like(weight), torch.zeros_like(offset)) if learns else None
        rows = max(CELLS // len(weight), 1)
        for first in range(0, len(states), rows):
            some, wanted = states[first : first + rows], targets[first : first + rows].unsqueeze(1)
            scores = torch.addmm(offset, some, weight.t())  # (b, I)
            scores -= scores.amax(dim=1, keepdim=True)
            shifted = scores.gather(1, wanted)
            scores.exp_()
            sums = scores.sum(dim=1, keepdim=True)
            total += (sums.log() - shifted).sum()
            if gradients is None:
                continue
            of_states, of_weight, of_offset = gradients
            scores /= sums
            scores.scatter_add_(1, wanted, scores.new_full(wanted.shape, -1.0))  # softmax less what came
            torch.mm(scores, weight, out=of_states[first : first + rows])
            of_weight.addmm_(scores.t(), some)
            of_offset += scores.sum(dim=0)
        if gradients is not None:
            ctx.save_for_backward(*gradients)
        ctx.rows = max(len(states), 1)
        mean: Tensor = total / ctx.rows
        return mean

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *above: Tensor) -> tuple[Tensor | None, ...]:
        scale = above[0] / ctx.rows
        return (*(gradient * scale for gradient in ctx.saved_tensors), None, None)


def full_softmax_loss(states: Tensor, weight: Tensor, offset: Tensor, targets: Tensor) -> Tensor:
    """Mean cross-entropy of a softmax over all items, as `functional.cross_entropy` of the scores gives it.

    Args:
        states: (B, d) what the scores are made of. weight: (I, d) the items' vectors. offset: (I,) added to the scores.
        targets: (B,) what came.
    """
    loss: Tensor = _FullSoftmax.apply(states, weight, offset, targets, torch.is_grad_enabled())  # type: ignore[no-untyped-call]
    return loss
