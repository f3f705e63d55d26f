"""DeepFM alone: the published sum on features and entities, and nothing of the sequence."""

import dataclasses

import numpy as np
import pytest
import torch
from shops import prepare, shop_columns

from crm_pipelines.models.behaviour.deepfm import DeepFMConfig, DeepFMModel
from crm_pipelines.training.parameters import TrainingParameters

QUICK = {
    "entity_width": 4,
    "factors": 3,
    "hidden": (8,),
    "training": TrainingParameters(epochs=2, batch_size=256, learning_rate=5e-3),
}


@pytest.fixture(scope="module")
def inputs():
    return prepare(shop_columns(n=900))


@pytest.fixture(scope="module")
def model(inputs):
    fitted = DeepFMModel(DeepFMConfig(**QUICK), 1)
    fitted.fit(inputs)
    return fitted


def test_logits_are_linear_plus_pairs_plus_network_on_features_and_entities(model, inputs):
    """With the pairwise term summed pair by pair."""
    network, log, events = model.network, model.log_of(inputs), torch.from_numpy(inputs.test[:3])
    customer, item = log.customer[events], log.item[events]
    x = torch.cat(
        [
            network.customers(log.customer_static, log.customer_codes, customer),
            network.items(log.item_static, log.item_codes, item),
            network.scaling(log.features(events)),
        ],
        dim=1,
    )
    n, v = x.shape[1], network.deepfm.factors
    pairs = sum(v[i] * v[j] * (x[:, i] * x[:, j]).unsqueeze(1) for i in range(n) for j in range(i + 1, n)) / n**0.5
    deep = network.deepfm
    expected = deep.linear(x) + deep.readout(torch.cat([deep.mlp(x), pairs], dim=1))
    torch.testing.assert_close(network(log, events), expected, atol=1e-4, rtol=1e-4)


def test_it_sees_past_events_through_the_shared_features_only(model, inputs):
    """Other behaviours in the log, with the same features, change nothing."""
    other = dataclasses.replace(inputs.store, behaviour=(inputs.store.behaviour + 1) % 3)
    shuffled = dataclasses.replace(inputs, store=other)
    before = model.predict_proba(inputs, inputs.test)
    assert (model.predict_proba(shuffled, inputs.test) == before).all()


def test_the_entity_counts(model, inputs):
    other = dataclasses.replace(inputs, item_codes=(inputs.item_codes % 6 + 1).astype(np.int32))
    before = model.predict_proba(inputs, inputs.test)
    assert not np.allclose(model.predict_proba(other, inputs.test), before, atol=1e-6)


def test_every_weight_is_trained(inputs):
    """No refined vector without a reader: each parameter has a gradient."""
    model = DeepFMModel(DeepFMConfig(**QUICK), 1)
    model.fit(inputs)
    model.network.train()
    model.loss(model.log_of(inputs), torch.from_numpy(inputs.train[:64])).backward()
    assert [name for name, p in model.network.named_parameters() if p.grad is None] == []
