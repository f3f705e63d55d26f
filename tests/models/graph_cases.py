"""Graph models without training, on shops that ask what a test of them needs."""

from dataclasses import replace
from typing import Any

import numpy as np
import torch
from shops import prepare, shop_columns

from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.behaviour.graph import GraphModel
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.models.layers.snapshots import SnapshotLog


def shop(n: int = 400, new_items: int = 0) -> EventInputs:
    """A shop whose last ``new_items`` events each bring an item that nobody has seen before."""
    columns = shop_columns(n)
    columns["item"][n - new_items :] = [f"new {i}" for i in range(new_items)]
    return prepare(columns)


def untrained(model: type[GraphModel], inputs: EventInputs, **config: Any) -> tuple[Any, SnapshotLog]:
    """The network as it starts, ready to predict, and the log it reads."""
    fresh = model(model.Config(width=8, hidden=(8,), snapshots=4, **config), seed=1)
    torch.manual_seed(1)
    return fresh.build(Sizes.of(inputs)).eval(), fresh.open(inputs)


def events_of_last_step(log: SnapshotLog, most: int = 40) -> torch.Tensor:
    """The latest events that share a snapshot (B,)."""
    return (log.step == log.step[-1]).nonzero().squeeze(1)[-most:]


def entities(network: Any, log: SnapshotLog, events: torch.Tensor) -> torch.Tensor:
    """Representations (2 B, width) of the customers and then the items of events of one step."""
    view = log.view(events)
    with torch.no_grad():
        h: torch.Tensor = network.represent(log, view, torch.cat([view.customers, view.items]))
    return h


def check_that_edges_after_the_step_change_nothing(model: type[GraphModel]) -> None:
    """Other behaviours and partners from the step on, the same representations; before it, others."""
    inputs = shop()
    network, log = untrained(model, inputs)
    events = events_of_last_step(log)
    boundary = int((log.step < log.step[-1]).sum())
    expected = entities(network, log, events)
    for rows, same in ((slice(boundary, None), True), (slice(0, boundary), False)):
        behaviour = np.array(inputs.store.behaviour)
        behaviour[rows] = (behaviour[rows] + 1) % 3
        other = replace(inputs, store=replace(inputs.store, behaviour=behaviour))
        _, changed = untrained(model, other)
        found = entities(network, changed, events)
        assert torch.allclose(found, expected, atol=1e-6) == same


def check_that_a_cold_item_is_what_its_attributes_say(model: type[GraphModel], **config: Any) -> None:
    """Items without an edge: finite, alike where attributes are, different where they are not."""
    inputs = shop(new_items=8)
    inputs = replace(inputs, item_static=np.zeros_like(inputs.item_static))  # leaves seven codes
    network, log = untrained(model, inputs, **config)
    h = entities(network, log, events_of_last_step(log, 8))[8:]
    assert torch.isfinite(h).all()
    torch.testing.assert_close(h[7], h[0])  # the eighth new item has the first one's code
    assert not torch.allclose(h[1], h[0], atol=1e-4)
