"""DeepFM on a dense feature vector.

Guo et al. 2017, arXiv:1703.04247. Every entry x_i of the input has a latent vector v_i; the pairwise term
sum_{i<j} <v_i, v_j> x_i x_j is taken by Rendle's identity 1/2 [(xV)^2 - x^2 V^2]. For several classes the d_fm
entries of that sum are kept and read out linearly (bi-interaction pooling, He and Chua 2017, arXiv:1708.05027).
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.models.layers.mlp import mlp


class Refined(NamedTuple):
    """DeepFM's logits (B, C) and its refined feature vector (B, width)."""

    logits: Tensor
    vector: Tensor


class DeepFM(nn.Module):
    """Linear + factorised pairwise + multilayer terms.

    Args:
        inputs: width of the dense input.
        classes: C.
        factors: d_fm, width of the latent vectors.
        hidden: widths of the hidden layers, at least one.
        width: width of the refined vector handed on.
        dropout: on the hidden layers.
        fm: whether the factorised pairwise term is part of it.
    """

    def __init__(
        self, inputs: int, classes: int, factors: int, hidden: tuple[int, ...], width: int, dropout: float, fm: bool
    ) -> None:
        super().__init__()
        self.linear = nn.Linear(inputs, classes)
        self.factors = nn.Parameter(torch.randn(inputs, factors) * 0.01) if fm else None
        self.mlp = mlp(inputs, hidden, dropout)
        joint = hidden[-1] + (factors if fm else 0)
        self.readout = nn.Linear(joint, classes)
        self.refine = nn.Linear(joint, width)

    def forward(self, x: Tensor, fixed: Tensor | None = None) -> Refined:
        """Refine [x | fixed], together (B, inputs); ``fixed`` needs no gradient."""
        n, first = x.shape[1], self.mlp[0]
        assert isinstance(first, nn.Linear)
        weights: list[Tensor] = [self.linear.weight, first.weight]
        biases: list[Tensor] = [self.linear.bias, first.bias]
        if self.factors is not None:
            weights.append(self.factors.T)
            biases.append(self.factors.new_zeros(self.factors.shape[1]))
        # What is linear in the input is one product: narrow products take several times as long a column.
        weight = torch.cat(weights)
        out = functional.linear(x, weight[:, :n], torch.cat(biases))
        if fixed is not None:
            out = torch.addmm(out, fixed, weight[:, n:].T)
        logits, hidden, *total = torch.split(out, [len(w) for w in weights], dim=1)
        parts = [self.mlp.after_first(hidden)]
        if self.factors is not None:
            squares = x**2 @ self.factors[:n] ** 2  # (B, d_fm)
            if fixed is not None:
                squares = torch.addmm(squares, fixed**2, self.factors[n:] ** 2)
            parts.append((total[0] ** 2 - squares) * (0.5 / len(self.factors) ** 0.5))
        joint = torch.cat(parts, dim=1)
        return Refined(logits + self.readout(joint), self.refine(joint))
