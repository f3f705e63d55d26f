"""What models are given: one row of features per event, and fairness groups known at the time."""

import dataclasses

import numpy as np
import pytest
from event_logs import Log, logs, quick
from hypothesis import given

from crm_pipelines.events.inputs import EventInputs, history_groups


def inputs():
    log = Log(["a", "b", "a", "b"], ["x", "x", "y", "y"], [1, 2, 3, 4], ["view"] * 4, [None] * 4, [None] * 4)
    store = log.store()
    return EventInputs(
        protocol="time",
        fold=0,
        store=store,
        classes=store.classes,
        labels=store.labels,
        feature_names=("f",),
        event_features=np.arange(4, dtype=np.float32)[:, None],
        text_features=np.arange(8, dtype=np.float32).reshape(4, 2),
        customer_static=np.array([[0.1], [0.2]], dtype=np.float32),
        item_static=np.array([[0.3, 0.4], [0.5, 0.6]], dtype=np.float32),
        customer_codes=np.ones((2, 1), dtype=np.int32),
        customer_cardinalities=(3,),
        item_codes=np.ones((2, 1), dtype=np.int32),
        item_cardinalities=(3,),
        customer_segment=np.zeros(2, dtype=np.int32),
        n_segments=1,
        train=np.array([0, 1]),
        validation=np.array([2]),
        test=np.array([3]),
        time_unit=86_400.0,
        cold={},
        groups={},
    )


def test_features_join_event_text_customer_and_item():
    given_ = inputs()
    assert given_.features(np.array([2])).tolist() == np.float32([[2, 4, 5, 0.1, 0.5, 0.6]]).tolist()
    assert given_.features(np.array([2])).dtype == np.float32
    assert given_.all_feature_names == (
        "f", "customer_text_0", "item_text_0", "customer_static_0", "item_static_0", "item_static_1",
    )  # fmt: skip


def test_an_empty_batch_has_the_full_width():
    assert inputs().features(np.array([], dtype=np.int64)).shape == (0, 6)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"event_features": np.zeros((3, 1), dtype=np.float32)}, "event_features has 3 rows, the store needs 4"),
        ({"feature_names": ("f", "g")}, "1 event features, 2 names"),
        ({"item_static": np.zeros((5, 1), dtype=np.float32)}, "item_static has 5 rows, the store needs 2"),
    ],
)
def test_tables_that_do_not_fit_the_store_are_refused(change, message):
    with pytest.raises(ValueError, match=message):
        dataclasses.replace(inputs(), **change)


def test_customers_are_new_until_a_quarter_of_the_training_period_after_their_first_event():
    n = 6
    log = Log(["a", "z", "a", "a", "b", "b"], ["x"] * n, [0, 100, 24, 25, 90, 91], ["view"] * n, [None] * n, [None] * n)
    store = log.store()
    tenure = np.asarray(history_groups(store, np.arange(n))["tenure"])
    groups = dict(zip(store.row.tolist(), tenure.tolist(), strict=True))
    assert groups == {1: "new", 3: "new", 4: "established", 5: "new", 6: "new", 2: "new"}


def test_frequency_compares_the_past_with_the_training_median():
    customers = ["a", "a", "a", "b", "a", "c", "b", "b"]
    n = len(customers)
    log = Log(customers, ["x"] * n, list(range(n)), ["view"] * n, [None] * n, [None] * n)
    store = log.store()
    # Training customers have 3 (a) and 1 (b) events: the median is 2.
    frequency = np.asarray(history_groups(store, np.arange(4))["frequency"])
    assert frequency.tolist() == ["low", "low", "low", "low", "high", "low", "low", "low"]


@quick
@given(logs(min_size=4), logs(start=10_000_000))
def test_later_events_change_no_earlier_group(past, future):
    short, long = past.store(), (past + future).store()
    train = np.arange(len(short) // 2)
    for axis, groups in history_groups(short, train).items():
        later = np.asarray(history_groups(long, train)[axis])
        assert np.asarray(groups).tolist() == later[: len(short)].tolist()
