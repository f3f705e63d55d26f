"""Other readings of a masked sequence in the place of the QRCNN: one convolution, a recurrent net, a temporal one.

They stand for the rows "CNN", "RNN" and "TCN" of paper C's ablation of the QRCNN module: without quick region pooling
and without quantile heads, so that an LSTM reads every step of their local features.
"""

from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.models.layers.qrcnn import Encoded, MultiKernelConvolution
from crm_pipelines.models.layers.recurrent import left_aligned

Local = Literal["cnn", "rnn", "tcn"]
KERNEL = 3
"""Width of a convolution in steps."""


class CausalConvolutions(nn.Module):
    """Residual causal convolutions with doubling dilation (Bai, Kolter and Koltun 2018, arXiv:1803.01271).

    Args:
        inputs: channels of a step. width: of the features. levels: convolutions; the last reaches 2 * 2^(levels - 1)
            steps back.
    """

    def __init__(self, inputs: int, width: int, levels: int = 3) -> None:
        super().__init__()
        self.width = width
        self.into = nn.Linear(inputs, width)
        self.levels = nn.ModuleList(nn.Conv1d(width, width, KERNEL, dilation=2**level) for level in range(levels))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Features (B, T, width) of steps (B, T, inputs), zero where ``mask`` (B, T) is False."""
        hidden = _clean(self.into(x), mask)
        for level, convolution in enumerate(self.levels):
            padded = functional.pad(hidden.transpose(1, 2), ((KERNEL - 1) * 2**level, 0))  # the past only
            hidden = _clean(hidden + torch.relu(convolution(padded).transpose(1, 2)), mask)
        return hidden


class Recurrent(nn.Module):
    """A plain recurrent net (Elman 1990) over steps that begin at the front.

    Args:
        inputs: channels of a step. width: of the state.
    """

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.width = width
        self.rnn = nn.RNN(inputs, width, batch_first=True)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """States (B, T, width) after each step of ``x`` (B, T, inputs)."""
        return self.rnn(x)[0] if x.numel() else x.new_zeros(*x.shape[:2], self.width)


def _clean(x: Tensor, mask: Tensor) -> Tensor:
    return x.masked_fill(~mask.unsqueeze(-1), 0.0)


class StepEncoder(nn.Module):
    """Local features of every step, then an LSTM over all of them.

    Args:
        kind: of the local features.
        inputs: channels of a step.
        maps: width of the local features.
        width: of the LSTM's state.
    """

    def __init__(self, kind: Local, inputs: int, maps: int, width: int) -> None:
        super().__init__()
        local: MultiKernelConvolution | Recurrent | CausalConvolutions
        if kind == "cnn":
            local = MultiKernelConvolution(inputs, maps, (KERNEL,))
        elif kind == "rnn":
            local = Recurrent(inputs, maps)
        else:
            local = CausalConvolutions(inputs, maps)
        self.local = local
        self.lstm = nn.LSTM(maps, width, batch_first=True)
        self.width = width

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """Encode steps (B, T, inputs) that exist where ``mask`` (B, T) is True; states begin at the front."""
        steps, length = left_aligned(_clean(x, mask), mask)
        present = torch.arange(mask.shape[1], device=x.device) < length.unsqueeze(1)  # (B, T)
        features = _clean(self.local(steps, present), present)
        states = self.lstm(features)[0] if features.numel() else x.new_zeros(*mask.shape, self.width)
        return Encoded(features.flatten(1), _clean(states, present), present)

    def by_step(self, weights: Tensor, mask: Tensor) -> Tensor:
        """Weights over the states (B, Q, T) in the order of the steps (B, Q, T)."""
        order = torch.argsort(~mask, dim=1, stable=True)  # state -> step
        place = torch.argsort(order, dim=1)  # step -> state
        return torch.take_along_dim(weights, place.unsqueeze(1), dim=2)
