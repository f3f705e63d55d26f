"""Softmax over few entries is that of torch."""

import pytest
import torch

from crm_pipelines.models.layers.small_softmax import softmax


@pytest.mark.parametrize("entries", [1, 6, 40])
def test_it_is_that_of_torch(entries: int) -> None:
    scores = torch.randn(5, 2, 7, entries, generator=torch.Generator().manual_seed(1)) * 10
    torch.testing.assert_close(softmax(scores), torch.softmax(scores, dim=-1))


def test_hidden_entries_get_nothing() -> None:
    scores = torch.tensor([[[0.0, -torch.inf, 0.0]]])
    assert softmax(scores).tolist() == [[[0.5, 0.0, 0.5]]]


def test_training_has_the_same_bits() -> None:
    scores = torch.randn(3, 4, 6, requires_grad=True)
    assert torch.equal(softmax(scores), torch.softmax(scores, dim=-1))
