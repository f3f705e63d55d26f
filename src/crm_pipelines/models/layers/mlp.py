"""The hidden layers that every network here ends in."""

from collections.abc import Sequence

from torch import nn


def mlp(inputs: int, hidden: Sequence[int], dropout: float) -> nn.Sequential:
    """Linear, batch normalisation, ReLU and dropout for each width of ``hidden``: (B, inputs) -> (B, hidden[-1])."""
    layers: list[nn.Module] = []
    for size in hidden:
        layers += [nn.Linear(inputs, size), nn.BatchNorm1d(size), nn.ReLU(), nn.Dropout(dropout)]
        inputs = size
    return nn.Sequential(*layers)
