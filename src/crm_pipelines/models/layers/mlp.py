"""The hidden layers that every network here ends in."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional


def linear(layer: nn.Linear, x: Tensor, fixed: Tensor | None = None) -> Tensor:
    """``layer`` on [x | fixed], (B, n) and (B, m) of its n + m columns, without a gradient for ``fixed``.

    Inputs that nothing has to learn, such as scaled features, are most of the columns: not asking for their gradient
    saves a third of the layer's work.
    """
    if fixed is None:
        out: Tensor = layer(x)
        return out
    n = x.shape[1]
    return torch.addmm(functional.linear(x, layer.weight[:, :n], layer.bias), fixed, layer.weight[:, n:].T)


class Hidden(nn.Sequential):
    """Layers of which the first is linear and may be given its input in two parts, see :func:`linear`."""

    def forward(self, x: Tensor, fixed: Tensor | None = None) -> Tensor:
        """(B, n) and (B, m) -> (B, last width); [x | fixed] itself where there are no layers."""
        if not len(self):
            return x if fixed is None else torch.cat([x, fixed], dim=1)
        first = self[0]
        assert isinstance(first, nn.Linear)
        return self.after_first(linear(first, x, fixed))

    def after_first(self, out: Tensor) -> Tensor:
        """(B, width of the first layer), computed elsewhere -> (B, last width)."""
        for layer in list(self)[1:]:
            out = layer(out)
        return out


def mlp(inputs: int, hidden: Sequence[int], dropout: float) -> Hidden:
    """Linear, batch normalisation, ReLU and dropout for each width of ``hidden``: (B, inputs) -> (B, hidden[-1])."""
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(inputs, size), nn.BatchNorm1d(size), nn.ReLU(), nn.Dropout(dropout)]
        inputs = size
    return Hidden(*layers)
