"""Amounts on a scale on which their quantiles can be learned, and back."""

import torch
from torch import Tensor, nn


class AmountScaling(nn.Module):
    """asinh(a / s), standardised: nearly linear up to a usual amount s, logarithmic beyond, for either sign.

    Quantiles pass through any such rising function, so those of scaled amounts are scaled quantiles of amounts.
    """

    unit: Tensor
    mean: Tensor
    scale: Tensor
    lowest: Tensor
    highest: Tensor
    known: Tensor

    def __init__(self) -> None:
        super().__init__()
        for name in ("mean", "lowest", "highest"):
            self.register_buffer(name, torch.zeros(()))
        for name in ("unit", "scale"):
            self.register_buffer(name, torch.ones(()))
        self.register_buffer("known", torch.zeros((), dtype=torch.bool))

    def fit(self, amount: Tensor) -> None:
        """Take unit, mean, deviation and range of training amounts (N,), nan where absent."""
        present = amount[torch.isfinite(amount)]
        self.known.fill_(bool(len(present)))
        if not len(present):
            return
        usual = present[present != 0].abs()
        self.unit.copy_(usual.median() if len(usual) else torch.ones(()))
        scaled = torch.asinh(present / self.unit)
        deviation = scaled.std(unbiased=False)
        self.mean.copy_(scaled.mean())
        self.scale.copy_(deviation if deviation > 1e-6 else torch.ones(()))
        self.lowest.copy_(present.min())
        self.highest.copy_(present.max())

    def forward(self, amount: Tensor) -> Tensor:
        """Scaled amounts (B,); nan stays nan."""
        return (torch.asinh(amount / self.unit) - self.mean) / self.scale

    def invert(self, scaled: Tensor) -> Tensor:
        """Amounts (B, ...) of scaled ones, within the range seen in training."""
        return (torch.sinh(scaled * self.scale + self.mean) * self.unit).clamp(self.lowest, self.highest)
