"""TFP-Net+: an average of networks and trees, whose weight validation chooses."""

import numpy as np
import pytest
from shops import prepare, shop_columns

from crm_pipelines.models.behaviour.tfpnet import TFPNet, TFPNetConfig
from crm_pipelines.models.behaviour.tfpnet_plus import SEED_STEP, TFPNetPlus, TFPNetPlusConfig
from crm_pipelines.models.layers.boosting import BoostedTrees, BoostingParameters
from crm_pipelines.training.parameters import TrainingParameters

QUICK = {"width": 8, "neighbours": 4, "hidden": (16,), "training": TrainingParameters(epochs=2, batch_size=256)}
TREES = BoostingParameters(rounds=20, leaves=7)


@pytest.fixture(scope="module")
def inputs():
    return prepare(shop_columns(n=900))


@pytest.fixture(scope="module")
def model(inputs):
    model = TFPNetPlus(TFPNetPlusConfig(**QUICK, members=2, tree_members=2, trees=TREES), 7)
    model.fit(inputs)
    return model


def test_it_is_the_weighted_mean_of_networks_and_trees_fitted_alone(model, inputs):
    """Members share one log and nothing else: each is what it would be by itself."""
    networks, trees = [], []
    for number in range(2):
        alone = TFPNet(TFPNetConfig(**QUICK), 7 + SEED_STEP * number)
        alone.fit(inputs)
        networks.append(alone.predict_proba(inputs, inputs.test))
        boosted = BoostedTrees(TREES, 7 + SEED_STEP * number, len(inputs.classes))
        boosted.fit(
            *(inputs.features(inputs.train), inputs.labels[inputs.train]),
            *(inputs.features(inputs.validation), inputs.labels[inputs.validation]),
        )
        trees.append(boosted.predict_proba(inputs.features(inputs.test)))
    expected = (1 - model.weight) * np.mean(networks, axis=0) + model.weight * np.mean(trees, axis=0)
    np.testing.assert_allclose(model.predict_proba(inputs, inputs.test), expected, atol=1e-6)


def test_the_weight_has_the_lowest_log_loss_on_validation(model, inputs):
    truth = np.arange(len(inputs.validation)), inputs.labels[inputs.validation]
    chosen = model.weight

    def loss(weight: float) -> float:
        model.weight = weight
        return float(-np.log(model.predict_proba(inputs, inputs.validation)[truth]).mean())

    losses = {weight: loss(weight) for weight in (0.0, chosen, 0.5, 1.0)}
    model.weight = chosen
    assert losses[chosen] == min(losses.values())


def test_without_trees_it_is_the_mean_of_networks(inputs):
    model = TFPNetPlus(TFPNetPlusConfig(**QUICK, members=1, tree_members=0), 7)
    history = model.fit(inputs)
    alone = TFPNet(TFPNetConfig(**QUICK), 7)
    alone.fit(inputs)
    np.testing.assert_array_equal(model.predict_proba(inputs, inputs.test), alone.predict_proba(inputs, inputs.test))
    assert {row["member"] for row in history} == {0}
    assert model.n_parameters == alone.n_parameters


def test_fitting_again_begins_anew(inputs):
    once, twice = (TFPNetPlus(TFPNetPlusConfig(**QUICK, members=1, tree_members=1, trees=TREES), 7) for _ in range(2))
    once.fit(inputs)
    twice.fit(inputs)
    twice.fit(inputs)
    np.testing.assert_array_equal(*(model.predict_proba(inputs, inputs.test) for model in (once, twice)))
    assert twice.n_parameters == once.n_parameters
