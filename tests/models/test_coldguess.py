"""ColdGuess: one weight matrix a relation, and shared attribute values through which cold entities hear of others."""

import numpy as np
import torch
from graph_cases import (
    check_that_a_cold_item_is_what_its_attributes_say,
    check_that_edges_after_the_step_change_nothing,
    entities,
    events_of_last_step,
    shop,
    untrained,
)

from crm_pipelines.models.behaviour.coldguess import ColdGuess


def test_a_layer_is_the_sum_of_means_over_relations():
    """Against dense matrices: one a relation, behaviours in both directions."""
    inputs = shop(new_items=2)
    network, log = untrained(ColdGuess, inputs, layers=1, bases=2, influence=False)
    events = events_of_last_step(log, 10)
    view = log.view(events)
    graph, layer = view.snapshot, network.rounds[0]
    with torch.no_grad():
        x = network.nodes(log, graph)
        weights = torch.einsum("rb,bio->rio", layer.comp, layer.weight)
        expected = x @ layer.root + layer.bias
        for behaviour in range(3):
            adjacency = torch.zeros(len(x), len(x))
            of = graph.behaviour == behaviour
            adjacency[graph.source[of], graph.target[of]] = 1  # repeated events count once
            for relation, incoming in ((behaviour, adjacency.T), (behaviour + 3, adjacency)):
                mean = incoming @ x / incoming.sum(1, keepdim=True).clamp(min=1)
                expected += mean @ weights[relation]
    rows = torch.cat([view.customers, view.items])
    torch.testing.assert_close(entities(network, log, events), torch.relu(expected)[rows])


class TestInfluence:
    """Shared attribute values."""

    def silent(self, **config):
        """A network in which a code says nothing by itself, so that all it tells comes from those who share it."""
        network, log = untrained(ColdGuess, shop(new_items=8), **config)
        for table in network.nodes.items.tables:
            torch.nn.init.zeros_(table.weight)
        torch.nn.init.zeros_(network.nodes.items.project.weight)
        return network, log

    def test_a_cold_item_hears_of_known_items_with_its_code(self):
        network, log = self.silent()
        h = entities(network, log, events_of_last_step(log, 8))[8:]
        assert not torch.allclose(h[1], h[0], atol=1e-5)
        torch.testing.assert_close(h[7], h[0])  # the same code

    def test_without_it_a_cold_item_hears_nothing(self):
        network, log = self.silent(influence=False)
        h = entities(network, log, events_of_last_step(log, 8))[8:]
        torch.testing.assert_close(h[1], h[0])

    def test_cold_entities_tell_nothing(self):
        """Items asked for at the same time share codes, yet each is represented as if it were alone."""
        network, log = untrained(ColdGuess, shop(new_items=8))
        events = events_of_last_step(log, 8)
        alone = torch.cat([entities(network, log, event.view(1))[1:] for event in events])
        torch.testing.assert_close(entities(network, log, events)[8:], alone)

    def test_unknown_values_tie_nobody(self):
        """Code 0 is no value: ties reach every other code of the snapshot and never that one."""
        inputs = shop()
        network, log = untrained(ColdGuess, inputs)
        log.item_codes[::2] = 0
        view = log.view(events_of_last_step(log, 1))
        nodes = view.snapshot.nodes
        ties = network.values.ties(log, nodes, len(nodes))
        values = (ties.edges[1][ties.kind == network.values.first] - len(nodes)).numpy()
        seen = nodes[nodes >= log.n_customers] - log.n_customers
        expected = log.item_codes[seen, 0].numpy()
        np.testing.assert_array_equal(np.sort(values), np.sort(expected[expected > 0]))


def test_a_cold_item_is_what_its_attributes_say():
    check_that_a_cold_item_is_what_its_attributes_say(ColdGuess)


def test_edges_after_the_step_change_nothing():
    check_that_edges_after_the_step_change_nothing(ColdGuess)
