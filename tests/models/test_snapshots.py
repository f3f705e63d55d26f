"""Snapshots hold the latest events strictly before their step, and nothing later reaches them."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from shops import DAY, prepare, shop_columns

from crm_pipelines.models.layers.receptive import receptive
from crm_pipelines.models.layers.snapshots import SnapshotLog, step_length

logs = st.fixed_dictionaries(
    {
        "n": st.integers(400, 440),
        "seed": st.integers(0, 1000),
        "hours": st.sampled_from([1, 6, 24]),  # times are rounded to so many hours: many events at once
        "step": st.integers(DAY // 3, 12 * DAY),
        "most_edges": st.integers(1, 500),
    }
)


def build(n, seed, hours, step, most_edges, tail=0):
    """A log with ties in time; ``tail`` events follow that are later than all others."""
    columns = shop_columns(n, seed)
    columns["timestamp"] = columns["timestamp"] // (3600 * hours) * 3600 * hours
    if tail:
        more = shop_columns(tail, seed + 1, planted=False)
        more["timestamp"] = columns["timestamp"][-1] + 1 + more["timestamp"]
        columns = {key: np.concatenate([columns[key], more[key]]) for key in columns}
    inputs = prepare(columns, cut_after=n)
    return inputs, SnapshotLog(inputs, step, most_edges)


def edges_of(log, graph):
    """(customer, item, behaviour, age in seconds) of every edge, sorted."""
    customer, item = graph.nodes[graph.source], graph.nodes[graph.target] - log.n_customers
    age = (graph.age.double() * DAY).round().long()
    return sorted(zip(*(part.tolist() for part in (customer, item, graph.behaviour, age)), strict=True))


@settings(max_examples=25, deadline=None)
@given(logs)
def test_an_event_sees_the_latest_events_strictly_before_its_step(log):
    inputs, snapshots = build(**log)
    store = inputs.store
    time = np.asarray(store.timestamp)
    for event in range(0, len(time), 37):
        boundary = time[0] + (time[event] - time[0]) // log["step"] * log["step"]
        assert boundary <= time[event] < boundary + log["step"]
        past = [e for e in range(len(time)) if time[e] < boundary][-log["most_edges"] :]
        graph = snapshots.snapshot(int(snapshots.step[event]))
        expected = [(store.customer[e], store.item[e], store.behaviour[e], boundary - time[e]) for e in past]
        assert edges_of(snapshots, graph) == sorted(expected)
        ends = [(node, e) for e in past for node in (store.customer[e], store.item[e] + store.n_customers)]
        assert graph.nodes.tolist() == sorted({node for node, _ in ends})
        counts = np.zeros((store.n_customers + store.n_items, len(store.behaviours)))
        for node, e in ends:
            counts[node, store.behaviour[e]] += 1
        np.testing.assert_allclose(graph.activity, np.log1p(counts[graph.nodes]), rtol=1e-6)


@settings(max_examples=25, deadline=None)
@given(logs)
def test_entities_the_graph_does_not_know_are_nodes_without_edges(log):
    inputs, snapshots = build(**log)
    step = int(snapshots.step.unique()[-1])
    events = (snapshots.step == step).nonzero().squeeze(1)
    graph, view = snapshots.snapshot(step), snapshots.view(events)
    nodes = view.snapshot.nodes
    assert nodes[view.customers].tolist() == inputs.store.customer[events.numpy()].tolist()
    assert (nodes[view.items] - snapshots.n_customers).tolist() == inputs.store.item[events.numpy()].tolist()
    assert len(nodes.unique()) == len(nodes)
    assert nodes[: len(graph.nodes)].tolist() == graph.nodes.tolist()
    assert (view.snapshot.edges == graph.edges).all()  # new nodes are in no edge
    assert (view.snapshot.activity[len(graph.nodes) :] == 0).all()


@settings(max_examples=15, deadline=None)
@given(logs)
def test_later_events_change_no_earlier_snapshot(log):
    inputs, before = build(**log)
    _, after = build(**log, tail=30)
    n = len(inputs.store)
    assert (after.step[:n] == before.step).all()
    for step in before.step.unique().tolist():
        for old, new in zip(before.snapshot(step), after.snapshot(step), strict=True):
            shift = 0
            if old is before.snapshot(step).nodes:  # items come after customers, of which the longer log has more
                shift = (old >= before.n_customers) * (after.n_customers - before.n_customers)
            assert (old + shift == new).all()


@settings(max_examples=25, deadline=None)
@given(logs)
def test_links_are_events_taken_together(log):
    _, snapshots = build(**log)
    step = int(snapshots.step[-1])
    graph, links = snapshots.snapshot(step), snapshots.links(step)
    kinds = {}
    for s, t, b, age in zip(*(part.tolist() for part in graph[1:5]), strict=True):
        kinds.setdefault((s, t, b), []).append(age)
    found = list(zip(links.source.tolist(), links.target.tolist(), links.behaviour.tolist(), strict=True))
    assert found == sorted(kinds)
    assert links.events.tolist() == [len(kinds[key]) for key in found]
    assert links.age.tolist() == [min(kinds[key]) for key in found]


def test_what_is_derived_of_a_snapshot_is_computed_once_and_dropped_with_it(monkeypatch):
    monkeypatch.setattr("crm_pipelines.models.layers.snapshots._KEPT", 2)
    _, log = build(400, 0, 1, DAY, 100)
    calls = []

    def edges(graph):
        calls.append(len(graph.source))
        return len(graph.source)

    assert log.derived(5, edges) == log.derived(5, edges) == len(log.snapshot(5).source)
    assert len(calls) == 1
    for step in (6, 7, 5):
        log.derived(step, edges)
    assert len(calls) == 4  # step 5 had to make room


@pytest.mark.parametrize("snapshots", [1, 4, 1000])
def test_the_training_part_is_cut_into_so_many_steps(snapshots):
    """No more, and a second less a step would be too many."""
    inputs = prepare(shop_columns(400))
    length = step_length(inputs, snapshots)
    assert int(SnapshotLog(inputs, length, 100).step[inputs.train].max()) < snapshots
    assert int(SnapshotLog(inputs, length - 1, 100).step[inputs.train].max()) >= snapshots


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 3))
def test_a_part_of_the_graph_gives_what_the_whole_graph_gives(seed, rounds):
    """Counting walks: sums over edges, some rounds, on the whole graph and on the part that a few nodes hear from."""
    draw = np.random.default_rng(seed)
    edges = torch.from_numpy(draw.integers(0, 12, (2, 15)))
    weight = torch.from_numpy(draw.random(15))
    wanted = torch.from_numpy(draw.integers(0, 12, 4))
    whole = x = torch.from_numpy(draw.random(12))
    for _ in range(rounds):
        whole = whole.index_add(0, edges[1], weight * whole[edges[0]])
    part = receptive(edges, wanted, 12, rounds)
    h = x[part.nodes]
    for hop in part.hops:
        h = h[hop.own].index_add(0, hop.edges[1], weight[hop.rows] * h[hop.edges[0]])
    torch.testing.assert_close(h[part.wanted], whole[wanted])
