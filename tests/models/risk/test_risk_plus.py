"""QRCNN-LSTM+: members of every part, weighted by what they predict of rows that they have not seen."""

import dataclasses

import numpy as np
import pytest
from risk_tables import changed, table
from scipy.special import expit

from crm_pipelines.models.layers.boosting import TableBoostingParameters
from crm_pipelines.models.layers.extreme_boosting import ExtremeBoostingParameters
from crm_pipelines.models.layers.record_summaries import summaries
from crm_pipelines.models.layers.stacking import stack
from crm_pipelines.models.risk.average import SEED_STEP
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


@pytest.fixture(scope="module")
def model(inputs):
    trees, extreme = TableBoostingParameters(rounds=30), ExtremeBoostingParameters(rounds=30)
    model = QRCNNLSTMPlus(QRCNNLSTMPlusConfig(**NETWORK, parts=3, trees=trees, extreme=extreme), 7)
    model.fit(inputs)
    return model


def test_members_are_fitted_on_all_parts_but_one(model, inputs):
    labels = inputs.labels[inputs.train]
    rest, _ = list(model._parts(labels))[1]
    alone = QRCNNLSTM(QRCNNLSTMConfig(**NETWORK), 7 + SEED_STEP)
    alone.fit(dataclasses.replace(inputs, train=inputs.train[rest]))
    expected = alone.predict_proba(inputs, inputs.test)
    np.testing.assert_allclose(model.networks[1].predict_proba(inputs, inputs.test), expected, atol=1e-7)


def test_parts_cover_the_training_rows_once(model, inputs):
    labels = inputs.labels[inputs.train]
    own = np.concatenate([part for _, part in model._parts(labels)])
    np.testing.assert_array_equal(np.sort(own), np.arange(len(labels)))


def test_the_prediction_is_the_weighted_mean_of_logits(model, inputs):
    mean = model._logits(inputs, inputs.test, model.networks, model.others)
    expected = expit(mean @ model.weights[:-1] + model.weights[-1])
    np.testing.assert_allclose(model.predict_proba(inputs, inputs.test)[:, 1], expected)
    assert (model.weights[:-1] >= 0).all()


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
