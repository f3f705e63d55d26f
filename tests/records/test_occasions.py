"""Moments of customers: events of one time merged, totals and sequences of what lies before a reference date."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_pipelines.records.occasions import Occasions, PurchaseTotals

DAY = 86_400


def log(*events: tuple[str, str, float, str, float]) -> pd.DataFrame:
    """Customer, item, day, behaviour, value."""
    rows = [(who, item, round(day * DAY), what, value) for who, item, day, what, value in events]
    return pd.DataFrame(rows, columns=["customer_id", "item_id", "timestamp", "behaviour", "value"])


LOG = log(
    ("a", "x", 1, "buy", 10), ("a", "y", 1, "buy", 5), ("a", "x", 4, "buy", 7), ("a", "x", 9, "return", -7),
    ("b", "x", 2, "view", 0), ("b", "x", 11, "buy", 3), ("a", "z", 12, "buy", 2),
)  # fmt: skip
BEHAVIOURS = ("buy", "return", "view")
PEOPLE = pd.Index(["b", "a", "nobody"])


@pytest.fixture(scope="module")
def occasions() -> Occasions:
    return Occasions.of(LOG, ("buy",), BEHAVIOURS)


def column(occasions: Occasions, day: float, name: str) -> list[float]:
    totals = PurchaseTotals(occasions.purchases, 5)
    return totals.at(round(day * DAY), PEOPLE)[:, totals.names.index(name)].tolist()


def test_lines_of_one_invoice_are_one_moment(occasions):
    assert len(occasions.time) == 6
    assert occasions.value[0] == 15
    assert occasions.counts[0].tolist() == [2, 0, 0]


def test_totals_are_of_what_counts_and_lies_before_the_date(occasions):
    assert column(occasions, 10, "purchases_total") == [0, 2, pytest.approx(np.nan, nan_ok=True)]
    assert column(occasions, 10, "purchase_recency_days")[1] == 6
    assert column(occasions, 10, "spend_total")[1] == 22
    assert column(occasions, 10, "purchases_1x5_days")[1] == 0
    assert column(occasions, 10, "purchases_2x5_days")[1] == 2
    assert column(occasions, 10, "gap_mean_days")[1] == 3
    assert column(occasions, 13, "purchases_total") == [1, 3, pytest.approx(np.nan, nan_ok=True)]


def test_the_next_amount_is_that_of_the_first_purchase_that_follows(occasions):
    found = occasions.purchases.next_amount(round(0.5 * DAY), 5, PEOPLE)
    np.testing.assert_array_equal(found, [np.nan, 15, np.nan])
    np.testing.assert_array_equal(occasions.purchases.next_amount(10 * DAY, 1.5, PEOPLE), [3, np.nan, np.nan])


def test_the_sequence_ends_with_the_latest_moment_and_is_blank_before_the_first(occasions):
    references = np.full(3, 10 * DAY)
    found = occasions.events(references, PEOPLE, 4)
    there = ~np.isnan(found).all(axis=2)
    assert there.tolist() == [[False, False, False, True], [False, True, True, True], [False] * 4]
    age = occasions.event_names.index("age")
    np.testing.assert_allclose(np.expm1(found[1, 1:, age]), [9, 6, 1], rtol=1e-5)


events = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.sampled_from("xy"), st.integers(0, 40), st.sampled_from(BEHAVIOURS),
        st.floats(-5, 5, width=32),
    ),
    min_size=2, max_size=40,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(events, st.integers(1, 41))
def test_later_events_change_nothing_before(several, day):
    several = [("a", "x", 0, "buy", 1.0), *several]
    whole = Occasions.of(log(*several), ("buy",), BEHAVIOURS)
    past = Occasions.of(log(*[each for each in several if each[2] < day]), ("buy",), BEHAVIOURS)
    people, references = pd.Index(list("abc")), np.full(3, day * DAY)
    np.testing.assert_array_equal(whole.events(references, people, 5), past.events(references, people, 5))
    pairs = [PurchaseTotals(each.purchases, 5).at(day * DAY, people) for each in (whole, past)]
    known = [who in set(past.ids) for who in people]
    np.testing.assert_allclose(pairs[0][known], pairs[1][known], rtol=1e-9)
