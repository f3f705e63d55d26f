"""The GRU: reads the latest events of both sides in order, and an entity without any by its attributes."""

import numpy as np
import pytest
import torch
from shops import prepare, shop_columns

from crm_pipelines.models.behaviour.gru import GRUConfig, GRUModel
from crm_pipelines.training.parameters import TrainingParameters

QUICK = {
    "width": 8,
    "neighbours": 5,
    "entity_width": 4,
    "time_width": 4,
    "hidden": (8,),
    "training": TrainingParameters(epochs=2, batch_size=256, learning_rate=5e-3),
}


@pytest.fixture(scope="module")
def inputs():
    return prepare(shop_columns(n=900))


@pytest.fixture(scope="module")
def model(inputs):
    fitted = GRUModel(GRUConfig(**QUICK), 1)
    fitted.fit(inputs)
    return fitted


def first_events(inputs, side: str) -> np.ndarray:
    """Events before which an entity of that side did nothing."""
    index = getattr(inputs.store, f"{side}s")
    events = np.arange(len(inputs.labels))
    return events[~index.history(events, 1)[1][:, 0]]


@pytest.mark.parametrize("side", ["customer", "item"])
def test_without_history_the_state_is_the_entity_itself(side, model, inputs):
    network, log = model.network, model.log_of(inputs)
    events = torch.from_numpy(first_events(inputs, side)[:10])
    entity = getattr(log, side)[events]
    static, codes = getattr(log, f"{side}_static"), getattr(log, f"{side}_codes")
    own = getattr(network, f"{side}s")(static, codes, entity)
    assert len(events)
    with torch.no_grad():
        torch.testing.assert_close(network.state(log, side, events), torch.tanh(network.begin[side](own)))


def test_the_first_event_of_all_is_predicted(model, inputs):
    assert np.isfinite(model.predict_proba(inputs, np.array([0]))).all()


@pytest.mark.parametrize("side", ["customer", "item"])
def test_the_state_is_that_of_the_unpadded_tokens(side, model, inputs):
    """Against the unit run over one history after another, each without its padding."""
    network, log = model.network, model.log_of(inputs)
    index = getattr(inputs.store, f"{side}s")
    events = np.arange(60, 160)
    lengths = index.history(events, 5)[1].sum(axis=1)
    assert {2, 5} <= set(lengths.tolist())
    batch = torch.from_numpy(events)
    with torch.no_grad():
        states = network.state(log, side, batch)
        tokens, past = network.tokens(log, side, batch, 5, network.customers, network.items)
        entity = getattr(log, side)[batch]
        static, codes = getattr(log, f"{side}_static"), getattr(log, f"{side}_codes")
        start = torch.tanh(network.begin[side](getattr(network, f"{side}s")(static, codes, entity)))
        for row in np.flatnonzero(lengths)[:20]:
            _, last = network.read[side].gru(tokens[row][past.mask[row]].unsqueeze(0), start[row].view(1, 1, -1))
            torch.testing.assert_close(states[row], last[0, 0])


def test_order_matters(model):
    """The same steps the other way round leave another state."""
    read = model.network.read["customer"]
    x = torch.randn(4, 5, read.gru.input_size, generator=torch.Generator().manual_seed(0))
    mask, start = torch.ones(4, 5, dtype=torch.bool), torch.zeros(4, 8)
    assert not torch.allclose(read(x, mask, start), read(x.flip(1), mask, start), atol=1e-4)
