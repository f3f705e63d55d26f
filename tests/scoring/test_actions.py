"""What stands in the row of a customer, and how it leaves the project."""

import csv
import re

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.datasets import OptionalTable, SheetTable
from crm_pipelines.errors import UserError
from crm_pipelines.scoring import extras
from crm_pipelines.scoring.actions import COLUMNS, customer_actions, empty_behaviour, empty_records
from crm_pipelines.scoring.pseudonyms import key_of, pseudonyms
from crm_pipelines.scoring.words import days_ago, number

BANDS = {"low": 0.1, "moderate": 0.25, "raised": 0.5, "high": 1.0}


def plans(n: int = 4, **changes: object) -> pd.DataFrame:
    """As `policy.plans.engagement_plans` gives them."""
    table = pd.DataFrame({"customer_id": [f"c{i}" for i in range(n)], "events": range(n), "data": "enough"})
    for step in (1, 2, 3):
        table[f"item_{step}"], table[f"reason_{step}"], table[f"after_{step}"] = "", "", ""
    table["churn_probability"], table["churn_band"] = np.nan, ""
    table["decision"], table["expected_value"], table["retention_cost"] = "as planned", 0.0, 0.0
    return table.assign(hold_out=False, **changes)


def actions(table: pd.DataFrame, churn=None, risk=None, behaviour=None, others=None) -> pd.DataFrame:
    others = pd.DataFrame({"customer_id": []}) if others is None else others
    churn = (empty_records() if churn is None else churn).drop(columns=["risk"], errors="ignore")
    seen = pd.Series({"c1": 0.2, "c2": 1.1, "c3": 40.0})
    return customer_actions(
        table,
        empty_behaviour() if behaviour is None else behaviour,
        churn,
        empty_records() if risk is None else risk,
        seen,
        others,
        BANDS,
        3,
    ).set_index("customer_id")


def scored(column: str = "risk", **changes: object) -> pd.DataFrame:
    table = pd.DataFrame({"customer_id": ["c0", "c1", "c2", "c3"], "record_id": "r", "data": "enough", "reasons": ""})
    numbers = {"risk": [0.05, 0.2, 0.5, 0.9], "low": 0.1, "high": 0.3, "unusual": 0.0, "contradicted": 0.0}
    return table.assign(amount_low=np.nan, amount_median=np.nan, amount_high=np.nan, **{**numbers, **changes})


def test_missing_systems_leave_columns_empty():
    table = actions(plans())
    assert list(table.reset_index().columns) == list(COLUMNS)
    assert table[["risk", "churn_low", "amount_low"]].isna().all().all()
    assert (table[["risk_band", "segment", "top_products"]] == "").all().all()
    assert table.loc["c3", "reason_1"] == "last event 40 days ago"


def test_bands_are_absolute():
    assert list(actions(plans(), risk=scored())["risk_band"]) == ["low", "moderate", "high", "high"]


def test_confidence_is_low_where_data_are_short_or_unlike_those_of_training():
    table = plans(data=["enough", "single event: the profile decides", "enough", "enough"], churn_probability=0.1)
    found = actions(table, churn=scored(unusual=[0.0, 0.0, 0.5, 0.0]))
    assert list(found["confidence"]) == ["high", "low", "low", "high"]
    assert list(actions(plans(churn_probability=0.5))["confidence"]) == ["medium"] * 4


def test_confidence_is_low_where_outcomes_of_those_scored_alike_say_otherwise():
    found = actions(plans(churn_probability=0.1), churn=scored(contradicted=[0.0, 1.0, 0.0, 0.0]))
    assert list(found["confidence"]) == ["high", "low", "high", "high"]


def test_reasons_of_leaving_come_first_where_that_is_likely():
    table = plans(churn_probability=[0.9, 0.1, 0.1, 0.1], item_1="p1", reason_1="p7 (last event); p8 (2 events ago)")
    found = actions(table, churn=scored(reasons="last seen 9 days ago | 1 events in the last 7 days"))
    assert list(found.loc["c0", ["reason_1", "reason_2"]]) == ["last seen 9 days ago", "1 events in the last 7 days"]
    assert found.loc["c1", "reason_1"] == "p1 often follows p7"


def test_an_item_whose_name_has_brackets_is_named_whole():
    reasons = ["shirt (red) (last event); hat (2 events ago)", "shirt (blue) (12 events ago)", "", ""]
    found = actions(plans(item_1="shirt (blue)", reason_1=reasons, churn_probability=0.1))
    assert found.loc["c0", "reason_1"] == "shirt (blue) often follows shirt (red)"
    assert found.loc["c1", "reason_1"] == "comes back to shirt (blue)"


def test_what_other_stages_know_takes_its_column():
    profiles = pd.DataFrame({"customer_id": ["c1"], "segment_name": ["loyal"], "sentiment_trend": [-0.5], "more": [1]})
    products = pd.DataFrame(
        {
            "customer_id": ["c1", "c1", "c2"],
            "rank": [2, 1, 0],
            "item_id": ["card", "loan", ""],
            "acceptance_probability": [0.051, 0.2, None],
        }
    )
    found = actions(plans(), others=extras.joined((profiles, products)))
    assert (found.loc["c1", "segment"], found.loc["c1", "sentiment_trend"]) == ("loyal", -0.5)
    assert found.loc["c1", "top_products"] == "loan (20%) | card (5%)"
    assert found.loc["c2", "segment"] == found.loc["c2", "top_products"] == ""
    assert np.isnan(found.loc["c2", "sentiment_trend"])
    with pytest.raises(UserError, match=r"customer_voice.*no column 'customer_id'"):
        extras.joined((profiles.drop(columns="customer_id"), pd.DataFrame()))


def test_an_optional_table_that_is_not_there_is_empty(tmp_path):
    assert OptionalTable(filepath=str(tmp_path / "none.parquet")).load().empty


@given(st.lists(st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc"]), max_size=6), min_size=1, max_size=5))
def test_no_text_becomes_a_formula_and_every_text_returns(tmp_path_factory, texts):
    path = tmp_path_factory.mktemp("sheet") / "t.csv"
    texts = [f"={texts[0]}", f"@{texts[0]}", "+1+1", "-2-A1", *(text.strip() or "x" for text in texts)]
    dataset = SheetTable(filepath=str(path), load_args={"dtype": str, "keep_default_na": False})
    frame = pd.DataFrame({"t": texts, "n": [str(i) for i in range(len(texts))]})
    dataset.save(frame)
    with path.open(encoding="utf-8", newline="") as file:
        for cell in (row[0] for row in list(csv.reader(file))[1:]):
            assert cell[:1] not in ("=", "+", "-", "@") or re.fullmatch(r"[+-][0-9]+", cell)
    assert dataset.load()["t"].tolist() == texts


def test_numbers_stay_numbers_in_a_sheet(tmp_path):
    SheetTable(filepath=str(tmp_path / "t.csv")).save(pd.DataFrame({"n": [-1.5, 2.0]}))
    assert (tmp_path / "t.csv").read_text() == "n\n-1.5\n2.0\n"


def test_an_id_that_is_a_negative_number_stays_as_it_is(tmp_path):
    dataset = SheetTable(filepath=str(tmp_path / "t.csv"), load_args={"dtype": str, "keep_default_na": False})
    ids = pd.DataFrame({"customer_id": ["-17", "-9007199254740993", "'-5", "-5-"]})
    dataset.save(ids)
    assert (tmp_path / "t.csv").read_text() == "customer_id\n-17\n-9007199254740993\n'-5\n'-5-\n"
    pd.testing.assert_frame_equal(dataset.load(), ids, check_dtype=False)


def test_pseudonyms_depend_on_the_key_and_on_nothing_else():
    ids, key = ["c1", "c2", "c1"], b"0123456789abcdef"
    found = pseudonyms(ids, key)
    assert found[0] == found[2] != found[1]
    assert found == pseudonyms(ids, key)
    assert set(found).isdisjoint(pseudonyms(ids, b"another key of 16 bytes"))


def test_a_missing_or_short_key_is_told_without_showing_it(monkeypatch):
    monkeypatch.delenv("SHOP_KEY", raising=False)
    with pytest.raises(UserError, match="SHOP_KEY is not set"):
        key_of("SHOP_KEY")
    monkeypatch.setenv("SHOP_KEY", "short")
    with pytest.raises(UserError, match="too short") as told:
        key_of("SHOP_KEY")
    assert " short;" not in str(told.value).replace("too short", "")


def test_numbers_and_days_are_said_as_people_do():
    assert [number(value) for value in (3.0, 1234.5, 2.34, 0.123, 56.00001)] == ["3", "1,234", "2.3", "0.12", "56"]
    assert list(days_ago(pd.Series([0.2, 1.0, 12.4, np.nan]))) == [
        "last event today",
        "last event 1 day ago",
        "last event 12 days ago",
        "",
    ]
