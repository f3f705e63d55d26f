"""Ranking measures by hand, with the level of chance, and paired differences."""

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.columns import METRIC, RESULT_COLUMNS, RUN_COLUMNS, SLICE
from crm_pipelines.evaluation.ranked import compare_ranks, evaluate_ranks, per_event, per_plan

RUN = dict.fromkeys(RUN_COLUMNS, 0)


def table(ranks: list[float], candidates: int = 100, name: str = "all", **more: object) -> pd.DataFrame:
    n = len(ranks)
    columns = {
        "event_id": np.arange(n),
        "customer": np.arange(n),
        "slice": name,
        "step": 1,
        "item": 0,
        "rank": ranks,
        "candidates": candidates,
        "log_probability": -1.0,
        "planned": -1,
    }
    return pd.DataFrame({**columns, **more})


def test_hits_and_gain_by_hand():
    values = per_event(table([1.0, 3.0, 10.0, 11.0]))
    assert values["hr@1"].tolist() == [1, 0, 0, 0]
    assert values["hr@10"].tolist() == [1, 1, 1, 0]
    np.testing.assert_allclose(values["ndcg@10"], [1, 1 / 2, 1 / np.log2(11), 0])
    np.testing.assert_allclose(values["mrr"], [1, 1 / 3, 1 / 10, 1 / 11])


def test_a_random_order_reaches_what_chance_says():
    draw = np.random.default_rng(0)
    values = per_event(table(draw.integers(1, 41, 40_000).tolist(), candidates=40))
    for metric in ("hr@1", "hr@5", "hr@10", "ndcg@10"):
        assert values[metric].mean() == pytest.approx(values[f"{metric}_chance"].mean(), abs=0.01)


def test_a_plan_is_right_only_as_a_whole():
    rows = pd.concat(
        [
            table([1.0, 1.0], name=f"plan_step_{step}", step=step, item=[true, true], planned=[true, other])
            for step, true, other in ((1, 5, 6), (2, 6, 5), (3, 7, 7))
        ]
    )
    values = per_plan(rows)
    assert values["plan_accuracy"].tolist() == [1, 0]
    assert values["plan_items_found"].tolist() == [1, 1]
    assert values["plan_accuracy_chance"][0] == pytest.approx(1e-6)


def test_results_have_the_columns_of_all_results_and_small_slices_no_value():
    rows = pd.concat([table([1.0] * 40), table([1.0] * 10, name="plan_step_1", planned=0)])
    found = evaluate_ranks(rows, RUN)
    assert tuple(found.columns) == RESULT_COLUMNS
    assert found.loc[(found[SLICE] == "all") & (found[METRIC] == "hr@1"), "value"].item() == 1
    assert found.loc[found[SLICE] == "plan_step_1", "value"].isna().all()


class TestComparison:
    def test_a_better_model_is_told_from_a_worse_one_and_equals_are_not(self):
        draw = np.random.default_rng(1)
        worse = draw.integers(1, 60, 400).astype(float)
        by_model = {"good": [table((worse / 2).tolist())], "bad": [table(worse.tolist())]}
        found = compare_ranks(by_model, ["good"], "all", ["hr@10"], 200).iloc[0]
        assert found["low"] > 0
        assert found["low"] < found["difference"] < found["high"]
        same = {"one": [table(worse.tolist())], "other": [table(draw.permutation(worse).tolist())]}
        found = compare_ranks(same, ["one"], "all", ["hr@10"], 200).iloc[0]
        assert found["low"] < 0 < found["high"]

    def test_other_events_are_refused(self):
        by_model = {"a": [table([1.0] * 40)], "b": [table([1.0] * 41)]}
        with pytest.raises(ValueError, match="other events"):
            compare_ranks(by_model, ["a"], "all", ["hr@10"], 100)
