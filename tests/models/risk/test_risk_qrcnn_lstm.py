"""QRCNN-LSTM on records: its attention, its quantiles and its ablations."""

import numpy as np
import pytest
import torch
from risk_tables import STEPS, changed, table
from torch.nn import functional

from crm_pipelines.models.risk.neural import RiskTraining
from crm_pipelines.models.risk.qrcnn_lstm import ATTENTIONS, ENCODERS, QRCNNLSTM, QRCNNLSTMConfig

QUICK = {
    "channels": 4,
    "regions": 3,
    "width": 8,
    "token": 4,
    "hidden": (16,),
    "dropout": 0.0,
    "training": RiskTraining(epochs=3, batch_size=128, learning_rate=5e-3),
}


@pytest.fixture(scope="module")
def inputs():
    return table()


def fit(inputs, **changes) -> QRCNNLSTM:
    model = QRCNNLSTM(QRCNNLSTMConfig(**{**QUICK, **changes}), 1)
    model.fit(inputs)
    return model


@pytest.fixture(scope="module")
def model(inputs):
    return fit(inputs, training=RiskTraining(epochs=12, batch_size=128, learning_rate=5e-3))


def test_each_column_weighs_the_steps_that_a_record_has(model, inputs):
    weights, queries, steps = model.attention(inputs, inputs.test)
    assert queries == (*inputs.numeric_names, *inputs.categorical_names)
    assert steps == inputs.step_names
    assert weights.shape == (len(inputs.test), len(queries), STEPS)
    mask = inputs.sequence_mask[inputs.test]
    expected = np.broadcast_to(mask.any(axis=1)[:, None], weights.shape[:2])
    np.testing.assert_allclose(weights.sum(axis=2), expected, atol=1e-5)
    assert (weights[~np.broadcast_to(mask[:, None], weights.shape)] == 0).all()


def test_without_a_sequence_columns_weigh_columns():
    plain = table(n=300, sequence=False)
    weights, queries, steps = fit(plain).attention(plain, plain.test[:5])
    assert queries == steps == (*plain.numeric_names, *plain.categorical_names)
    np.testing.assert_allclose(weights.sum(axis=2), 1, atol=1e-5)


@pytest.mark.parametrize(("name", "change"), [*ENCODERS.items(), *ATTENTIONS.items()])
def test_every_variant_is_trained_and_weighs_steps(name, change, inputs, tmp_path):
    variant = fit(inputs, **change)
    rows = inputs.test
    before = variant.predict_proba(inputs, rows)
    assert np.isfinite(before).all()
    weights = variant.attention(inputs, rows).weights
    mask = inputs.sequence_mask[rows]
    if change != {"attention": "none"}:
        total = weights.sum(axis=2)
        assert np.allclose(total[mask.all(axis=1)][:, 0], 1, atol=1e-5)
        assert (weights[~np.broadcast_to(mask[:, None], weights.shape)] == 0).all()
    variant.save(tmp_path)
    np.testing.assert_allclose(QRCNNLSTM.load(tmp_path).predict_proba(inputs, rows), before, atol=1e-7)
    filled = inputs.sequence.copy()
    filled[~inputs.sequence_mask] = 1e3
    np.testing.assert_array_equal(variant.predict_proba(changed(inputs, sequence=filled), rows), before)


@pytest.mark.parametrize("change", [{}, *ENCODERS.values()])
def test_steps_may_begin_anywhere(change, inputs):
    """Two steps that do not exist, before or after the others, change no prediction."""
    model = fit(inputs, **change)
    rows = inputs.test[:50]
    expected = model.predict_proba(inputs, rows)
    n = len(inputs)
    steps, mask = np.full((n, 2, 2), 9.0, dtype=np.float32), np.zeros((n, 2), dtype=bool)
    names = ("x", "y", *inputs.step_names)
    for order in (slice(None), slice(None, None, -1)):
        longer = changed(
            inputs,
            sequence=np.concatenate([steps, inputs.sequence][order], axis=1),
            sequence_mask=np.concatenate([mask, inputs.sequence_mask][order], axis=1),
            step_names=names,
        )
        np.testing.assert_allclose(model.predict_proba(longer, rows), expected, atol=1e-5)


def test_quantiles_rise_and_their_interval_holds(model, inputs):
    quantiles = model.amount_quantiles(inputs, inputs.test)
    assert (np.diff(quantiles, axis=1) >= 0).all()
    amount = inputs.amount[inputs.test]
    assert quantiles.min() >= inputs.amount[inputs.train].min()
    covered = (quantiles[:, 0] <= amount + 1e-3) & (amount <= quantiles[:, -1] + 1e-3)
    assert 0.7 < covered.mean() < 0.92
    assert model.margins[0] == -model.margins[-1]


def test_quantiles_are_kept_with_the_model(model, inputs, tmp_path):
    model.save(tmp_path)
    loaded = QRCNNLSTM.load(tmp_path)
    expected = model.amount_quantiles(inputs, inputs.test)
    np.testing.assert_allclose(loaded.amount_quantiles(inputs, inputs.test), expected, rtol=1e-5)


def test_without_amounts_there_are_no_quantiles_and_no_loss_of_them(inputs):
    bare = changed(inputs, amount=np.full(len(inputs), np.nan, dtype=np.float32))
    model = fit(bare)
    assert not model.has_quantiles
    assert np.isnan(model.amount_quantiles(bare, bare.test[:3])).all()
    log, rows = model.log_of(bare), torch.from_numpy(bare.train[:64])
    model.network.train()
    with torch.no_grad():
        expected = functional.cross_entropy(model.network(log, rows), log.label[rows])
        torch.testing.assert_close(model.loss(log, rows), expected)


def test_weights_are_chosen_by_the_classification_alone(model, inputs):
    log, rows = model.log_of(inputs), torch.from_numpy(inputs.validation)
    model.network.eval()
    with torch.no_grad():
        expected = functional.cross_entropy(model.network(log, rows), log.label[rows])
        torch.testing.assert_close(model.loss(log, rows), expected)


def test_a_rule_in_the_sequence_is_learned():
    """The risk lies in the latest step alone."""
    draw = np.random.default_rng(3)
    records = table(n=1_500, planted=False)
    mask = np.ones_like(records.sequence_mask)
    steps = draw.normal(size=records.sequence.shape).astype(np.float32)
    labels = (steps[:, -1, 0] > 0).astype(np.int64)
    ordered = changed(records, sequence=steps, sequence_mask=mask, labels=labels)
    model = fit(ordered, regions=5, training=RiskTraining(epochs=15, batch_size=64, learning_rate=1e-2))
    found = model.predict_proba(ordered, ordered.test).argmax(axis=1)
    assert (found == labels[ordered.test]).mean() > 0.85
