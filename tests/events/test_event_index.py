"""A history is exactly the events of the same group strictly before, however it is asked for."""

import numpy as np
import pytest
from event_logs import logs, quick
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.events.index import EventIndex, bisect, recent


def before(group, time, g, t):
    """Brute force: ids of the events of group ``g`` strictly before ``t``, in time order."""
    return [e for e in range(len(group)) if group[e] == g and time[e] < t]


@quick
@given(logs(), st.integers(1, 5))
def test_history_of_an_event_is_what_brute_force_finds(log, k):
    store = log.store()
    for index, group in ((store.customers, store.customer), (store.items, store.item)):
        ids, mask = index.history(np.arange(len(store)), k)
        assert ids.shape == mask.shape == (len(store), k)
        for e in range(len(store)):
            expected = before(group, store.timestamp, group[e], store.timestamp[e])[-k:]
            assert ids[e][mask[e]].tolist() == expected
            assert not ids[e][~mask[e]].any()
            assert (np.diff(mask[e].astype(int)) >= 0).all(), "events stand at the right end"


@quick
@given(logs(), st.lists(st.tuples(st.integers(-1, 6), st.integers(-5, 400_000)), max_size=20))
def test_lookup_answers_any_time_and_any_group(log, queries):
    store = log.store()
    groups, times = (np.asarray(column, dtype=np.int64) for column in zip(*[*queries, (0, 0)], strict=True))
    start, end = store.customers.start(groups), store.customers.lookup(groups, times)
    for g, t, a, b in zip(groups, times, start, end, strict=True):
        assert store.customers.events[a:b].tolist() == before(store.customer, store.timestamp, g, t)


@quick
@given(logs(), logs(start=10_000_000))
def test_later_events_leave_earlier_histories_alone(past, future):
    short, long = past.store(), (past + future).store()
    ids = np.arange(len(short))
    for a, b in ((short.customers, long.customers), (short.items, long.items)):
        assert [x.tobytes() for x in a.history(ids, 4)] == [x.tobytes() for x in b.history(ids, 4)]


@quick
@given(logs())
def test_an_event_of_the_log_needs_no_search(log):
    store = log.store()
    start, end = store.items.spans(np.arange(len(store)))
    assert (end == store.items.lookup(store.item, store.timestamp)).all()
    assert (start == store.items.start(store.item)).all()


def test_no_ids_give_no_histories():
    index = EventIndex.build(np.array([0, 1, 0]), np.array([1, 2, 3]))
    ids, mask = index.history(np.array([], dtype=np.int64), 3)
    assert ids.shape == mask.shape == (0, 3)
    assert index.lookup(np.array([], dtype=int), np.array([], dtype=int)).shape == (0,)


def test_an_empty_log_has_only_empty_histories():
    index = EventIndex.build(np.array([], dtype=np.int64), np.array([], dtype=np.int64), 2)
    assert index.lookup(np.array([0, 1, 5]), np.array([9, 9, 9])).tolist() == [0, 0, 0]
    assert not index.gather(np.zeros(2, dtype=np.int64), np.zeros(2, dtype=np.int64), 3)[1].any()


def test_unsorted_times_and_unknown_groups_are_refused():
    with pytest.raises(ValueError, match="order"):
        EventIndex.build(np.array([0, 0]), np.array([2, 1]))
    with pytest.raises(ValueError, match=r"0 \.\. 1"):
        EventIndex.build(np.array([0, 2]), np.array([1, 2]), 2)


@quick
@given(st.lists(st.integers(0, 9)), st.integers(-1, 10))
def test_bisect_agrees_with_numpy(times, t):
    ordered = np.sort(np.asarray(times, dtype=np.int64))
    found = bisect(ordered, np.array([0]), np.array([len(ordered)]), np.array([t]))
    assert found[0] == np.searchsorted(ordered, t, side="left")


@quick
@given(logs(), st.integers(1, 6))
def test_columns_in_slot_order_give_the_same_histories_as_ids(log, k):
    store = log.store()
    index, e = store.customers, np.arange(len(store))
    ids, mask = index.history(e, k)
    start, end = index.spans(e)
    assert (index.mask(start, end, k) == mask).all()
    assert (recent(index.arrange(store.timestamp), end, k)[mask] == store.timestamp[ids[mask]]).all()
