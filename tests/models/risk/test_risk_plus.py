"""QRCNN-LSTM+: members of every part, weighted by what they predict of rows that they have not seen."""

import copy
import dataclasses

import numpy as np
import pytest
import torch
from risk_tables import changed, table
from scipy.special import expit
from sklearn.metrics import roc_auc_score

from crm_pipelines.models.layers.boosting import TableBoostingParameters
from crm_pipelines.models.layers.extreme_boosting import ExtremeBoostingParameters
from crm_pipelines.models.layers.flat_records import FlatRecords
from crm_pipelines.models.layers.piecewise import PiecewiseLinear
from crm_pipelines.models.layers.record_summaries import summaries
from crm_pipelines.models.layers.stacking import stack, stack_few
from crm_pipelines.models.layers.table_members import AdditiveMember, AdditiveParameters
from crm_pipelines.models.risk.average import SEED_STEP
from crm_pipelines.models.risk.churn_transformer import ChurnTransformer, ChurnTransformerConfig
from crm_pipelines.models.risk.churn_transformer_plus import ChurnTransformerPlus, ChurnTransformerPlusConfig
from crm_pipelines.models.risk.neural import RiskTraining
from crm_pipelines.models.risk.qrcnn_lstm import QRCNNLSTM, QRCNNLSTMConfig
from crm_pipelines.models.risk.qrcnn_lstm_plus import QRCNNLSTMPlus, QRCNNLSTMPlusConfig

NETWORK = {
    "channels": 4,
    "regions": 3,
    "width": 8,
    "token": 4,
    "hidden": (16,),
    "training": RiskTraining(epochs=3, batch_size=128, learning_rate=5e-3),
}


@pytest.fixture(scope="module")
def inputs():
    return table()


QUICK = {
    "trees": TableBoostingParameters(rounds=30),
    "extreme": ExtremeBoostingParameters(rounds=30, depth=0, leaves=8),
    "shallow": ExtremeBoostingParameters(rounds=30, depth=3),
}


@pytest.fixture(scope="module")
def model(inputs):
    model = QRCNNLSTMPlus(QRCNNLSTMPlusConfig(**NETWORK, parts=3, **QUICK), 7)
    model.fit(inputs)
    return model


@pytest.fixture(scope="module")
def several(inputs):
    """The frame with the members of all parts kept."""
    kept = {"trees": QUICK["trees"], "extreme": ExtremeBoostingParameters(rounds=30)}
    training = RiskTraining(epochs=2, batch_size=128, learning_rate=5e-3)
    model = ChurnTransformerPlus(ChurnTransformerPlusConfig(width=8, training=training, parts=3, **kept), 7)
    model.fit(inputs)
    return model, ChurnTransformer(ChurnTransformerConfig(width=8, training=training), 7 + SEED_STEP)


def test_members_are_fitted_on_all_parts_but_one(several, inputs):
    model, alone = several
    labels = inputs.labels[inputs.train]
    rest, _ = list(model._parts(labels))[1]
    alone.fit(dataclasses.replace(inputs, train=inputs.train[rest]))
    expected = alone.predict_proba(inputs, inputs.test)
    assert len(model.networks) == len(model.others) == 3
    np.testing.assert_allclose(model.networks[1].predict_proba(inputs, inputs.test), expected, atol=1e-7)


def test_parts_cover_the_training_rows_once(model, inputs):
    labels = inputs.labels[inputs.train]
    own = np.concatenate([part for _, part in model._parts(labels)])
    np.testing.assert_array_equal(np.sort(own), np.arange(len(labels)))


def test_one_member_of_each_kind_is_kept_fitted_on_everything(model, inputs):
    assert len(model.networks) == len(model.others) == 1
    seed = 7 + 3 * SEED_STEP
    alone = QRCNNLSTM(QRCNNLSTMConfig(**NETWORK), seed)
    alone.fit(inputs)
    expected = alone.predict_proba(inputs, inputs.test)
    np.testing.assert_allclose(model.networks[0].predict_proba(inputs, inputs.test), expected, atol=1e-7)
    records = FlatRecords(inputs, inputs.test)
    for kept, member in zip(model.others[0], model.others_of(seed), strict=True):
        member.fit(inputs)
        np.testing.assert_allclose(kept.logits(records), member.logits(records))


@pytest.mark.parametrize("which", ["model", "several"])
def test_the_prediction_is_the_weighted_mean_of_logits(which, request, inputs):
    found = request.getfixturevalue(which)
    model = found if which == "model" else found[0]
    mean = model._logits(inputs, inputs.test, model.networks, model.others)
    expected = expit(mean @ model.weights[:-1] + model.weights[-1])
    np.testing.assert_allclose(model.predict_proba(inputs, inputs.test)[:, 1], expected)
    assert (model.weights[:-1] >= 0).all()
    each = np.mean([members[0].logits(FlatRecords(inputs, inputs.test)) for members in model.others], axis=0)
    np.testing.assert_allclose(mean[:, 1], each)


def test_who_weighs_nothing_is_not_asked(model, inputs, monkeypatch):
    def never(_):
        raise AssertionError("asked")

    other = copy.copy(model)
    other.weights = np.array([0.5, 0.0, 0.5, 0.0, 0.2, 0.1])
    expected = other.predict_proba(inputs, inputs.test)
    monkeypatch.setattr(model.others[0][0], "logits", never)
    monkeypatch.setattr(model.others[0][2], "logits", never)
    np.testing.assert_array_equal(other.predict_proba(inputs, inputs.test), expected)


def test_attention_and_quantiles_are_those_of_the_networks(model, inputs):
    rows = inputs.test[:9]
    expected = np.mean([network.attention(inputs, rows).weights for network in model.networks], axis=0)
    np.testing.assert_allclose(model.attention(inputs, rows).weights, expected)
    assert model.has_quantiles
    assert model.amount_quantiles(inputs, rows).shape == (9, 5)


def test_the_interval_of_the_mean_holds_on_validation(model, inputs):
    known = inputs.validation[np.isfinite(inputs.amount[inputs.validation])]
    quantiles, amount = model.amount_quantiles(inputs, known), inputs.amount[known]
    assert (np.diff(quantiles, axis=1) >= 0).all()
    inside = (amount >= quantiles[:, 0] - 1e-4) & (amount <= quantiles[:, -1] + 1e-4)
    assert 0.8 <= inside.mean() <= 0.9


def test_a_stored_average_gives_the_same_intervals(model, inputs, tmp_path):
    model.save(tmp_path)
    again = QRCNNLSTMPlus.load(tmp_path)
    rows = inputs.test[:9]
    np.testing.assert_array_equal(again.amount_quantiles(inputs, rows), model.amount_quantiles(inputs, rows))
    np.testing.assert_array_equal(again.predict_proba(inputs, rows), model.predict_proba(inputs, rows))


class TestStack:
    def test_a_member_that_knows_outweighs_one_that_does_not(self):
        draw = np.random.default_rng(0)
        truth = draw.normal(size=4_000)
        labels = (draw.random(4_000) < expit(2 * truth)).astype(np.int64)
        weights = stack(np.column_stack([truth, draw.normal(size=4_000), -truth]), labels, 1e-4)
        assert weights[0] == pytest.approx(2, abs=0.2)
        assert weights[1] < 0.1
        assert weights[2] == 0

    def test_without_information_weights_stay_equal(self):
        weights = stack(np.zeros((10, 4)), np.array([0, 1] * 5), 1.0)
        np.testing.assert_allclose(weights, [0.25, 0.25, 0.25, 0.25, 0], atol=1e-6)

    def test_who_weighs_little_is_left_out_and_the_others_are_weighed_anew(self):
        draw = np.random.default_rng(1)
        truth, faint = draw.normal(size=(2, 4_000))
        labels = (draw.random(4_000) < expit(2 * truth + 0.15 * faint)).astype(np.int64)
        members = np.column_stack([faint, truth, -truth])
        assert 0 < stack(members, labels, 1e-4)[0] < 0.3
        weights = stack_few(members, labels, 1e-4, 0.3)
        assert weights[0] == weights[2] == 0
        np.testing.assert_allclose(weights[[1, 3]], stack(members[:, [1]], labels, 1e-4))
        np.testing.assert_array_equal(stack_few(members, labels, 1e-4, 0.0), stack(members, labels, 1e-4))


class TestSummaries:
    def test_they_are_what_they_say(self):
        inputs = table(n=100)
        steps = np.zeros_like(inputs.sequence)
        steps[:, :, 0] = [1.0, 2.0, 3.0, 4.0, 10.0]
        full = changed(inputs, sequence=steps, sequence_mask=np.ones_like(inputs.sequence_mask))
        found = summaries(full, np.arange(2))
        channels = steps.shape[2]
        np.testing.assert_allclose(found[0, : 6 * channels : channels], [4, 3.1622777, 10, 1, 2, 6], rtol=1e-5)
        recency = full.numeric[0, 0]
        ratios = found[0, 6 * channels : 9 * channels : channels]
        np.testing.assert_allclose(ratios * recency, [4, 10, 10], rtol=1e-5)

    def test_records_without_steps_have_none(self):
        inputs = table(n=300)
        empty = np.flatnonzero(~inputs.sequence_mask.any(axis=1))
        assert np.isnan(summaries(inputs, empty)[:, [0, 2, 4, 6]]).all()

    @pytest.mark.parametrize("sequence", [True, False])
    def test_no_record_and_no_sequence_keep_the_width(self, sequence):
        inputs = table(n=50, sequence=sequence)
        assert summaries(inputs, np.arange(0)).shape[1] == summaries(inputs, np.arange(5)).shape[1]


class TestPiecewise:
    def test_codes_say_where_in_the_distribution_a_value_lies(self):
        layer = PiecewiseLinear(2, 4)
        column = torch.arange(0.0, 101.0)
        layer.fit(torch.stack([column, torch.full((101,), torch.nan)], dim=1))
        nan = torch.nan
        found = layer(torch.tensor([[-5.0, 1.0], [30.0, nan], [50.0, nan], [200.0, nan], [nan, nan]]))
        np.testing.assert_allclose(found[:4, 0].numpy()[:, :4], [[0] * 4, [1, 0.2, 0, 0], [1, 1, 0, 0], [1] * 4])
        np.testing.assert_array_equal(found[:, 0, 4].numpy(), [0, 0, 0, 0, 1])
        np.testing.assert_array_equal(found[4, 0, :4].numpy(), 0)
        np.testing.assert_array_equal(found[:, 1].numpy(), [[0, 0, 0, 0, 1]] * 5)  # never seen: missing throughout

    def test_a_number_that_fills_quantiles_is_a_step(self):
        layer = PiecewiseLinear(1, 4)
        layer.fit(torch.tensor([0.0] * 90 + [5.0] * 10).unsqueeze(1))
        found = layer(torch.tensor([[0.0], [5.0], [2.5]]))[:, 0, :4].numpy()
        np.testing.assert_allclose(found, [[0] * 4, [1] * 4, [1, 1, 1, 0.5]])

    def test_codes_rise_with_the_value(self):
        layer = PiecewiseLinear(1, 8)
        draw = torch.from_numpy(np.random.default_rng(0).lognormal(size=(500, 1)).astype(np.float32))
        layer.fit(draw)
        codes = layer(draw.sort(dim=0).values)[:, 0].sum(dim=1)
        assert (codes.diff() >= 0).all()


class TestAdditive:
    def test_it_follows_a_curve_that_a_straight_line_cannot(self):
        inputs = table(n=3_000, sequence=False)
        bent = np.abs(inputs.numeric[:, 4]) > 0.67
        inputs = changed(inputs, labels=bent.astype(np.int64))
        member = AdditiveMember(AdditiveParameters(), 1)
        member.fit(inputs)
        found = member.logits(FlatRecords(inputs, inputs.test))
        assert roc_auc_score(inputs.labels[inputs.test], found) > 0.95

    def test_a_wide_table_gets_fewer_bins(self):
        inputs = table(n=300, sequence=False)
        wide = np.random.default_rng(0).normal(size=(300, 400)).astype(np.float32)
        inputs = changed(inputs, numeric=wide, numeric_names=tuple(f"c{at}" for at in range(400)))
        member = AdditiveMember(AdditiveParameters(), 1)
        member.fit(inputs)
        assert member.codes.bins == 2
        assert np.isfinite(member.logits(FlatRecords(inputs, inputs.test))).all()

    def test_no_record_gets_no_logit(self, model, inputs):
        nobody = FlatRecords(inputs, np.arange(0))
        assert [len(member.logits(nobody)) for member in model.others[0]] == [0, 0, 0, 0]
