"""The recurrent layer reads the steps that exist and nothing else."""

import pytest
import torch

from crm_pipelines.models.layers.recurrent import LastState, left_aligned


@pytest.fixture
def layer():
    torch.manual_seed(0)
    return LastState(inputs=3, width=4)


def test_steps_move_to_the_front_in_order():
    x = torch.arange(8.0).view(2, 4, 1)
    steps, lengths = left_aligned(x, torch.tensor([[False, False, True, True], [True, False, True, False]]))
    assert lengths.tolist() == [2, 2]
    assert steps[:, :2, 0].tolist() == [[2.0, 3.0], [4.0, 6.0]]


def test_the_state_is_that_of_the_steps_alone(layer):
    """Rows of 0 to 9 steps with padding on the left, against each row on its own without padding."""
    lengths = range(10)
    x, start = torch.randn(10, 9, 3), torch.randn(10, 4)
    mask = torch.arange(9) >= 9 - torch.tensor(lengths).unsqueeze(1)
    x[~mask] = 1e3
    state = layer(x, mask, start)
    for row in lengths:
        alone = layer.gru(x[row : row + 1, 9 - row :], start[row].view(1, 1, 4))[1][0, 0] if row else start[0]
        torch.testing.assert_close(state[row], alone)


def test_padding_gets_no_gradient(layer):
    x = torch.randn(2, 5, 3, requires_grad=True)
    mask = torch.tensor([[False, False, True, True, True], [False] * 5])
    layer(x, mask, torch.zeros(2, 4)).sum().backward()
    assert (x.grad[~mask] == 0).all()
    assert (x.grad[mask] != 0).any()


def test_nothing_to_read_leaves_the_start(layer):
    start = torch.randn(3, 4)
    assert torch.equal(layer(torch.randn(3, 5, 3), torch.zeros(3, 5, dtype=torch.bool), start), start)
    assert layer(torch.zeros(0, 5, 3), torch.zeros(0, 5, dtype=torch.bool), torch.zeros(0, 4)).shape == (0, 4)
