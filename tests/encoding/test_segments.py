"""Segments separate customers by recency, frequency and value of their training events."""

import json

import numpy as np
import pytest

from crm_pipelines.encoding import RfvSegments, rfv_table
from crm_pipelines.events.store import EventStore

DAY = 86_400


def build(events: list[tuple[str, int, str, float]]) -> EventStore:
    customers, days, behaviours, values = zip(*events, strict=True)
    n = len(events)
    seconds = np.array(days, dtype=np.int64) * DAY
    store, _, _ = EventStore.build(
        list(customers), ["i"] * n, seconds, list(behaviours), list(values), np.arange(n), None, ["view", "buy"]
    )
    return store


def test_recency_frequency_and_value_of_the_given_events() -> None:
    store = build([("a", 1, "buy", 2.0), ("b", 2, "view", np.nan), ("a", 4, "view", 4.0), ("c", 9, "buy", 5.0)])
    events = np.array([0, 1, 2])  # c's event is not in the training part
    bought = rfv_table(store, events, at=6 * DAY, time_unit=DAY, ratings=False)
    assert bought.index.tolist() == [0, 1]
    assert bought.to_numpy().tolist() == [[2.0, 2.0, 1.0], [4.0, 1.0, 0.0]]
    rated = rfv_table(store, events, at=6 * DAY, time_unit=DAY, ratings=True)
    assert rated["value"].tolist() == [3.0, 0.0]


@pytest.fixture
def planted() -> EventStore:
    """Ten loyal customers, ten who left long ago after one view, and one who comes after training."""
    events = [(f"gone{n}", n % 3, "view", np.nan) for n in range(10)]
    events += [(f"loyal{n}", 80 + day, "buy", np.nan) for n in range(10) for day in range(8 + n % 2)]
    events += [("late", 120, "buy", np.nan)]
    return build(events)


def test_planted_segments_are_found_named_and_ordered(planted: EventStore) -> None:
    rfv = rfv_table(planted, np.arange(len(planted) - 1), at=100 * DAY, time_unit=DAY, ratings=False)
    fitted = RfvSegments.fit(rfv, n_segments=2, seed=0)
    segment = fitted.assign(rfv, planted.n_customers)
    assert segment.dtype == np.int32
    assert segment.tolist() == [1] * 10 + [0] * 10 + [-1]
    table = fitted.describe(rfv, segment)
    assert table["name"].tolist() == ["recent, frequent, high value", "lapsed, rare, low value"]
    assert table["customers"].tolist() == [10, 10]
    assert table["share"].sum() == 1
    assert table["median_frequency"].tolist() == [8.5, 1.0]


def test_names_are_distinct_and_every_customer_is_counted(planted: EventStore) -> None:
    rfv = rfv_table(planted, np.arange(len(planted)), at=121 * DAY, time_unit=DAY, ratings=False)
    fitted = RfvSegments.fit(rfv, n_segments=6, seed=0)
    table = fitted.describe(rfv, fitted.assign(rfv, planted.n_customers))
    assert table["name"].is_unique
    assert table["customers"].sum() == planted.n_customers


def test_what_all_customers_share_is_not_named() -> None:
    store = build([("a", 1, "view", np.nan)] + [("b", day, "view", np.nan) for day in range(2, 9)])
    rfv = rfv_table(store, np.arange(len(store)), at=9 * DAY, time_unit=DAY, ratings=False)
    fitted = RfvSegments.fit(rfv, n_segments=2, seed=0)
    assert fitted.describe(rfv, fitted.assign(rfv, 2))["name"].tolist() == ["recent, frequent", "lapsed, rare"]


def test_same_seed_same_segments_and_json_round_trip(planted: EventStore) -> None:
    rfv = rfv_table(planted, np.arange(len(planted)), at=121 * DAY, time_unit=DAY, ratings=False)
    one, other = (RfvSegments.fit(rfv, 3, seed=1) for _ in range(2))
    assert one.to_dict() == other.to_dict()
    loaded = RfvSegments.from_dict(json.loads(json.dumps(one.to_dict())))
    assert np.array_equal(loaded.assign(rfv, 21), one.assign(rfv, 21))


def test_fewer_customers_than_segments_and_none_at_all() -> None:
    store = build([("a", 1, "view", np.nan), ("b", 1, "view", np.nan)])
    rfv = rfv_table(store, np.array([0, 1]), at=2 * DAY, time_unit=DAY, ratings=False)
    alike = RfvSegments.fit(rfv, n_segments=4, seed=0)
    assert alike.describe(rfv, alike.assign(rfv, 2))["name"].tolist() == ["all customers"]
    nobody = rfv_table(store, np.array([], dtype=np.int64), at=2 * DAY, time_unit=DAY, ratings=False)
    none = RfvSegments.fit(nobody, n_segments=4, seed=0)
    assert none.assign(nobody, 2).tolist() == [-1, -1]
    assert none.describe(nobody, none.assign(nobody, 2)).empty
