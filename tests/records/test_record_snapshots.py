"""Churn as one defines it: a silence of so many days of what counts, asked of an audience."""

import ibis
import numpy as np
import pandas as pd
import pytest

from crm_pipelines.config import AudienceSpec, ChurnSpec, EntitySpec
from crm_pipelines.errors import UserError
from crm_pipelines.records.snapshots import snapshot_records, today_records

DAY = 86_400
CUSTOMERS = pd.DataFrame({"customer_id": ["a", "b", "c"], "age": [20.0, 30.0, 40.0], "level": ["x", "y", "x"]})
PROFILE = EntitySpec(numeric=("age",), categorical=("level",))


def log(*events: tuple[str, float, str]) -> pd.DataFrame:
    """Customer, day, behaviour."""
    rows = [(who, "item", round(day * DAY), what, np.nan) for who, day, what in events]
    return pd.DataFrame(rows, columns=["customer_id", "item_id", "timestamp", "behaviour", "value"])


LOG = log(
    ("a", 0, "view"), ("b", 1, "view"), ("c", 2, "buy"), ("a", 5, "view"), ("b", 12, "buy"),
    ("a", 13, "view"), ("c", 19.999, "view"),
)  # fmt: skip
SPEC = ChurnSpec(within_days=10, steps=3, step_days=5, snapshots=1)


def records(spec: ChurnSpec = SPEC, events: pd.DataFrame = LOG) -> pd.DataFrame:
    return snapshot_records(events, CUSTOMERS, spec, PROFILE).records.to_pandas().set_index("customer_id")


def test_any_event_within_the_days_is_staying():
    assert records()["label"].to_dict() == {"a": "stays", "b": "stays", "c": "stays"}


def test_only_what_counts_is_staying():
    bought = records(SPEC.model_copy(update={"behaviours": ("buy",)}))
    assert bought["label"].to_dict() == {"a": "leaves", "b": "stays", "c": "leaves"}


def test_nothing_after_the_reference_date_is_an_input():
    later = LOG.copy()
    later.loc[later["timestamp"] >= 10 * DAY, "behaviour"] = "view"
    inputs = [column for column in records().columns if column not in ("label", "row")]
    pd.testing.assert_frame_equal(records()[inputs], records(events=later)[inputs])


@pytest.mark.parametrize("at_once", [1, 2, 3])
def test_todays_records_are_the_same_however_many_customers_are_read_together(at_once):
    events = LOG.assign(row=range(len(LOG)), value=np.arange(len(LOG)) / 10)

    def today(table: pd.DataFrame, at_once: int = 1_000) -> pd.DataFrame:
        return today_records(ibis.memtable(table), CUSTOMERS, SPEC, PROFILE, at_once).records.to_pandas()

    found = today(events, at_once)
    pd.testing.assert_frame_equal(found, today(events))
    pd.testing.assert_frame_equal(found, today(events.sample(frac=1, random_state=1), at_once))
    assert found["customer_id"].tolist() == ["a", "b", "c"]
    assert found["events_total"].tolist() == [3, 2, 2]
    assert found["row"].tolist() == [1, 2, 3]
    assert found["label"].isna().all()


def test_todays_log_need_not_hold_the_behaviour_that_is_asked_about():
    events = LOG[LOG["behaviour"] == "view"].assign(row=1)
    asked = SPEC.model_copy(update={"behaviours": ("buy",)})
    found = today_records(ibis.memtable(events), CUSTOMERS, asked, PROFILE).records.to_pandas()
    assert found["buy@step -1"].tolist() == [0, 0, 0]


def test_steps_count_events_and_are_blank_before_the_first():
    found = records()
    assert found.loc["a", ["view@step -3", "view@step -2", "view@step -1"]].isna().sum() == 1
    assert found.loc["a", "view@step -2"] + found.loc["a", "view@step -1"] == 2
    assert found.loc["c", "buy@step -2"] == 1


@pytest.mark.parametrize(
    ("audience", "kept"),
    [
        ({"min_events": 2}, {"a"}),
        ({"active_within_days": 6}, {"a"}),
        ({"attributes": {"level": ("x",)}}, {"a", "c"}),
    ],
)
def test_the_audience_is_those_who_were_asked_for_and_the_others_are_counted(audience, kept):
    found = snapshot_records(LOG, CUSTOMERS, SPEC.model_copy(update={"audience": AudienceSpec(**audience)}), PROFILE)
    assert set(found.records.to_pandas()["customer_id"]) == kept
    assert found.notes["outside_the_audience"] == 3 - len(kept)


@pytest.mark.parametrize("name", ["tenure_days", "amount", "label", "position", "view@step -1"])
def test_an_attribute_called_as_what_is_computed_is_refused(name):
    people = CUSTOMERS.rename(columns={"age": name})
    with pytest.raises(UserError, match=f"'customers' declares '{name}', .* for 'churn'; rename that column"):
        snapshot_records(LOG, people, SPEC, EntitySpec(numeric=(name,)))


def test_customers_without_a_profile_are_kept_with_blanks():
    found = snapshot_records(LOG, CUSTOMERS.head(2), SPEC, PROFILE).records.to_pandas().set_index("customer_id")
    assert np.isnan(found.loc["c", "age"])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"behaviours": ("bye",)}, "'bye', which the log never holds: buy, view"),
        ({"within_days": 60.0}, "smaller 'churn.within_days'"),
        ({"audience": AudienceSpec(min_events=99)}, "widen 'churn.audience'"),
        ({"audience": AudienceSpec(attributes={"levl": ("x",)})}, "'levl', which is no attribute"),
        ({"audience": AudienceSpec(attributes={"level": ("x", "Y")})}, "level' names 'Y', which .* writes 'y'"),
    ],
    ids=["behaviour", "days", "nobody", "attribute", "spelling"],
)
def test_a_definition_that_cannot_be_is_explained(changes, says):
    with pytest.raises(UserError, match=says):
        records(SPEC.model_copy(update=changes))
