"""k-shot queries: the (k+1)-th event of an entity that arrived after the cut, its first k events as support."""

import numpy as np
from event_logs import Log, logs, quick
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.config import SplitParameters
from crm_pipelines.events.cold_start import cold_entities, cold_start_sets, held_out_view
from crm_pipelines.events.split import Fold

SHOTS = (0, 1, 5)


@st.composite
def logs_with_a_cut(draw):
    store = draw(logs(min_size=4, max_size=40)).store()
    cut, end = (int(store.timestamp[draw(st.integers(0, len(store) - 1))]) for _ in range(2))
    return store, Fold(0, cut, cut, end if end > cut else None)


def rows(table):
    return zip(*(table[name] for name in ("side", "k", "entity", "query_event", "support")), strict=True)


@quick
@given(logs_with_a_cut())
def test_queries_are_exactly_those_of_brute_force(case):
    store, fold = case
    expected = set()
    for side, ids in (("customer", store.customer), ("item", store.item)):
        for entity in range(ids.max() + 1):
            own = np.flatnonzero(ids == entity)
            labelled = [int(e) for e in own if store.labels[e] >= 0]
            if store.timestamp[own[0]] < fold.test_start:
                continue
            for k in SHOTS:
                inside = len(labelled) > k and (fold.test_end is None or store.timestamp[labelled[k]] < fold.test_end)
                if inside:
                    expected.add((side, k, entity, labelled[k], tuple(labelled[:k])))
    found = cold_start_sets(store, store.labels, fold, SHOTS)
    assert {(s, k, e, q, tuple(x[x >= 0].tolist())) for s, k, e, q, x in rows(found)} == expected
    assert len(found["k"]) == len(expected)


@quick
@given(logs_with_a_cut())
def test_support_is_the_first_k_events_disjoint_from_and_before_the_query(case):
    store, fold = case
    for side, k, entity, query, support in rows(cold_start_sets(store, store.labels, fold, SHOTS)):
        own = (store.customer if side == "customer" else store.item) == entity
        first = np.flatnonzero(own & (store.labels >= 0))[: k + 1].tolist()
        assert [*support[:k].tolist(), query] == first
        assert (support[k:] == -1).all()
        assert (np.diff([*support[:k], query]) > 0).all(), "in (timestamp, row) order, the query last"
        assert not (own & (store.timestamp < fold.test_start)).any(), "no event of any kind before the cut"


@quick
@given(logs_with_a_cut(), st.integers(0, 2**16))
def test_withheld_entities_have_no_event_before_the_cut(case, seed):
    store, fold = case
    parameters = SplitParameters(held_out_share=0.4, held_out_below=1, seed=seed)
    keep = held_out_view(store, store.labels, fold, parameters, (0,))
    dropped = np.flatnonzero(~keep)
    assert (store.timestamp[dropped] < fold.test_start).all(), "nothing after the cut is dropped"
    past = store.timestamp < fold.test_start
    withheld = {
        side: [e for e in np.unique(ids[past]) if not (keep & past & (ids == e)).any()]
        for side, ids in (("customer", store.customer), ("item", store.item))
    }
    for event in dropped:  # each dropped event belongs to an entity whose whole past is gone
        assert store.customer[event] in withheld["customer"] or store.item[event] in withheld["item"]
    view, customers, _ = store.subset(keep)
    cold = cold_entities(view, fold, "customer")
    for entity in np.flatnonzero(cold):
        assert not (past & keep & (store.customer == customers[entity])).any()


def test_the_stated_share_is_withheld_the_same_way_for_the_same_seed():
    n = 400
    customers = [str(i) for i in range(40)] * 10
    log = Log(customers, ["x"] * n, list(range(n)), ["view"] * n, [None] * n, [None] * n)
    store, fold = log.store(), Fold(0, 200, 200, None)
    few = SplitParameters(held_out_below=5)
    keep = held_out_view(store, store.labels, fold, few, (0,))
    assert (keep == held_out_view(store, store.labels, fold, few, (0,))).all()
    assert (keep != held_out_view(store, store.labels, fold, SplitParameters(held_out_below=5, seed=1), (0,))).any()
    past = store.timestamp < 200
    gone = [not (keep & past & (store.customer == c)).any() for c in range(40)]
    assert sum(gone) == 8


def test_a_side_is_withheld_only_where_that_gives_queries_enough():
    n = 60
    customers = ["old"] * 30 + [f"new{i}" for i in range(30)]
    items = [f"item{i % 30}" for i in range(n)]
    log = Log(customers, items, list(range(n)), ["view"] * n, [None] * n, [None] * n)
    store, fold = log.store(), Fold(0, 30, 30, None)

    def withheld(below: int) -> bool:
        parameters = SplitParameters(held_out_below=below, held_out_share=0.9)
        return not held_out_view(store, store.labels, fold, parameters, (0,)).all()

    assert withheld(27), "no item is new, and 27 of 30 withheld ones come back after the cut"
    assert not withheld(31), "no share of the items or customers could give so many queries"
    assert not withheld(0), "nothing is asked for"
