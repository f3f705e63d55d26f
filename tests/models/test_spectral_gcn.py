"""Spectral GCN: a layer is the published filter, on a graph weighted by the number of events."""

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

from crm_pipelines.models.behaviour.spectral_gcn import SpectralGCN, centrality


def dense_adjacency(log, view):
    """A[i, j]: number of events between two nodes."""
    adjacency = np.zeros((len(view.snapshot.nodes),) * 2)
    for i, j in zip(view.snapshot.source.tolist(), view.snapshot.target.tolist(), strict=True):
        adjacency[i, j] += 1
        adjacency[j, i] += 1
    return adjacency


def test_a_layer_is_the_chebyshev_filter_of_the_dense_laplacian():
    inputs = shop(new_items=2)
    network, log = untrained(SpectralGCN, inputs, layers=1, order=4, centrality=False)
    events = events_of_last_step(log, 10)
    view = log.view(events)
    adjacency = dense_adjacency(log, view)
    degree = adjacency.sum(axis=1)
    root = np.divide(1, np.sqrt(degree), out=np.zeros_like(degree), where=degree > 0)
    laplacian = np.eye(len(degree)) - root[:, None] * adjacency * root
    scaled = laplacian - np.eye(len(degree))  # 2 L / lambda_max - I with lambda_max = 2
    with torch.no_grad():
        terms = [network.nodes(log, view.snapshot).double().numpy()]
        terms.append(scaled @ terms[0])
        while len(terms) < 4:
            terms.append(2 * scaled @ terms[-1] - terms[-2])
        layer = network.rounds[0]
        out = sum(t @ w.weight.double().numpy().T for t, w in zip(terms, layer.lins, strict=True))
        expected = np.maximum(out + layer.bias.double().numpy(), 0)
    rows = torch.cat([view.customers, view.items])
    np.testing.assert_allclose(entities(network, log, events).numpy(), expected[rows.numpy()], atol=1e-5)


def test_two_is_the_largest_eigenvalue_of_the_laplacian():
    _, log = untrained(SpectralGCN, shop())
    adjacency = dense_adjacency(log, log.view(events_of_last_step(log)))
    root = 1 / np.sqrt(adjacency.sum(axis=1))
    laplacian = np.eye(len(root)) - root[:, None] * adjacency * root
    np.testing.assert_allclose(np.linalg.eigvalsh(laplacian)[-1], 2)


def test_centrality_is_the_leading_eigenvector():
    _, log = untrained(SpectralGCN, shop())
    view = log.view(events_of_last_step(log))
    leading = np.abs(np.linalg.eigh(dense_adjacency(log, view))[1][:, -1])
    found = torch.expm1(centrality(log.snapshot(view.step))).squeeze(1)
    np.testing.assert_allclose(found, leading / leading.mean(), atol=1e-3)


def test_a_cold_item_is_what_its_attributes_say():
    check_that_a_cold_item_is_what_its_attributes_say(SpectralGCN)


def test_edges_after_the_step_change_nothing():
    check_that_edges_after_the_step_change_nothing(SpectralGCN)
