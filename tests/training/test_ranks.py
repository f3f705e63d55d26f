"""Training on several processes: the same steps as in one, the same weights on all, and the best ones come back."""

import os
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from joblib import Parallel, delayed
from pydantic import ValidationError
from torch import Tensor, nn

from crm_pipelines.errors import UserError
from crm_pipelines.models.layers.support import SupportBank
from crm_pipelines.training import ranks
from crm_pipelines.training.parameters import TrainingParameters
from crm_pipelines.training.trainer import train

TRAIN, VALIDATION = np.arange(251), np.arange(251, 300)  # neither is a multiple of two or three


def parameters(**changes) -> TrainingParameters:
    asked = {"epochs": 4, "batch_size": 32, "learning_rate": 0.03, "weight_decay": 0.0, "patience": 4, "devices": 2}
    return TrainingParameters(**{**asked, **changes})


class Line:
    """Two classes and a network whose loss is a plain mean over events."""

    def __init__(self) -> None:
        draw = torch.Generator().manual_seed(0)
        self.features = torch.randn(300, 3, generator=draw)
        self.labels = (self.features[:, 0] + 0.5 * torch.randn(300, generator=draw) > 0).long()
        torch.manual_seed(0)
        self.network = nn.Sequential(nn.Linear(3, 8), nn.ReLU(), nn.Linear(8, 2))

    def loss(self, events: Tensor) -> Tensor:
        return nn.functional.cross_entropy(self.network(self.features[events]), self.labels[events])

    def train(self, **changes) -> np.ndarray:
        rows = train(self.network, self.loss, TRAIN, VALIDATION, parameters(**changes), 0)
        return np.array([[row["train_loss"], row["validation_loss"]] for row in rows])


@given(st.integers(1, 40), st.integers(1, 6))
def test_the_shares_of_a_batch_are_the_batch(events: int, size: int) -> None:
    batch = torch.arange(events) + 7
    parts = [ranks.part(batch, rank, size) for rank in range(size)]
    counted = [events_[:count].tolist() for events_, count in parts]
    assert sorted(event for share in counted for event in share) == batch.tolist()
    assert all(len(events_) for events_, _ in parts)  # nobody has nothing to do
    assert max(count for _, count in parts) - min(count for _, count in parts) <= 1


@pytest.mark.parametrize("devices", [2, 3])
def test_several_processes_find_what_one_finds(devices: int) -> None:
    """Losses agree to rounding: sums of shares in 32 bits."""
    alone, together = Line(), Line()
    expected, found = alone.train(devices=1), together.train(devices=devices)
    np.testing.assert_allclose(found, expected, rtol=1e-5)
    for one, other in zip(together.network.parameters(), alone.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=1e-3, atol=1e-5)
    assert not together.network.training


def test_the_best_weights_come_back_and_training_stops_everywhere() -> None:
    """Training pulls the weight away from where validation wants it: the first epoch is the best."""
    network = nn.Linear(1, 1, bias=False)
    nn.init.zeros_(network.weight)

    def loss(events: Tensor) -> Tensor:
        return (network.weight.sum() - (5.0 if network.training else -5.0)) ** 2 + 0 * events.sum()

    rows = train(network, loss, TRAIN, VALIDATION, parameters(epochs=9, patience=3), 0)
    assert len(rows) == 4
    assert (network.weight.item() + 5) ** 2 == pytest.approx(rows[0]["validation_loss"])


def test_what_an_epoch_changes_in_the_network_is_changed_everywhere() -> None:
    """Each process draws other numbers; the weights of the first one count."""
    line = Line()

    def redraw(epoch: int) -> None:
        if epoch == 0:
            nn.init.normal_(line.network[2].weight)

    rows = train(line.network, line.loss, TRAIN, VALIDATION, parameters(), 0, redraw)
    with torch.no_grad():
        line.network.eval()
        loss = float(line.loss(torch.from_numpy(VALIDATION)))
    assert loss == pytest.approx(min(row["validation_loss"] for row in rows), rel=1e-5)


def test_a_loss_that_is_no_number_is_told() -> None:
    line = Line()
    with pytest.raises(UserError, match="lower 'learning_rate'"):
        train(line.network, lambda events: line.loss(events) * float("nan"), TRAIN, VALIDATION, parameters(), 0)


def test_a_share_needs_two_events() -> None:
    with pytest.raises(ValidationError, match="'batch_size: 4' must be at least twice 'devices: 3'"):
        TrainingParameters(batch_size=4, devices=3)


def test_no_trace_is_left_for_the_next_training(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MASTER_PORT", "12345")
    Line().train(epochs=1)
    assert os.environ["MASTER_PORT"] == "12345"


def _in_a_worker(_: int) -> list[list[float]]:
    return Line().train().tolist()


@pytest.mark.slow
def test_it_works_in_workers_side_by_side() -> None:
    """Runs are executed in workers of joblib, each of which then forks."""
    found = Parallel(n_jobs=2)(delayed(_in_a_worker)(i) for i in range(2))
    np.testing.assert_allclose(found[0], Line().train(devices=1), rtol=1e-5)
    assert found[0] == found[1]


class _Numbers:
    """As much of a log as a bank looks at."""

    def __init__(self, events: int) -> None:
        self.customer, self.device = torch.zeros(events), torch.device("cpu")
        self.inputs = SimpleNamespace(featured=None)


def test_support_is_shared() -> None:
    """After an epoch every process holds the vectors of all events, not those of its own share alone."""
    bank = SupportBank(_Numbers(300), 1, 2, 5)  # type: ignore[arg-type]
    network = nn.Linear(1, 1)

    def loss(events: Tensor) -> Tensor:
        if network.training:
            bank.put(events, events.unsqueeze(1).float())
        held = bank.vectors(torch.arange(300)).sum() if not network.training else torch.zeros(())
        return held + 0 * network(torch.ones(1, 1)).sum()

    rows = train(network, loss, np.arange(64), VALIDATION, parameters(epochs=1), 0)
    assert rows[0]["validation_loss"] == np.arange(64).sum()
