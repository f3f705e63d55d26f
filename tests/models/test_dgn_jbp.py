"""DGN-JBP: its two graphs are what they should be, and neither the states nor the social task look ahead."""

from collections import Counter
from itertools import permutations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shops import prepare, shop_columns

from crm_pipelines.models.behaviour.dgn_jbp import DGNJBP, Attend, DGNJBPConfig
from crm_pipelines.models.layers.dual_graphs import DualGraphs, shared_items
from crm_pipelines.models.layers.sizes import Sizes

QUICK = {"snapshots": 5, "width": 6, "hidden": (8,), "dropout": 0.0, "training": {"epochs": 1, "batch_size": 256}}


@pytest.fixture(scope="module")
def columns():
    return shop_columns(n=900)


@pytest.fixture(scope="module")
def inputs(columns):
    return prepare(columns)


def untrained(inputs, **config):
    torch.manual_seed(0)
    model = DGNJBP(DGNJBPConfig(**{**QUICK, **config}), 1)
    model.sizes = Sizes.of(inputs)
    network = model.build(model.sizes).eval()
    return network, model.open(inputs)


def one_step(log, step=4):
    return torch.nonzero(log.step == step).squeeze(1)


# -- the customer-customer graph ---------------------------------------------------------------------------------


def brute_force(customer, item, per_item, neighbours):
    """Links {(from, to): shared items} by loops over items, customers and pairs."""
    shared = Counter()
    for thing in set(item):
        latest = list(dict.fromkeys(c for c, i in reversed(list(zip(customer, item, strict=True))) if i == thing))
        shared.update(permutations(latest[:per_item], 2))
    links = {}
    for listener in set(customer):
        ranked = sorted((-shared[c, listener], c) for c in set(customer) if shared[c, listener])
        links.update({(c, listener): -count for count, c in ranked[:neighbours]})
    return links


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 6), st.integers(0, 4)), max_size=40),
    st.integers(2, 4),
    st.integers(1, 4),
)
def test_customers_are_joined_as_by_brute_force(events, per_item, neighbours):
    customer, item = np.array(events, dtype=np.int64).reshape(-1, 2).T
    links, shared = shared_items(customer, item, per_item, neighbours)
    found = {(int(a), int(b)): int(s) for (a, b), s in zip(links.T, shared, strict=True)}
    assert len(found) == links.shape[1]
    assert found == brute_force(customer.tolist(), item.tolist(), per_item, neighbours)


def test_a_popular_item_joins_only_its_latest_customers():
    links, _ = shared_items(np.array([0, 1, 2, 3, 0]), np.zeros(5, dtype=np.int64), per_item=2, neighbours=9)
    assert {tuple(link) for link in links.T.tolist()} == {(0, 3), (3, 0)}


# -- windows -----------------------------------------------------------------------------------------------------


def test_windows_hold_each_earlier_event_once_at_its_time(inputs):
    """Edges and activity of every window against a count over the log."""
    network, log = untrained(inputs, windows=3)
    store, nodes = inputs.store, log.snapshot(4).nodes
    boundary = int(store.timestamp[0]) + 4 * log.length
    limits = (0, boundary - 2 * log.length, boundary - log.length, boundary)
    for number, window in enumerate(network.graphs(log, 4)):
        inside = (store.timestamp >= limits[number]) & (store.timestamp < limits[number + 1])
        assert inside.sum() > 50
        ends = nodes[window.nodes][window.edges]
        count = inside.sum()
        assert (ends[0, :count].numpy() == store.customer[inside]).all()
        assert (ends[1, :count].numpy() == store.item[inside] + store.n_customers).all()
        assert (window.edges[:, count:] == window.edges[:, :count].flip(0)).all()  # and back
        assert (window.behaviour[:count].argmax(1).numpy() == store.behaviour[inside]).all()
        first = int(nodes[window.nodes[0]])
        own = inside & (store.customer == first)
        expected = np.log1p(np.bincount(store.behaviour[own], minlength=3))
        np.testing.assert_allclose(window.activity[0].numpy(), expected, rtol=1e-6)
        assert window.customers == len(np.unique(store.customer[inside]))


def test_the_cut_of_a_step_is_made_once(inputs):
    network, log = untrained(inputs)
    assert network.graphs(log, 3) is network.graphs(log, 3)
    assert DualGraphs(1.0, 3, 4, 5) == DualGraphs(1.0, 3, 4, 5)


def states(network, log, events):
    view = log.view(events)
    found = network.start(log, view, torch.cat([view.customers, view.items]))
    for window in network.graphs(log, view.step):
        found = network.advance(log, view, found, window)
    return found.preference[found.row[view.customers]], found.social[found.row[view.customers]]


def test_no_event_at_or_after_a_step_reaches_the_states_that_events_of_the_step_see(inputs, columns):
    network, log = untrained(inputs)
    events = one_step(log)
    first = int(events[0])
    changed = {key: values.copy() for key, values in columns.items()}
    draw = np.random.default_rng(3)
    changed["behaviour"][first:] = draw.permutation(changed["behaviour"][first:])
    changed["item"][first:] = draw.permutation(changed["item"][first:])
    later = prepare(changed)
    _, other = untrained(later)
    for before, after in zip(states(network, log, events), states(network, other, events), strict=True):
        assert torch.equal(before, after)
    changed["behaviour"][first - 50 : first] = "buy"  # while what lies before the step does
    _, earlier = untrained(prepare(changed))
    assert not torch.equal(states(network, log, events)[0], states(network, earlier, events)[0])


def test_who_did_nothing_in_a_window_keeps_the_state(inputs):
    network, log = untrained(inputs)
    view = log.view(one_step(log, 0))  # nothing lies before the first step
    start = network.start(log, view, view.customers)
    for window in network.graphs(log, 0):
        assert network.advance(log, view, start, window) is start


# -- message passing ---------------------------------------------------------------------------------------------


def test_attention_towards_some_nodes_is_that_towards_all(inputs):
    torch.manual_seed(0)
    layer = Attend(4, 2)
    h, edges = torch.randn(6, 4), torch.tensor([[0, 1, 2, 3, 4, 5, 0], [1, 2, 1, 0, 3, 3, 3]])
    kind = torch.randn(7, 2)
    everybody, some = layer(h, edges, kind, torch.arange(6)), torch.tensor([1, 3, 5])
    torch.testing.assert_close(layer(h, edges, kind, some), everybody[some])
    # node 5 hears nobody: only its own part (the attention's bias starts at zero)
    torch.testing.assert_close(everybody[5], torch.relu(layer.own(h[5])))


@pytest.mark.parametrize("layers", [1, 2])
def test_an_event_alone_is_answered_as_in_its_batch(inputs, layers):
    network, log = untrained(inputs, layers=layers)
    events = one_step(log)[:30]
    together = network(log, events)
    for position in (0, 11, 29):
        torch.testing.assert_close(network(log, events[position : position + 1])[0], together[position])


# -- the two tasks -----------------------------------------------------------------------------------------------


def test_both_tasks_give_the_same_logits(inputs):
    network, log = untrained(inputs)
    events = one_step(log)
    torch.testing.assert_close(network.joint(log, events)[0], network(log, events))


@pytest.mark.parametrize("kind", ["preference", "social"])
def test_both_representations_reach_the_behaviour(inputs, kind):
    network, log = untrained(inputs)
    events = one_step(log)
    view = log.view(events)
    found = network.start(log, view, torch.cat([view.customers, view.items]))
    moved = found._replace(**{kind: getattr(found, kind) + 1})
    assert not torch.allclose(network.logits(log, events, view, found), network.logits(log, events, view, moved))


def test_the_social_task_does_not_read_the_window_that_it_predicts(inputs, monkeypatch):
    network, log = untrained(inputs)
    events = one_step(log)
    *earlier, last = network.graphs(log, 4)
    torch.manual_seed(5)
    logits, social = network.joint(log, events)
    blurred = last._replace(activity=last.activity + 1)  # the same links after other behaviour
    monkeypatch.setattr(network, "graphs", lambda log, step: (*earlier, blurred))
    torch.manual_seed(5)
    logits_then, social_then = network.joint(log, events)
    assert torch.equal(social, social_then)
    assert not torch.allclose(logits, logits_then)


def test_pairs_are_half_links_and_told_rightly(inputs):
    network, log = untrained(inputs, link_pairs=40, neighbours=2)
    window = network.graphs(log, 4)[-1]
    pairs, known = network.draw_pairs(window)
    links = {tuple(link) for link in window.nodes[window.links].T.tolist()}
    assert pairs.shape == (2, 80)
    assert known[:40].all()
    assert not known.all()
    assert [tuple(pair) in links for pair in pairs.T.tolist()] == known.tolist()


def test_the_social_loss_is_of_training_only_and_trains_both_networks(inputs):
    torch.manual_seed(0)
    model = DGNJBP(DGNJBPConfig(**QUICK), 1)
    model.sizes = Sizes.of(inputs)
    model.network = model.build(model.sizes).eval()
    log = model.open(inputs)
    events = one_step(log, 2)
    expected = torch.nn.functional.cross_entropy(model.network(log, events), log.label[events])
    torch.testing.assert_close(model.loss(log, events), expected)
    model.network.train()
    _, social = model.network.joint(log, events)
    social.backward()
    for part in (model.network.preference, model.network.social, model.network.gate_link):
        assert any(p.grad is not None and p.grad.abs().max() > 0 for p in part.parameters())
