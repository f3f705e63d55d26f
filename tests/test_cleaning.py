"""Cleaning drops each invalid row once, for its first reason, and the counts add up."""

from collections.abc import Sequence
from typing import Any

import ibis
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_pipelines import cleaning
from crm_pipelines.cleaning import REASONS, clean_interactions
from crm_pipelines.columns import INTERACTION_COLUMNS
from crm_pipelines.config import InteractionsSpec
from crm_pipelines.errors import UserError

SCHEMA = ibis.schema(
    {
        "customer_id": "string",
        "item_id": "string",
        "timestamp": "int64",
        "behaviour": "string",
        "value": "float64",
        "text": "string",
        "row": "int64",
    }
)
Row = Sequence[Any]


def spec(**given: Any) -> InteractionsSpec:
    return InteractionsSpec.model_validate({"file": "log.csv", "behaviours": {"pv": "view", "b": "buy"}} | given)


def table(*rows: Row) -> ibis.Table:
    return ibis.memtable([dict(zip(INTERACTION_COLUMNS, row, strict=True)) for row in rows], schema=SCHEMA)


def cleaned(rows: Sequence[Row], **given: Any) -> tuple[pd.DataFrame, dict[str, int]]:
    clean, report = clean_interactions(table(*rows), spec(**given))
    return clean.to_pandas(), dict(zip(report["reason"], report["rows"], strict=True))


GOOD = ("a", "x", 100, "view", 1.0, "fine", 1)


def but(row: int, **changes: Any) -> Row:
    """The good row with another record number and some cells changed."""
    return tuple((dict(zip(INTERACTION_COLUMNS, GOOD, strict=True)) | changes | {"row": row}).values())


@pytest.mark.parametrize(
    ("faulty", "given", "reason"),
    [
        ({"customer_id": None}, {}, "missing_customer"),
        ({"customer_id": "  "}, {}, "missing_customer"),
        ({"item_id": None}, {}, "missing_item"),
        ({"timestamp": None}, {}, "missing_timestamp"),
        ({"timestamp": 99}, {"window": {"start": "1970-01-01T00:01:40"}}, "outside_window"),
        ({"timestamp": 101}, {"window": {"end": "1970-01-01T00:01:41"}}, "outside_window"),
        ({"behaviour": None}, {}, "missing_behaviour"),
        ({"text": None}, {"require_text": True}, "missing_text"),
        ({}, {}, "duplicate"),
        ({"timestamp": 101, "value": 2.0}, {"one_rating_per_pair": True}, "repeated_pair"),
    ],
)
def test_a_faulty_row_is_dropped_for_its_reason(faulty: dict[str, Any], given: dict[str, Any], reason: str) -> None:
    clean, counts = cleaned([GOOD, but(2, **faulty)], **given)
    assert clean["row"].tolist() == [1]
    assert counts == dict.fromkeys(REASONS, 0) | {"all": 2, reason: 1, "valid": 1}


def test_a_row_with_several_faults_is_counted_once_for_the_first() -> None:
    _, counts = cleaned([GOOD, but(2, item_id=None, timestamp=None, behaviour=None)])
    assert counts["missing_item"] == 1
    assert counts["missing_timestamp"] == counts["missing_behaviour"] == 0


def test_window_bounds_are_local_times_of_the_source() -> None:
    # 1970-01-01 08:00 in China is second 0 of UTC.
    given = {"utc_offset_hours": 8, "window": {"start": "1970-01-01T08:00:00", "end": "1970-01-01T08:01:00"}}
    rows = [but(row, timestamp=t) for row, t in enumerate([-1, 0, 59, 60], start=1)]
    clean, counts = cleaned(rows, **given)
    assert clean["timestamp"].tolist() == [0, 59]
    assert counts["outside_window"] == 2


def test_absent_value_and_text_are_valid_and_compare_equal_in_duplicates() -> None:
    clean, counts = cleaned([but(1, value=None, text=None), but(2, value=None, text=None), but(3, text=None)])
    assert clean["row"].tolist() == [1, 3]
    assert counts["duplicate"] == 1


def test_a_dropped_row_does_not_make_a_valid_one_a_duplicate() -> None:
    rows = [but(1, timestamp=5), but(2), but(3)]
    clean, counts = cleaned(rows, window={"start": "1970-01-01T00:00:10"}, one_rating_per_pair=True)
    assert clean["row"].tolist() == [2]
    assert (counts["outside_window"], counts["duplicate"], counts["repeated_pair"]) == (1, 1, 0)


def test_rows_that_only_share_a_hash_are_told_apart(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cleaning, "_hash", lambda *_: ibis.literal(8, "int64"))
    clean, counts = cleaned([GOOD, but(2, customer_id="b"), but(3), but(4, value=2.0)])
    assert clean["row"].tolist() == [1, 2, 4]
    assert counts["duplicate"] == 1


def test_first_rating_of_a_pair_is_the_earliest_then_the_first_record() -> None:
    rows = [but(1, timestamp=200), but(2, value=3.0), but(3, value=4.0), but(4, item_id="y")]
    clean, _ = cleaned(rows, one_rating_per_pair=True)
    assert clean["row"].tolist() == [2, 4]


def test_context_events_need_no_text_and_are_no_ratings() -> None:
    rows = [but(1, behaviour="visit", text=None, timestamp=90), but(2), but(3, behaviour="visit", timestamp=110)]
    clean, _ = cleaned(rows, context=["visit"], require_text=True, one_rating_per_pair=True)
    assert clean["row"].tolist() == [1, 2, 3]


def test_output_is_in_timestamp_then_row_order_with_the_canonical_columns() -> None:
    rows = [but(3, item_id="z"), but(2, timestamp=50), but(1, item_id="y")]
    clean, _ = cleaned(rows)
    assert clean["row"].tolist() == [2, 1, 3]
    assert tuple(clean.columns) == INTERACTION_COLUMNS


def test_nothing_valid_stops_the_run_and_says_why() -> None:
    rows = [but(1, customer_id=None), but(2, customer_id=None), but(3, timestamp=None)]
    with pytest.raises(UserError, match=r"log\.csv.*missing_customer: 2, missing_timestamp: 1"):
        clean_interactions(table(*rows), spec())
    with pytest.raises(UserError, match=r"log\.csv.*no rows"):
        clean_interactions(table(GOOD).filter(ibis.literal(False)), spec())


_CELLS = st.tuples(
    st.sampled_from(["a", "b", None]),
    st.sampled_from(["x", "y", None]),
    st.sampled_from([0, 5, 10, 10, None]),
    st.sampled_from(["view", "buy", "visit", None]),
    st.sampled_from([1.0, 2.0, None]),
    st.sampled_from(["t", None]),
)
_RULES = st.fixed_dictionaries(
    {
        "require_text": st.booleans(),
        "one_rating_per_pair": st.booleans(),
        "context": st.sampled_from([[], ["visit"]]),
        "window": st.sampled_from([{}, {"start": "1970-01-01T00:00:01"}]),
    }
)


def _by_hand(rows: list[Row], given: dict[str, Any]) -> tuple[list[int], dict[str, int]]:
    """The rules row by row: an independent oracle."""
    kept: list[Row] = []
    counts = dict.fromkeys(REASONS, 0)
    survivors = []
    for row in rows:
        customer, item, timestamp, behaviour, _, text, _ = row
        context = behaviour in given["context"]
        tests = [
            ("missing_customer", customer is None),
            ("missing_item", item is None),
            ("missing_timestamp", timestamp is None),
            ("outside_window", bool(given["window"]) and timestamp is not None and timestamp < 1),
            ("missing_behaviour", behaviour is None),
            ("missing_text", given["require_text"] and text is None and not context),
            ("duplicate", row[:6] in {other[:6] for other in survivors}),
        ]
        reason = next((name for name, holds in tests if holds), None)
        if reason is None:
            survivors.append(row)
        else:
            counts[reason] += 1
    pairs: set[Row] = set()
    for row in sorted(survivors, key=lambda r: (r[2], r[6])):
        if given["one_rating_per_pair"] and row[3] not in given["context"]:
            if row[:2] in pairs:
                counts["repeated_pair"] += 1
                continue
            pairs.add(row[:2])
        kept.append(row)
    return [row[6] for row in kept], counts


@settings(max_examples=12, deadline=None)
@given(cells=st.lists(_CELLS, min_size=4, max_size=25), given=_RULES, data=st.data())
def test_rules_hold_for_any_log(cells: list[Row], given: dict[str, Any], data: st.DataObject) -> None:
    rows = [GOOD, *((*row, number) for number, row in enumerate(cells, start=2))]
    expected_rows, expected_counts = _by_hand(rows, given)

    clean, counts = cleaned(data.draw(st.permutations(rows)), **given)  # the order of the input is irrelevant
    assert clean["row"].tolist() == expected_rows
    assert {reason: counts[reason] for reason in REASONS} == expected_counts
    assert counts["all"] == sum(counts[reason] for reason in REASONS) + counts["valid"]

    again, recount = clean_interactions(ibis.memtable(clean, schema=SCHEMA), spec(**given))
    pd.testing.assert_frame_equal(again.to_pandas(), clean)  # the clean is clean
    assert recount.set_index("reason")["rows"].loc[list(REASONS)].sum() == 0
