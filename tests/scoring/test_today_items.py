"""Items of today that a kept model never met, and plans for whoever is left without a history."""

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.benchmark.plans import NO_HISTORY, item_plans
from crm_pipelines.config import PlanParameters
from crm_pipelines.scoring.plans import recoded
from crm_pipelines.sequences.inputs import Histories
from crm_pipelines.sequences.preparation import build

KEPT = np.array(["a", "b", "c", "d", "e"])


def today(*rows: tuple[str, str]):
    frame = pd.DataFrame([(who, item, second) for second, (who, item) in enumerate(rows)])
    frame.columns = pd.Index(["customer_id", "item_id", "timestamp"])
    return build(frame, pd.Series([], dtype=str), "log.csv", alone=True).arrays


class Counts:
    """Likes items the more the later they come in the alphabet."""

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        scores = np.tile(np.arange(len(KEPT), dtype=np.float32), (len(histories), 1))
        return np.asarray(scores - np.logaddexp.reduce(scores, axis=1, keepdims=True), dtype=np.float32)


def test_unknown_items_are_left_out_and_counted():
    found, unknown = recoded(today(("u", "b"), ("u", "new"), ("u", "a"), ("v", "other")), KEPT)
    assert unknown == 2
    assert KEPT[found["items"]].tolist() == ["b", "a"]
    assert np.diff(found["start"]).tolist() == [2, 0]
    assert found["timestamp"].tolist() == [0, 2]


@pytest.mark.parametrize("rows", [[("u", "new"), ("v", "other")], [("u", "new"), ("v", "a")]], ids=["all", "some"])
def test_whoever_has_only_unknown_items_gets_a_plan_and_is_flagged(rows):
    arrays, _ = recoded(today(*rows), KEPT)
    plans = item_plans(Counts, True, arrays, ["w"], PlanParameters()).set_index("customer_id")
    assert plans.index.tolist() == ["u", "v", "w"]
    assert plans.loc[["u", "w"], "data"].tolist() == [NO_HISTORY] * 2
    assert plans.loc["u", ["item_1", "item_2", "item_3"]].tolist() == ["e", "d", "c"]
    assert plans.loc["u", "reason_1"] == ""
