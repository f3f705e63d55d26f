"""Counted operations of one layer of each kind against a count by hand: two for each multiply-add."""

import pytest
import torch
from torch import nn
from torch_geometric.nn import ChebConv, SAGEConv

from crm_pipelines.evaluation.flops import count_flops
from crm_pipelines.models.layers.deepfm import DeepFM
from crm_pipelines.models.layers.prototypes import Prototypes
from crm_pipelines.models.layers.temporal_attention import TemporalAttention

BATCH = 7


def deepfm():
    layer = DeepFM(inputs=5, classes=2, factors=3, hidden=(4,), width=6, dropout=0.0, fm=True).eval()
    by_hand = 5 * 2 + 2 * (5 * 3) + 5 * 4 + (4 + 3) * 2 + (4 + 3) * 6  # linear, FM's two products, hidden, readouts
    return lambda: layer(torch.zeros(BATCH, 5)), BATCH * by_hand


def temporal_attention():
    k, token, query, width, heads, steps = 6, 3, 5, 4, 2, 3
    layer = TemporalAttention(token, query, width, heads, steps, decay=True).eval()
    keys, queries = k * token * heads, query * heads + (steps - 1) * token * heads
    pooling, out = heads * steps * k * token, steps * heads * token * width
    own = query * width + (steps - 1) * token * width
    arguments = (
        torch.zeros(BATCH, k, token),
        torch.zeros(BATCH, query),
        torch.zeros(BATCH, k),
        torch.ones(BATCH, k, dtype=torch.bool),
        torch.ones(BATCH),
    )
    return lambda: layer(*arguments), BATCH * (keys + queries + pooling + out + own)


def prototypes():
    classes, segments, width = 3, 2, 4
    layer = Prototypes(classes, segments, width, prior=5.0)
    support = torch.zeros(BATCH, classes, width), torch.zeros(BATCH, classes)
    return lambda: layer(torch.zeros(BATCH, width), *support), BATCH * classes * segments * width


def convolution():
    layer = nn.Conv1d(4, 6, kernel_size=3)
    return lambda: layer(torch.zeros(BATCH, 4, 10)), BATCH * 8 * (6 * 4 * 3)


def message_passing():
    layer, edges = SAGEConv(4, 6), torch.tensor([[0, 1, 2], [1, 2, 0]])
    return lambda: layer(torch.zeros(BATCH, 4), edges), BATCH * 2 * (4 * 6)  # of itself and of its neighbours


def chebyshev():
    layer, edges = ChebConv(4, 6, K=3), torch.tensor([[0, 1], [1, 0]])
    return lambda: layer(torch.zeros(BATCH, 4), edges), BATCH * 3 * (4 * 6)  # one product for each order


@pytest.mark.parametrize(
    "kind",
    [deepfm, temporal_attention, prototypes, convolution, message_passing, chebyshev],
    ids=lambda kind: kind.__name__,
)
def test_operations_are_those_counted_by_hand(kind):
    call, multiply_adds = kind()
    flops, _ = count_flops(call)
    assert flops == 2 * multiply_adds


def test_a_recurrent_layer_of_the_cpu_is_named_where_it_is_not_counted():
    layer = nn.LSTM(4, 6, batch_first=True)
    flops, uncounted = count_flops(lambda: layer(torch.zeros(BATCH, 5, 4)))
    by_hand = 2 * BATCH * 5 * 4 * 6 * (4 + 6)
    assert flops == by_hand or any("lstm" in name or "rnn" in name for name in uncounted)
