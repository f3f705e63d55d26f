"""The softmax over all items, some rows at a time: the loss and the gradients of the usual one."""

import pytest
import torch
from torch.nn import functional

from crm_pipelines.models.layers import full_softmax
from crm_pipelines.models.layers.full_softmax import full_softmax_loss

ITEMS, WIDTH = 50, 6


def made(rows: int, scale: float = 1.0) -> tuple[torch.Tensor, ...]:
    """States, the items' vectors, offsets and targets."""
    torch.manual_seed(3)
    states, weight, offset = torch.randn(rows, WIDTH) * scale, torch.randn(ITEMS, WIDTH), torch.randn(ITEMS)
    return *(part.requires_grad_() for part in (states, weight, offset)), torch.randint(ITEMS, (rows,))


@pytest.mark.parametrize("cells", [1, 7 * ITEMS, 10**6])
@pytest.mark.parametrize("scale", [1.0, 100.0])
def test_loss_and_gradients_are_those_of_cross_entropy(monkeypatch, cells, scale):
    monkeypatch.setattr(full_softmax, "CELLS", cells)
    *ours, targets = made(23, scale)
    *theirs, _ = made(23, scale)
    loss = 3 * full_softmax_loss(*ours, targets)
    usual = 3 * functional.cross_entropy(functional.linear(*theirs), targets)
    torch.testing.assert_close(loss, usual)
    loss.backward()
    usual.backward()
    for mine, other in zip(ours, theirs, strict=True):
        torch.testing.assert_close(mine.grad, other.grad, rtol=1e-4, atol=1e-6)


def test_without_gradients_the_loss_is_the_same():
    *parts, targets = made(9)
    with torch.no_grad():
        alone = full_softmax_loss(*parts, targets)
    torch.testing.assert_close(alone, full_softmax_loss(*parts, targets).detach())
    assert not alone.requires_grad
