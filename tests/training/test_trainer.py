"""The one training loop: what it minimises, when it stops and which weights it leaves."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from crm_pipelines.errors import UserError
from crm_pipelines.training.parameters import TrainingParameters
from crm_pipelines.training.trainer import Batches, time_steps, train

EVENTS = np.arange(256)


class Point(nn.Module):
    """A network of one weight, whose losses can be written down."""

    def __init__(self, start: float = 0.0) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(start))


def parameters(**changes) -> TrainingParameters:
    defaults = {"epochs": 8, "batch_size": 32, "learning_rate": 0.05, "weight_decay": 0.0, "patience": 8}
    return TrainingParameters(**{**defaults, **changes})


class Classifier:
    """Two classes that one feature separates; the network has batch normalisation and dropout."""

    def __init__(self, seed: int = 0) -> None:
        draw = np.random.default_rng(0)
        self.labels = torch.from_numpy(draw.integers(0, 2, 300))
        self.features = torch.randn(300, 3, generator=torch.Generator().manual_seed(0))
        self.features[:, 0] += 3.0 * self.labels
        torch.manual_seed(seed)
        self.network = nn.Sequential(nn.Linear(3, 8), nn.BatchNorm1d(8), nn.ReLU(), nn.Dropout(0.1), nn.Linear(8, 2))

    def loss(self, events: Tensor) -> Tensor:
        return nn.functional.cross_entropy(self.network(self.features[events]), self.labels[events])

    def train(self, seed: int = 0, events: np.ndarray = EVENTS, **changes) -> list[dict[str, float]]:
        return train(self.network, self.loss, events, np.arange(256, 300), parameters(**changes), seed)

    def weights(self) -> bytes:
        return b"".join(tensor.numpy().tobytes() for tensor in self.network.state_dict().values())


def test_the_loss_falls_on_training_and_on_validation():
    history = Classifier().train(learning_rate=0.01)
    assert [row["epoch"] for row in history] == list(range(8))
    assert history[-1]["train_loss"] < 0.5 * history[0]["train_loss"]
    assert min(row["validation_loss"] for row in history) < 0.8 * history[0]["validation_loss"]
    assert all(row["seconds"] > 0 for row in history)


def test_the_same_seed_gives_the_same_bytes_and_another_other_batches():
    def trained(seed: int) -> bytes:
        classifier = Classifier()
        torch.manual_seed(1)  # of dropout
        classifier.train(seed, epochs=2)
        return classifier.weights()

    assert trained(1) == trained(1)
    assert trained(1) != trained(2)


def test_it_stops_when_validation_has_not_improved_for_so_many_epochs_and_keeps_the_best_weights():
    """Training pulls the weight away from where validation wants it, so that the first epoch is the best."""
    point, seen = Point(), []

    def loss(events: Tensor) -> Tensor:
        target = 5.0 if point.training else -5.0
        return (point.weight - target) ** 2

    history = train(point, loss, EVENTS, EVENTS, parameters(patience=3), 0, lambda _: seen.append(point.weight.item()))
    assert len(history) == len(seen) == 4  # the best epoch and three more
    assert seen == sorted(seen)
    assert point.weight.item() == seen[0]
    assert not point.training


def test_the_best_weights_may_be_those_of_an_epoch_in_the_middle():
    point, seen = Point(), []

    def loss(events: Tensor) -> Tensor:
        return (point.weight - (5.0 if point.training else 1.0)) ** 2  # validation is best on the way

    history = train(point, loss, EVENTS, EVENTS, parameters(), 0, lambda _: seen.append(point.weight.item()))
    best = int(np.argmin([row["validation_loss"] for row in history]))
    assert 0 < best < len(history) - 1
    assert point.weight.item() == seen[best]


@pytest.mark.parametrize(("most_events", "epochs"), [(10**6, 20), (4 * len(EVENTS), 4), (1, 1)])
def test_the_learning_rate_follows_a_cosine_over_the_passes_that_the_log_gets(most_events, epochs):
    """Under a constant gradient each step of Adam is as long as the learning rate."""
    point, seen = Point(), [0.0]

    def loss(events: Tensor) -> Tensor:
        return point.weight.clone() + 0 * events.sum()

    asked = parameters(epochs=20, patience=20, most_events=most_events)
    train(point, loss, EVENTS, EVENTS, asked, 0, lambda _: seen.append(point.weight.item()))
    steps = -np.diff(seen) / (len(EVENTS) // 32)
    expected = [0.05 * (1 + math.cos(math.pi * epoch / epochs)) / 2 for epoch in range(epochs)]
    np.testing.assert_allclose(steps, expected, rtol=1e-3, atol=1e-6)
    if epochs == 20:
        assert steps[-1] < 0.01 * steps[0]


def test_a_last_batch_of_one_event_does_no_harm():
    """Batch normalisation has no variance over one event."""
    history = Classifier().train(events=np.arange(65), epochs=2)
    assert all(np.isfinite(row["train_loss"]) for row in history)


def test_every_validation_event_counts_once_whatever_the_batches():
    """Batches of validation are weighted by their size, and one of a single event is kept."""
    point = Point(1.0)

    def loss(events: Tensor) -> Tensor:
        return point.weight * (1.0 if point.training else events.double().mean())

    validation = np.arange(4 * 32 + 1)  # one full batch, which is four times as large, and one event
    history = train(point, loss, EVENTS, validation, parameters(epochs=1, learning_rate=1e-9), 0)
    assert history[0]["validation_loss"] == pytest.approx(validation.mean())


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 70), st.integers(2, 16), st.booleans())
def test_batches_hold_every_event_once_but_for_a_single_last_one(n, size, shuffled):
    batches = Batches(np.arange(n), size, 1 if shuffled else None)
    found = [batch.tolist() for batch in batches]
    assert len(found) == len(batches)
    events = [event for batch in found for event in batch]
    left_out = int(shuffled and n % size == 1)
    assert len(events) == len(set(events)) == n - left_out
    if not shuffled:
        assert events == list(range(n))
    assert all(len(batch) == size for batch in found[:-1])


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, 3), max_size=60), st.integers(3, 16), st.booleans())
def test_batches_of_groups_are_of_one_group_and_of_about_equal_size(groups, size, shuffled):
    group = np.array(groups, dtype=np.int64)
    batches = Batches(np.arange(len(group)), size, 1 if shuffled else None, group)
    found = [batch.tolist() for batch in batches]
    assert len(found) == len(batches)
    assert all(len(set(group[batch].tolist())) == 1 for batch in found)
    alone = sum((group == value).sum() == 1 for value in np.unique(group)) if shuffled else 0
    events = [event for batch in found for event in batch]
    assert len(set(events)) == len(events) == len(group) - alone
    for value in np.unique(group):
        sizes = [len(batch) for batch in found if group[batch[0]] == value]
        assert not sizes or (max(sizes) <= size and max(sizes) - min(sizes) <= 1)


def test_timing_steps_trains_on():
    """It moves the weights, which the caller restores, and says how long a step of that size takes."""
    classifier = Classifier()
    before = classifier.weights()
    seconds = time_steps(classifier.network, classifier.loss, EVENTS, 16, 5, parameters())
    assert 0 < seconds < 5
    assert classifier.weights() != before


def test_each_epoch_is_shuffled_anew():
    batches = Batches(np.arange(64), 64, 1)
    first, second = next(iter(batches)).tolist(), next(iter(batches)).tolist()
    assert first != second
    assert sorted(first) == sorted(second)


def test_large_gradients_are_clipped():
    point = Point()
    gradients = []
    point.weight.register_post_accumulate_grad_hook(lambda parameter: gradients.append(parameter.grad))

    def loss(events: Tensor) -> Tensor:
        return 1e6 * point.weight + 0 * events.sum()

    train(point, loss, EVENTS, EVENTS, parameters(epochs=1, clip=0.5), 0)
    assert abs(gradients[-1].item()) == pytest.approx(0.5, rel=1e-3)  # clipped in place before the step


def test_after_a_loss_that_is_no_number_the_best_weights_remain():
    point, epochs = Point(), []

    def loss(events: Tensor) -> Tensor:
        broken = not point.training and len(epochs) == 2
        return (point.weight - 5.0) ** 2 * (math.nan if broken else 1.0)

    history = train(point, loss, EVENTS, EVENTS, parameters(), 0, lambda _: epochs.append(point.weight.item()))
    assert len(history) == 3  # it stops there
    assert point.weight.item() == epochs[1]


def test_training_that_never_works_is_told():
    point = Point()
    with pytest.raises(UserError, match="lower 'learning_rate' under 'training'"):
        train(point, lambda events: point.weight * math.nan, EVENTS, EVENTS, parameters(), 0)
