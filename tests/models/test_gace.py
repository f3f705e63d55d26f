"""GACE: attention reads both ends and the edge between them."""

import pytest
import torch
from graph_cases import (
    check_that_a_cold_item_is_what_its_attributes_say,
    check_that_edges_after_the_step_change_nothing,
    entities,
    events_of_last_step,
    shop,
    untrained,
)
from pydantic import ValidationError
from torch.nn import functional

from crm_pipelines.models.behaviour.gace import GACE, GACEConfig


def test_a_layer_is_the_published_attention():
    """Customers of a batch against the formula written out over their raw events, with one head."""
    inputs = shop()
    network, log = untrained(GACE, inputs, layers=1, heads=1)
    events = events_of_last_step(log, 5)
    view = log.view(events)
    graph, layer = view.snapshot, network.rounds[0]
    with torch.no_grad():
        x = network.nodes(log, graph)
        found = entities(network, log, events)[:5]
        for row, i in zip(found, view.customers.tolist(), strict=True):
            kinds = {}  # (item, behaviour) -> ages of its events
            for j, b, age, own in zip(graph.target, graph.behaviour, graph.age, graph.source == i, strict=True):
                if own:
                    kinds.setdefault((int(j), int(b)), []).append(float(age))
            scores, values = [], []
            for (j, b), ages in kinds.items():
                about = torch.tensor([b == 0, b == 1, b == 2, len(ages), min(ages)], dtype=torch.float32)
                about[3:] = torch.log1p(about[3:])
                joint = functional.leaky_relu(layer.lin_l(x[j]) + layer.lin_r(x[i]) + layer.lin_edge(about), 0.2)
                scores.append((layer.att.view(-1) * joint).sum())
                values.append(layer.lin_l(x[j]))
            weights = torch.softmax(torch.stack(scores), 0)
            heard = (weights.unsqueeze(1) * torch.stack(values)).sum(0)
            torch.testing.assert_close(row, functional.elu(heard + layer.res(x[i]) + layer.bias))


def test_a_width_that_heads_do_not_divide_is_refused():
    with pytest.raises(ValidationError, match="multiple of heads"):
        GACEConfig(width=6, heads=4)


def test_a_cold_item_is_what_its_attributes_say():
    check_that_a_cold_item_is_what_its_attributes_say(GACE)


def test_edges_after_the_step_change_nothing():
    check_that_edges_after_the_step_change_nothing(GACE)
