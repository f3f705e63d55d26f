"""Sequences from a log: what is dropped and counted, and what a model may learn from under each protocol."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_pipelines.config import SequenceParameters
from crm_pipelines.errors import UserError
from crm_pipelines.sequences.inputs import Histories
from crm_pipelines.sequences.preparation import LEAVE_LAST_OUT, LEAVE_LAST_THREE, build, protocols, split

PARAMETERS = SequenceParameters()
PROTOCOLS = protocols(in_order=False)


def log(*sequences: tuple[str, str]) -> pd.DataFrame:
    """Customers with one event a second; items are letters."""
    rows = [(who, item, second) for who, items in sequences for second, item in enumerate(items)]
    return pd.DataFrame(rows, columns=["customer_id", "item_id", "timestamp"])


def prepared(customers: int = 40, length: int = 12, seed: int = 0):
    draw = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "customer_id": np.repeat([f"c{number:03d}" for number in range(customers)], length),
            "item_id": draw.integers(0, 30, customers * length).astype(str),
            "timestamp": draw.integers(0, 10_000, customers * length),
        }
    ).sort_values("timestamp", kind="stable")
    return build(frame, pd.Series([], dtype=str), "log.csv").arrays


def rows_of(report: pd.DataFrame) -> dict[str, int]:
    return dict(zip(report["reason"], report["rows"], strict=True))


class TestBuild:
    def test_an_item_repeated_ten_thousand_times_is_one_event(self):
        found = build(log(("a", "x" * 10_000 + "y"), ("b", "xy")), pd.Series([], dtype=str), "log.csv")
        assert np.diff(found.arrays["start"]).tolist() == [2, 2]
        counted = rows_of(found.report)
        assert counted["item_repeats_itself"] == 9_999
        assert counted["all"] == counted["item_repeats_itself"] + counted["valid"]

    def test_customers_are_counted_on_both_sides(self):
        found = build(log(("a", "xy"), ("b", "x")), pd.Series(["b", "c", "d"]), "log.csv")
        counted = rows_of(found.report)
        assert counted["with_several_events"] == 1
        assert counted["with_a_single_event"] == 1
        assert counted["in_the_log_without_a_profile"] == 1
        assert counted["with_a_profile_but_not_in_the_log"] == 2

    def test_events_keep_their_order_within_a_customer(self):
        found = build(log(("b", "yxz"), ("a", "zy")), pd.Series([], dtype=str), "log.csv").arrays
        names = found["item_ids"][found["items"]]
        assert ["".join(names[:2]), "".join(names[2:])] == ["zy", "yxz"]

    def test_a_log_of_single_events_is_refused_with_what_to_do(self):
        with pytest.raises(UserError, match=r"log\.csv: no customer has two events"):
            build(log(("a", "xx"), ("b", "y")), pd.Series([], dtype=str), "log.csv")


class TestSplit:
    @pytest.mark.parametrize("protocol", PROTOCOLS)
    def test_nothing_that_is_predicted_may_be_learnt_from(self, protocol):
        inputs = split(prepared(), protocol, PARAMETERS)
        until = inputs.known_until[inputs.customer]
        assert (inputs.train < until[inputs.train]).all()
        for targets in (inputs.validation, inputs.test):
            assert len(targets)
            assert (targets >= until[targets]).all()
        assert not set(inputs.validation) & set(inputs.test)
        assert len(np.unique(np.concatenate([inputs.train, inputs.validation, inputs.test]))) == sum(
            map(len, (inputs.train, inputs.validation, inputs.test))
        )

    def test_the_last_item_of_everybody_is_the_test(self):
        inputs = split(prepared(), LEAVE_LAST_OUT, PARAMETERS)
        np.testing.assert_array_equal(inputs.test, inputs.start[1:] - 1)

    def test_plans_are_the_last_three_items(self):
        inputs = split(prepared(), LEAVE_LAST_THREE, PARAMETERS)
        np.testing.assert_array_equal(inputs.plans, inputs.start[1:] - 3)

    def test_after_the_cut_in_time_nothing_is_learnt(self):
        arrays = prepared()
        inputs = split(arrays, "time", PARAMETERS)
        latest = arrays["timestamp"][np.concatenate([inputs.train, inputs.validation])].max()
        assert latest < arrays["timestamp"][inputs.test].min()

    def test_later_items_change_no_earlier_part(self):
        arrays = prepared()
        before = split(arrays, "time", PARAMETERS)
        items = arrays["items"].copy()
        items[before.test] = 0
        after = split({**arrays, "items": items}, "time", PARAMETERS)
        np.testing.assert_array_equal(before.known.items, after.known.items)
        np.testing.assert_array_equal(before.train, after.train)

    def test_customers_with_one_event_are_neither_learnt_from_nor_tested(self):
        arrays = build(log(("a", "x"), ("b", "xyzxyz"), ("c", "zyxzyx")), pd.Series([], dtype=str), "l").arrays
        inputs = split(arrays, LEAVE_LAST_OUT, PARAMETERS)
        assert 0 not in inputs.customer[np.concatenate([inputs.train, inputs.test])]

    def test_repeats_are_noticed_in_the_part_to_learn_from(self):
        never = build(log(("a", "vwxyz"), ("b", "zyxwv")), pd.Series([], dtype=str), "l").arrays
        assert split(never, LEAVE_LAST_OUT, PARAMETERS).no_repeats
        again = build(log(("a", "xyxyz"), ("b", "zyxyv")), pd.Series([], dtype=str), "l").arrays
        assert not split(again, LEAVE_LAST_OUT, PARAMETERS).no_repeats


sequences = st.lists(st.lists(st.integers(0, 9), max_size=6), min_size=1, max_size=5)


class TestHistories:
    @given(sequences, st.integers(1, 7))
    @settings(max_examples=50, deadline=None)
    def test_leaving_one_out_is_as_with_lists(self, lists, back):
        found = Histories.of(lists).without(back)
        expected = [[item for place, item in enumerate(each) if place != len(each) - back] for each in lists]
        assert parts(found) == expected

    @given(sequences, st.lists(st.integers(0, 9), min_size=2, max_size=2))
    @settings(max_examples=50, deadline=None)
    def test_more_items_stand_behind_each_history(self, lists, more):
        rows = np.arange(len(lists))[::-1]
        found = Histories.of(lists).extended(rows, np.tile(more, (len(lists), 1)))
        assert parts(found) == [[*lists[row], *more] for row in rows]

    @given(sequences, st.integers(1, 7))
    @settings(max_examples=50, deadline=None)
    def test_the_latest_items_stand_to_the_right(self, lists, width):
        codes, present = Histories.of(lists).last(width)
        for row, each in enumerate(lists):
            assert codes[row][present[row]].tolist() == each[-width:]
            assert not present[row][: codes.shape[1] - min(len(each), width)].any()


def parts(histories: Histories) -> list[list[int]]:
    return [part.tolist() for part in np.split(histories.items, histories.start[1:-1])]
