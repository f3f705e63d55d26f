"""QRCNN-LSTM on behaviour: the customer's sequence, and quantiles as a loss where the source has values."""

import dataclasses

import numpy as np
import pytest
import torch
from shops import prepare, shop_columns
from torch.nn import functional

from crm_pipelines.models.behaviour.qrcnn_lstm import QRCNNLSTM, QRCNNLSTMConfig
from crm_pipelines.training.parameters import TrainingParameters

QUICK = {
    "neighbours": 6,
    "channels": 4,
    "regions": 3,
    "width": 8,
    "entity_width": 4,
    "time_width": 4,
    "hidden": (8,),
    "dropout": 0.0,
    "training": TrainingParameters(epochs=2, batch_size=256, learning_rate=5e-3),
}


def with_values(inputs, values: np.ndarray):
    store = dataclasses.replace(inputs.store, value=values.astype(np.float32))
    return dataclasses.replace(inputs, store=store)


@pytest.fixture(scope="module")
def inputs():
    """A shop without values."""
    return prepare(shop_columns(n=900))


@pytest.fixture(scope="module")
def rated(inputs):
    """The same shop; two events of three have a value."""
    values = np.random.default_rng(0).exponential(size=900)
    values[::3] = np.nan
    return with_values(inputs, values)


def fit(inputs, **changes) -> QRCNNLSTM:
    model = QRCNNLSTM(QRCNNLSTMConfig(**{**QUICK, **changes}), 1)
    model.fit(inputs)
    return model


def losses(model, inputs, events: np.ndarray) -> tuple[float, float]:
    """Loss in training mode, and cross-entropy of the same batch in the same mode."""
    log, batch = model.log_of(inputs), torch.from_numpy(events)
    model.network.train()
    with torch.no_grad():
        total = model.loss(log, batch).item()
        plain = functional.cross_entropy(model.network(log, batch), log.label[batch]).item()
    model.network.eval()
    return total, plain


def test_the_quantile_loss_is_added_over_events_with_a_value(rated):
    model, events = fit(rated), rated.train[:64]
    total, plain = losses(model, rated, events)
    log, batch = model.log_of(rated), torch.from_numpy(events)
    model.network.train()
    with torch.no_grad():
        estimates = model.network.quantiles(model.network.encode(log, batch)[1])
    model.network.eval()
    rows = log.has_value[batch] > 0
    assert 0 < rows.sum() < len(events)
    error = log.value[batch][rows].unsqueeze(1) - estimates[rows]
    tau = torch.tensor([0.1, 0.25, 0.5, 0.75, 0.9])
    pinball = torch.where(error > 0, tau * error, (tau - 1) * error).mean().item()
    assert total - plain == pytest.approx(0.2 * pinball, rel=1e-3)


def test_without_values_the_quantile_loss_is_off(inputs):
    model = fit(inputs)
    total, plain = losses(model, inputs, inputs.train[:64])
    assert total == pytest.approx(plain, abs=1e-6)


def test_without_weight_there_are_no_heads_and_values_do_not_train(rated):
    model = fit(rated, quantile_weight=0.0)
    assert model.network.quantiles is None
    total, plain = losses(model, rated, rated.train[:64])
    assert total == pytest.approx(plain, abs=1e-6)


def test_weights_are_chosen_by_the_classification_alone(rated):
    model = fit(rated)
    log, batch = model.log_of(rated), torch.from_numpy(rated.validation)
    with torch.no_grad():
        expected = functional.cross_entropy(model.network(log, batch), log.label[batch])
        torch.testing.assert_close(model.loss(log, batch), expected)


def test_a_prediction_does_not_read_the_value_of_its_own_event(rated):
    """Only what lies before an event is read: its own value may be anything."""
    model, late = fit(rated), rated.test[-1:]
    before = model.predict_proba(rated, late)
    values = rated.store.value.copy()
    values[late] = 50.0
    assert (model.predict_proba(with_values(rated, values), late) == before).all()
    values[: late[0]] = values[: late[0]][::-1]  # those of earlier events are read
    assert not np.allclose(model.predict_proba(with_values(rated, values), late), before, atol=1e-7)


def test_customers_without_history_are_predicted_and_trained(inputs):
    model = fit(inputs)
    index = inputs.store.customers
    events = np.arange(len(inputs.labels))
    new = events[~index.history(events, 1)[1][:, 0]]
    assert len(new)
    assert np.isfinite(model.predict_proba(inputs, new)).all()
    model.loss(model.log_of(inputs), torch.from_numpy(new)).backward()
    gradients = [p.grad for p in model.network.parameters() if p.grad is not None]
    assert gradients
    assert all(torch.isfinite(gradient).all() for gradient in gradients)


def test_queries_weigh_the_regions_of_the_sequence(inputs):
    """The attention's input is what it should be: three tokens onto as many states as there are regions."""
    model, seen = fit(inputs), []
    hook = model.network.attend.register_forward_hook(lambda _, args, out: seen.append((args, out)))
    model.predict_proba(inputs, inputs.test[:20])
    hook.remove()
    ((queries, states, _), (_, weights)) = seen[0]
    assert queries.shape == (20, 3, 4)
    assert states.shape == (20, 3, 8)
    torch.testing.assert_close(weights.sum(-1), torch.ones(20, 1, 3))
