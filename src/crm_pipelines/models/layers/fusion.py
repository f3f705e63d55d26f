"""Late fusion: each modality is read by a branch of its own, and only what the branches say is joined.

A branch is a module with an ``output_dim`` that returns (B, output_dim); the fusion knows nothing else of it. A
modality that a row lacks is told by its mask: the branch's word is replaced by zeros and a flag says that it is absent,
so that such a row is predicted from what there is. In training present modalities are hidden at random, so that the
network has met every combination (Neverova et al. 2015, "ModDrop", arXiv:1501.00102).
"""

from collections.abc import Mapping
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor, nn

from crm_pipelines.models.layers.mlp import mlp
from crm_pipelines.models.layers.qrcnn import MultiKernelConvolution
from crm_pipelines.models.layers.recurrent import LastState


@runtime_checkable
class Branch(Protocol):
    """What the fusion asks of a branch."""

    output_dim: int
    """Numbers that the branch says of a row."""


class HistoryBranch(nn.Module):
    """Structured history -> CNN: the largest and the mean response of each feature map over the steps.

    Args:
        inputs: channels of a step. maps: feature maps of each kernel. kernels: widths in steps.
        output_dim: of what it says.
    """

    def __init__(self, inputs: int, maps: int, kernels: tuple[int, ...], output_dim: int) -> None:
        super().__init__()
        self.local = MultiKernelConvolution(inputs, maps, kernels)
        self.out = nn.Linear(2 * self.local.width, output_dim)
        self.output_dim = output_dim

    def forward(self, steps: Tensor, mask: Tensor) -> Tensor:
        """(B, output_dim) of steps (B, T, inputs) that exist where ``mask`` (B, T) is True."""
        maps = self.local(steps, mask).masked_fill(~mask.unsqueeze(-1), 0.0)  # (B, T, width), none below zero
        mean = maps.sum(dim=1) / mask.sum(dim=1, keepdim=True).clamp(min=1)
        largest = torch.amax(maps, dim=1) if maps.shape[1] else torch.zeros_like(mean)
        return torch.relu(self.out(torch.cat([largest, mean], dim=1)))


class EventsBranch(nn.Module):
    """Sequence of events -> RNN: the last state of a gated recurrent unit.

    Args:
        inputs: facts of an event.
        output_dim: width of the state.
    """

    def __init__(self, inputs: int, output_dim: int) -> None:
        super().__init__()
        self.recurrent = LastState(inputs, output_dim)
        self.output_dim = output_dim

    def forward(self, events: Tensor, mask: Tensor) -> Tensor:
        """(B, output_dim) of events (B, K, inputs), latest last, that exist where ``mask`` (B, K) is True."""
        start = events.new_zeros(len(events), self.output_dim)
        state: Tensor = self.recurrent(events, mask, start)
        return state


class VectorBranch(nn.Module):
    """A vector, such as a text profile -> projection.

    Args:
        inputs: width of the vector. output_dim: of what it says.
    """

    def __init__(self, inputs: int, output_dim: int) -> None:
        super().__init__()
        self.out = nn.Linear(inputs, output_dim)
        self.output_dim = output_dim

    def forward(self, x: Tensor) -> Tensor:
        """(B, output_dim) of vectors (B, inputs)."""
        return torch.relu(self.out(x))


class LateFusion(nn.Module):
    """What the branches say, joined into one profile.

    Args:
        output_dims: name of a modality -> ``output_dim`` of its branch.
        hidden: widths of the layers that join them; the last is the width of the profile.
        dropout: after each of them. hide: share of present modalities hidden in training.
        beside: width of inputs that every row has and that are joined as they are.
    """

    def __init__(
        self, output_dims: Mapping[str, int], hidden: tuple[int, ...], dropout: float, hide: float, beside: int = 0
    ) -> None:
        super().__init__()
        self.names = tuple(output_dims)
        self.hide = hide
        self.join = mlp(sum(output_dims.values()) + len(self.names) + beside, hidden, dropout)
        self.output_dim = hidden[-1]

    def forward(self, said: Mapping[str, Tensor], present: Mapping[str, Tensor], beside: Tensor) -> Tensor:
        """Profiles (B, output_dim).

        Args:
            said: modality -> (B, its output_dim); whatever stands in rows that lack it changes nothing.
            present: modality -> (B,) whether a row has it.
            beside: (B, beside).
        """
        parts = []
        for name in self.names:
            there = present[name]
            if self.training and self.hide:
                there = there & (torch.rand(there.shape, device=there.device) >= self.hide)
            parts += [said[name].masked_fill(~there.unsqueeze(1), 0.0), there.to(beside.dtype).unsqueeze(1)]
        out: Tensor = self.join(torch.cat([*parts, beside], dim=1))
        return out
