"""Packing: every event once, no padding, and no sequence sees another."""

import numpy as np
import torch

from crm_pipelines.models.layers.causal_transformer import CausalTransformer, TransformerSizes
from crm_pipelines.models.layers.sequence_log import NOTHING, Rows, SequenceLog
from crm_pipelines.sequences.inputs import SequenceInputs

LENGTHS = (2, 5, 9, 30, 3, 7)


def inputs() -> SequenceInputs:
    start = np.concatenate([[0], np.cumsum(LENGTHS)])
    items = np.arange(start[-1])  # every event is an item of its own
    follows = ~np.isin(items, start[:-1])
    nothing = np.empty(0, dtype=np.int64)
    return SequenceInputs(
        "time", 0, items, start, start[1:], items[follows], nothing, nothing, nothing, len(items), False
    )


def test_every_target_is_there_once_each_epoch_and_hardly_a_token_is_blank():
    log = SequenceLog(inputs(), 8, 0)
    for _ in range(3):
        asked = log.training.targets[log.training.targets != NOTHING]
        assert sorted(asked.tolist()) == inputs().train.tolist()
        assert log.training.items.numel() - len(asked) < 8
        log.shuffle()


def test_another_epoch_packs_otherwise():
    log = SequenceLog(inputs(), 8, 0)
    first = log.training.items.clone()
    log.shuffle()
    assert not torch.equal(first, log.training.items)


def test_a_token_sees_its_own_sequence_up_to_itself_and_nothing_else():
    log = SequenceLog(inputs(), 8, 0)
    owner = np.repeat(np.arange(len(LENGTHS)), LENGTHS)
    items = log.training.items.numpy()
    mask = log.training.mask().numpy()
    real = log.training.piece.numpy() != NOTHING
    for row, token, other in zip(*np.nonzero(mask), strict=True):
        if real[row, token]:
            assert owner[items[row, token]] == owner[items[row, other]]
            assert items[row, other] <= items[row, token]


def test_a_packed_sequence_is_read_as_if_it_stood_alone():
    torch.manual_seed(0)
    sizes = TransformerSizes(length=8, width=8, inner=8, dropout=0.0, embedding_dropout=0.0)
    network = CausalTransformer(sizes, 60).eval()
    rows = SequenceLog(inputs(), 8, 0).training
    together = network.states(rows)
    for row in range(len(rows.items)):
        for piece in rows.piece[row].unique().tolist():
            inside = rows.piece[row] == piece
            if piece == NOTHING:
                continue
            alone = network.states(Rows(*(part[row][inside].unsqueeze(0) for part in rows)))
            torch.testing.assert_close(alone[0], together[row][inside], atol=1e-5, rtol=1e-4)


def test_attention_weights_sum_to_one():
    network = CausalTransformer(TransformerSizes(length=8, width=8, inner=8), 60).eval()
    rows = SequenceLog(inputs(), 8, 0).training
    for weights in network.attention(rows):
        torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))
