"""Rows of the graph have unit length; only the given events count."""

import numpy as np
import pytest
import scipy.sparse as sp
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_pipelines.errors import UserError
from crm_pipelines.events.store import EventStore
from crm_pipelines.graph import customer_item_adjacency, item_customer_adjacency, load_adjacency, save_adjacency


def build(customers: list[str], items: list[str], behaviours: list[str]) -> EventStore:
    n = len(customers)
    value, row = [float("nan")] * n, np.arange(n)
    return EventStore.build(customers, items, np.arange(n), behaviours, value, row, None, ["view", "buy"])[0]


STORE = build(["a", "a", "a", "b", "c"], ["x", "x", "y", "x", "y"], ["view", "buy", "view", "view", "buy"])
BEFORE_CUT = np.array([0, 1, 2, 3])


def test_rows_are_event_counts_over_their_length() -> None:
    graph = customer_item_adjacency(STORE, BEFORE_CUT)
    assert graph.dtype == np.float32
    np.testing.assert_allclose(graph.toarray(), [[2 / 5**0.5, 1 / 5**0.5], [1, 0], [0, 0]], rtol=1e-6)
    np.testing.assert_allclose(item_customer_adjacency(STORE, BEFORE_CUT).toarray()[0], [2 / 5**0.5, 1 / 5**0.5, 0])


def test_weights_count_behaviours_differently_and_0_leaves_them_out() -> None:
    graph = customer_item_adjacency(STORE, BEFORE_CUT, {"buy": 2.0})
    np.testing.assert_allclose(graph.toarray()[0], [3 / 10**0.5, 1 / 10**0.5], rtol=1e-6)
    bought = customer_item_adjacency(STORE, BEFORE_CUT, {"view": 0.0})
    assert (bought.nnz, bought[0, 0]) == (1, 1.0)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.sampled_from("abcd"), st.sampled_from("xyz")), min_size=1, max_size=30))
def test_every_row_has_length_1_or_0(pairs: list[tuple[str, str]]) -> None:
    customers, items = map(list, zip(*pairs, strict=True))
    store = build(customers, items, ["view"] * len(pairs))
    events = np.arange(0, len(pairs), 2)
    for graph, entity in (
        (customer_item_adjacency(store, events), store.customer),
        (item_customer_adjacency(store, events), store.item),
    ):
        length = sp.linalg.norm(graph, axis=1)
        np.testing.assert_allclose(length, np.isin(np.arange(graph.shape[0]), entity[events]), atol=1e-6)


def test_saved_graph_is_read_back(tmp_path) -> None:
    graph = customer_item_adjacency(STORE, BEFORE_CUT)
    save_adjacency(graph, tmp_path / "graph" / "customers.npz")
    loaded = load_adjacency(tmp_path / "graph" / "customers.npz")
    assert (loaded != graph).nnz == 0
    assert loaded.dtype == np.float32


@pytest.mark.parametrize(("weights", "told"), [({"sell": 1.0}, "no behaviour sell"), ({"buy": -1.0}, "buy is -1.0")])
def test_mistaken_weights_are_told(weights: dict[str, float], told: str) -> None:
    with pytest.raises(UserError, match=told):
        customer_item_adjacency(STORE, BEFORE_CUT, weights)
