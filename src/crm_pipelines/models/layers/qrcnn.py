"""Blocks of the QRCNN-LSTM with cross-attention, on any masked sequence.

Huang, Der Leu, Lu and Zhou 2024, "Risk analysis in customer relationship management via quantile region
convolutional neural network-long short-term memory and cross-attention mechanism", Journal of Organizational and
End User Computing 36(1). Its chain is: four parallel convolution kernels and quick region pooling (QRCNN, with
linear quantile heads on the pooled features), an LSTM over the regions, cross-attention onto the LSTM's states.
The paper gives no kernel sizes, no number of regions and no target of the quantiles; they are arguments here.

Sequences are (B, T, channels) with a mask (B, T), True where a step exists. The steps of a row are contiguous; on
which side its padding lies, how much there is and what stands in it changes no result.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.models.layers.small_softmax import softmax

QUANTILES: Final = (0.1, 0.25, 0.5, 0.75, 0.9)
"""Levels tau of the quantile heads where none are given."""
KERNELS: Final = (2, 3, 4, 5)
"""Widths of the four convolution kernels in steps; the paper names their number only."""

Pooling = Literal["max", "mean"]


class MultiKernelConvolution(nn.Module):
    """Parallel 1-D convolutions of different widths over the same steps, with ReLU: the local features.

    A window of w steps reaches (w - 1) // 2 steps back and w // 2 ahead of its own; beyond the sequence it sees zeros.

    Args:
        inputs: channels of a step.
        channels: feature maps of each kernel.
        kernels: widths in steps, one convolution each.
    """

    def __init__(self, inputs: int, channels: int, kernels: Sequence[int] = KERNELS) -> None:
        super().__init__()
        self.kernels = tuple(kernels)
        self.weights = nn.ParameterList(torch.empty(channels, inputs, width) for width in self.kernels)
        self.bias = nn.Parameter(torch.zeros(channels * len(self.kernels)))
        for weight in self.weights:
            nn.init.kaiming_uniform_(weight, nonlinearity="relu")
        self.width = channels * len(self.kernels)
        """features of a step"""

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Features (B, T, width) of steps (B, T, inputs); those of steps where ``mask`` (B, T) is False mean nothing.

        All kernels run as one, filled up with zeros to the same width, on a layout in which steps lie as they come:
        on a CPU that takes half the time of four convolutions.
        """
        half = max(self.kernels) // 2
        weight = torch.cat(
            [
                functional.pad(kernel, (half - (width - 1) // 2, half - width // 2))  # (channels, inputs, 2 half + 1)
                for width, kernel in zip(self.kernels, self.weights, strict=True)
            ]
        )
        steps = _clean(x, mask).unsqueeze(1).permute(0, 3, 1, 2)  # (B, inputs, 1, T), channels last in memory
        maps = functional.conv2d(steps, weight.unsqueeze(2), self.bias, padding=(0, half))  # (B, width, 1, T)
        return torch.relu(maps.squeeze(2).transpose(1, 2))


class RegionPooling(nn.Module):
    """Quick region pooling: a sequence of any length as a fixed number of regions, in order.

    The L steps of a row are cut into R regions of about equal length, [floor(r L / R), ceil((r + 1) L / R)), as
    adaptive pooling does; regions of a row with fewer steps than regions overlap. Each is pooled per channel.

    Args:
        regions: R.
        pooling: ``max`` or ``mean``; the paper allows both.
    """

    def __init__(self, regions: int, pooling: Pooling = "max") -> None:
        super().__init__()
        self.regions, self.pooling = regions, pooling

    def bounds(self, mask: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """First step of each row (B, 1), and the regions' starts and ends (B, R) counted from there."""
        region = torch.arange(self.regions, device=mask.device)
        length = mask.sum(dim=1, keepdim=True)  # (B, 1)
        first = mask.long().argmax(dim=1, keepdim=True) if mask.shape[1] else length  # (B, 1)
        start = region * length // self.regions  # (B, R)
        end = ((region + 1) * length + self.regions - 1) // self.regions
        return first, start, end

    def shares(self, mask: Tensor) -> Tensor:
        """(B, R, T) the part that each step has in a region: the same for all its steps, one in all."""
        first, start, end = (bound.unsqueeze(2) for bound in self.bounds(mask))  # (B, R, 1)
        step = torch.arange(mask.shape[1], device=mask.device) - first
        inside = (step >= start) & (step < end)
        return inside / (end - start).clamp(min=1)

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """Pool ``x`` (B, T, C) to (B, R, C); zero for rows without steps."""
        batch, steps, channels = x.shape
        if steps and bool(mask.all()):  # the same regions in every row
            return torch.stack([self._pooled(x[:, low:high]) for low, high in self._cuts(steps)], dim=1)
        length = mask.sum(dim=1, keepdim=True)
        first, start, end = self.bounds(mask)
        size = -(-steps // self.regions) + 1  # S: steps of the longest region, and one more
        slot = start.unsqueeze(2) + torch.arange(size, device=x.device)  # (B, R, S)
        inside = slot < end.unsqueeze(2)
        slot = first.unsqueeze(2) + torch.minimum(slot, (end - 1).clamp(min=0).unsqueeze(2))
        row = torch.arange(batch, device=x.device).view(-1, 1, 1) * steps
        pieces = x.reshape(batch * steps, channels).index_select(0, (row + slot).flatten())
        pieces = pieces.view(*slot.shape, channels)
        if self.pooling == "max":  # slots past the end repeat the last step
            pooled = pieces.amax(dim=2)
        else:
            share = inside / (end - start).clamp(min=1).unsqueeze(2)
            pooled = (pieces * share.unsqueeze(-1)).sum(dim=2)
        return _clean(pooled, (length > 0).expand(-1, self.regions))

    def _cuts(self, steps: int) -> list[tuple[int, int]]:
        """Start and end of each region of a row with ``steps`` steps."""
        return [(r * steps // self.regions, -(-(r + 1) * steps // self.regions)) for r in range(self.regions)]

    def _pooled(self, region: Tensor) -> Tensor:
        return region.amax(dim=1) if self.pooling == "max" else region.mean(dim=1)


def _clean(x: Tensor, mask: Tensor) -> Tensor:
    """``x`` (B, N, C) with zeros where ``mask`` (B, N) is False, whatever stood there."""
    if bool(mask.all()):
        return x
    return x.masked_fill(~mask.unsqueeze(-1), 0.0)


class QuantileHeads(nn.Module):
    """Linear quantile estimates, formula (1): y_tau = beta_0^tau + sum_j beta_j^tau h_j(x).

    Every level has a head of its own, so estimates may cross where there are few data; sort them to compare.

    Args:
        inputs: J, width of h(x).
        quantiles: levels tau in (0, 1).
    """

    levels: Tensor

    def __init__(self, inputs: int, quantiles: Sequence[float] = QUANTILES) -> None:
        super().__init__()
        self.heads = nn.Linear(inputs, len(quantiles))
        self.register_buffer("levels", torch.tensor(quantiles, dtype=torch.float32), persistent=False)

    def forward(self, features: Tensor) -> Tensor:
        """Estimates (B, Q) from h(x) (B, J)."""
        out: Tensor = self.heads(features)
        return out

    def loss(self, estimates: Tensor, target: Tensor, present: Tensor | None = None) -> Tensor:
        """Pinball loss of ``estimates`` (B, Q); see `pinball_loss`."""
        return pinball_loss(estimates, target, self.levels, present)


def pinball_loss(estimates: Tensor, target: Tensor, quantiles: Tensor, present: Tensor | None = None) -> Tensor:
    """Mean quantile loss max(tau (y - q), (tau - 1)(y - q)); its minimiser is the tau-quantile of y.

    Koenker and Bassett 1978, "Regression quantiles", Econometrica 46(1).

    Args:
        estimates: q (B, Q). target: y (B,). quantiles: tau (Q,).
        present: rows that have a target (B,), all without it; zero is returned where none has.
    """
    error = target.unsqueeze(1) - estimates  # (B, Q)
    loss = torch.maximum(quantiles * error, (quantiles - 1) * error)
    if present is None:
        return loss.mean()
    rows = present.bool().unsqueeze(1)
    total = loss.masked_fill(~rows, 0.0).sum()  # a missing target may be anything, NaN too
    return total / (rows.sum() * loss.shape[1]).clamp(min=1)


class CrossAttended(NamedTuple):
    """What each query took from the sequence (B, Q, width), and its weights over the steps (B, heads, Q, T)."""

    values: Tensor
    weights: Tensor


class CrossAttention(nn.Module):
    """Queries X attend onto a sequence Y, formulas (8)-(11): softmax(X W_Q (Y W_K)^T / sqrt(d_k)) Y W_V.

    Args:
        query: width of a query token.
        memory: width of a step of the sequence.
        width: of the values; split evenly among the heads.
        heads: 1 as in the formulas; several are the paper's multi-head variant (without an output projection).
    """

    def __init__(self, query: int, memory: int, width: int, heads: int = 1) -> None:
        super().__init__()
        if width % heads:
            raise ValueError(f"a width of {width} cannot be split among {heads} heads")
        self.heads = heads
        self.query = nn.Linear(query, width, bias=False)
        self.key = nn.Linear(memory, width, bias=False)
        self.value = nn.Linear(memory, width, bias=False)

    def _split(self, x: Tensor) -> Tensor:
        """(B, N, width) -> (B, heads, N, width / heads)."""
        return x.reshape(*x.shape[:2], self.heads, x.shape[2] // self.heads).transpose(1, 2)

    def forward(self, queries: Tensor, memory: Tensor, mask: Tensor) -> CrossAttended:
        """Attend from (B, Q, query) onto (B, T, memory).

        Weights of a query sum to one over the steps where ``mask`` (B, T) is True and are zero elsewhere; a row
        without steps gets zero weights and zero values.
        """
        memory = _clean(memory, mask)
        q, k, v = self._split(self.query(queries)), self._split(self.key(memory)), self._split(self.value(memory))
        visible = mask[:, None, None, :]  # (B, 1, 1, T)
        scores = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).masked_fill(~visible, torch.finfo(q.dtype).min)
        weights = softmax(scores) * visible  # (B, heads, Q, T)
        return CrossAttended((weights @ v).transpose(1, 2).flatten(2), weights)


class Encoded(NamedTuple):
    """What `SequenceEncoder` made of a sequence.

    Attributes:
        features: h(x), pooled local features of all regions side by side (B, R * channels).
        states: of the LSTM after each region (B, R, width).
        mask: regions that exist (B, R): all of a row, or none where it has no steps.
    """

    features: Tensor
    states: Tensor
    mask: Tensor


class SequenceEncoder(nn.Module):
    """Convolution kernels, quick region pooling and an LSTM, formulas (2)-(7), over the regions.

    Args:
        inputs: channels of a step.
        channels: feature maps of each kernel.
        regions: R.
        width: of the LSTM's state.
        kernels: widths of the kernels in steps.
        pooling: of a region.
    """

    def __init__(
        self,
        inputs: int,
        channels: int,
        regions: int,
        width: int,
        kernels: Sequence[int] = KERNELS,
        pooling: Pooling = "max",
    ) -> None:
        super().__init__()
        self.local = MultiKernelConvolution(inputs, channels, kernels)
        self.pool = RegionPooling(regions, pooling)
        self.lstm = nn.LSTM(self.local.width, width, batch_first=True)
        self.features = regions * self.local.width
        """J, width of h(x)"""

    def forward(self, x: Tensor, mask: Tensor) -> Encoded:
        """Encode steps (B, T, inputs) that exist where ``mask`` (B, T) is True."""
        regions = self.pool(self.local(x, mask), mask)  # (B, R, channels of all kernels)
        present = mask.any(dim=1, keepdim=True).expand(-1, regions.shape[1])  # (B, R)
        states = _clean(self.lstm(regions)[0], present) if len(x) else self._nothing(regions)
        return Encoded(regions.flatten(1), states, present)

    def by_step(self, weights: Tensor, mask: Tensor) -> Tensor:
        """Weights over the states (B, Q, R) as weights over steps (B, Q, T): a region's is shared by its steps."""
        return weights @ self.pool.shares(mask).to(weights.dtype)

    def _nothing(self, regions: Tensor) -> Tensor:
        """States of a batch of no rows, which the LSTM refuses."""
        return regions.new_zeros(0, regions.shape[1], self.lstm.hidden_size)
