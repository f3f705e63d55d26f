"""Group fairness, against fairlearn as an independent oracle and by hand."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from crm_pipelines.evaluation.fairness import axis_fairness, fairness_rows, group_table
from crm_pipelines.evaluation.rules import with_decisions


def macro_f1(true: pd.Series, decided: pd.Series) -> float:
    return float(f1_score(true, decided, labels=np.unique(true), average="macro", zero_division=0))


def test_groups_agree_with_fairlearn(make_predictions) -> None:
    metric_frame = pytest.importorskip("fairlearn.metrics").MetricFrame
    decided = with_decisions(make_predictions(prior=(0.7, 0.2, 0.1)))
    rows = decided[decided["slice"] == "all"]
    expected = metric_frame(
        metrics=macro_f1,
        y_true=rows["y_true"],
        y_pred=rows["decided"].astype(str),
        sensitive_features=rows["group_age"],
    )
    table = group_table(decided, resamples=50)
    np.testing.assert_allclose(
        table.set_index("group")["macro_f1"].sort_index(), expected.by_group.sort_index().astype(float)
    )
    summary = axis_fairness(table).iloc[0]
    assert summary["group_fairness"] == pytest.approx(100 * expected.ratio())
    assert summary["difference"] == pytest.approx(expected.difference())


@pytest.fixture
def uneven() -> pd.DataFrame:
    """Axis 'age': 'a' always right, 'b' half right, 'tiny' too small, some unknown. Axis 'one': a single group."""
    group = np.repeat(["a", "b", "tiny", None], [40, 40, 29, 11])
    n = len(group)
    true = np.tile(["x", "y"], n // 2)
    # In 'b' every row is decided 'x': F1 of x is 2/3, of y 0.
    decided = np.where(group == "b", "x", true)
    return pd.DataFrame(
        {
            "event_id": np.arange(n),
            "customer": np.arange(n) // 2,
            "slice": "all",
            "y_true": true,
            "decided": decided,
            "p_x": 0.5,
            "p_y": 0.5,
            "group_age": group,
            "group_one": "same",
        }
    )


def test_worked_by_hand(uneven: pd.DataFrame, run) -> None:
    table = group_table(uneven, resamples=20).set_index("group")
    assert table["n"].to_dict() == {"a": 40, "b": 40, "tiny": 29, "same": 120}
    assert table["customers"].to_dict() == {"a": 20, "b": 20, "tiny": 15, "same": 60}
    assert table.loc["a", "macro_f1"] == 1.0
    assert table.loc["b", "macro_f1"] == pytest.approx(1 / 3)
    assert table.loc["tiny", ["macro_f1", "low", "high"]].isna().all()
    rows = fairness_rows(uneven, run).set_index("metric")
    assert rows.loc["group_fairness[age]", "value"] == pytest.approx(100 / 3)
    assert rows.loc["group_fairness[age]", "n"] == 80
    assert np.isnan(rows.loc["group_fairness[one]", "value"])  # nothing to compare with
    assert rows.loc["group_fairness", "value"] == pytest.approx(100 / 3)
    assert set(rows["slice"]) == {"all"}
    difference = axis_fairness(group_table(uneven, resamples=0)).set_index("axis")["difference"]
    assert difference["age"] == pytest.approx(2 / 3)


def test_intervals_hold_the_point_and_narrow_with_customers(make_predictions) -> None:
    widths = {}
    for n in (200, 3200):
        table = group_table(with_decisions(make_predictions(n=n)), resamples=200)
        assert ((table["low"] <= table["macro_f1"]) & (table["macro_f1"] <= table["high"])).all()
        widths[n] = float((table["high"] - table["low"]).mean())
    assert widths[3200] < widths[200] / 2


def test_no_groups_give_no_rows(make_predictions, run) -> None:
    decided = with_decisions(make_predictions(n=50)).drop(columns="group_age")
    assert fairness_rows(decided, run).empty


def test_equal_groups_reach_100_and_no_score_at_all_gives_none(uneven: pd.DataFrame) -> None:
    right = uneven.assign(decided=uneven["y_true"])
    assert axis_fairness(group_table(right, resamples=0)).set_index("axis").loc["age", "group_fairness"] == 100.0
    wrong = uneven.assign(decided=np.where(uneven["y_true"] == "x", "y", "x"))
    assert np.isnan(axis_fairness(group_table(wrong, resamples=0)).set_index("axis").loc["age", "group_fairness"])
