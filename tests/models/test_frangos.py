"""Frangos & O'Shea: centralities are what their names say, and none looks ahead."""

import networkx as nx
import numpy as np
import pytest
from shops import prepare, shop_columns

from crm_pipelines.models.behaviour.frangos import Frangos, FrangosConfig
from crm_pipelines.models.layers.centrality import CENTRALITIES, centralities

# Customers a, b, c and items x, y: a bought x twice; b bought x and y; c bought y. A path a - x - b - y - c.
SOURCE = np.array([0, 0, 1, 1, 2])
TARGET = np.array([0, 0, 0, 1, 1])
PATH = (3, 2)


def column(name, *graph):
    """One centrality without its logarithm."""
    return np.expm1(centralities(*graph)[:, CENTRALITIES.index(name)].astype(np.float64))


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("degree", [1, 2, 1, 2, 2]),  # a, b, c, x, y
        ("weight", [2, 2, 1, 3, 2]),
        ("neighbour_degree", [2, 2, 2, 1.5, 1.5]),
        ("core", [1, 1, 1, 1, 1]),
        ("component", [5, 5, 5, 5, 5]),
    ],
)
def test_counts_of_a_path_of_five(name, expected):
    np.testing.assert_allclose(column(name, SOURCE, TARGET, *PATH), expected, rtol=1e-5)


def test_pagerank_solves_its_linear_equation():
    """r = 0.15 / 5 + 0.85 P' r with the transition matrix of the weighted path; its mean is one after scaling."""
    weights = np.zeros((5, 5))
    np.add.at(weights, (SOURCE, TARGET + 3), 1)
    weights += weights.T
    move = weights / weights.sum(axis=1, keepdims=True)
    rank = np.linalg.solve(np.eye(5) - 0.85 * move.T, np.full(5, 0.15 / 5))
    np.testing.assert_allclose(column("pagerank", SOURCE, TARGET, *PATH), 5 * rank, rtol=1e-5)


def test_hubs_and_authorities_are_leading_singular_vectors():
    left, _, right = np.linalg.svd(np.array([[2.0, 0], [1, 1], [0, 1]]))
    hubs, authorities = np.abs(left[:, 0]), np.abs(right[0])
    expected = np.concatenate([3 * hubs / hubs.sum(), 2 * authorities / authorities.sum()])
    np.testing.assert_allclose(column("hits", SOURCE, TARGET, *PATH), expected, rtol=1e-5)


def test_a_larger_graph_agrees_with_networkx():
    draw = np.random.default_rng(0)
    source, target = draw.integers(0, 30, 200), draw.integers(0, 50, 200)
    source[:30], target[:50] = np.arange(30), np.arange(50)  # every node has an edge
    graph = nx.Graph(zip(source.tolist(), (target + 30).tolist(), strict=True))
    for name, oracle in (("neighbour_degree", nx.average_neighbor_degree(graph)), ("core", nx.core_number(graph))):
        expected = [oracle[node] for node in range(80)]
        np.testing.assert_allclose(column(name, source, target, 30, 50), expected, rtol=1e-5)
    sizes = {node: len(part) for part in nx.connected_components(graph) for node in part}
    np.testing.assert_allclose(
        column("component", source, target, 30, 50), [sizes[node] for node in range(80)], rtol=1e-5
    )


def test_a_graph_without_edges_has_no_central_node():
    nothing = np.zeros(0, dtype=np.int64)
    assert (centralities(nothing, nothing, 2, 1) == np.zeros((3, len(CENTRALITIES)))).all()


@pytest.fixture(scope="module")
def columns():
    return shop_columns(n=900)


@pytest.fixture(scope="module")
def fitted(columns):
    model = Frangos(FrangosConfig(snapshots=4, penalties=(0.01,), iterations=10), 1)
    inputs = prepare(columns)
    model.fit(inputs)
    return model, inputs


class TestEvents:
    def test_an_event_sees_events_strictly_before_its_step_and_no_later_ones(self, fitted):
        """Degrees counted by hand from the log."""
        model, inputs = fitted
        events = np.arange(0, 900, 37)
        found = np.expm1(model.centralities(inputs, events))
        store, time = inputs.store, inputs.store.timestamp
        n = len(CENTRALITIES)
        for event, row in zip(events, found, strict=True):
            boundary = time[0] + (time[event] - time[0]) // model.step * model.step
            assert boundary <= time[event]
            past = time < boundary
            of_customer = past & (store.customer == store.customer[event])
            of_item = past & (store.item == store.item[event])
            counts = [
                *(len(np.unique(store.item[of_customer])), of_customer.sum()),
                *(len(np.unique(store.customer[of_item])), of_item.sum()),
            ]
            np.testing.assert_allclose(row[[0, 1, n, n + 1]], counts, rtol=1e-4, atol=1e-5)

    def test_a_later_edge_changes_nothing(self, fitted, columns):
        model, inputs = fitted
        events = np.arange(700)
        before = model.centralities(inputs, events)
        changed = {key: values.copy() for key, values in columns.items()}
        draw = np.random.default_rng(5)
        changed["customer"][700:], changed["item"][700:] = draw.permutation(changed["customer"][700:]), "new"
        assert (model.centralities(prepare(changed), events) == before).all()

    def test_nobody_is_central_before_the_second_step(self, fitted):
        model, inputs = fitted
        first = np.flatnonzero(inputs.store.timestamp < inputs.store.timestamp[0] + model.step)
        assert len(first) > 0
        assert (model.centralities(inputs, first) == 0).all()

    def test_the_linear_model_reads_centralities_beside_the_features(self, fitted):
        model, inputs = fitted
        width = 2 * len(CENTRALITIES) + len(inputs.all_feature_names)
        assert model.regression.coefficients.shape == (3, width)
        assert np.abs(model.regression.coefficients[:, : 2 * len(CENTRALITIES)]).max() > 1e-3
