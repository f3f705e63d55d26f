"""Engagement from raw files to plans and report with one command, and how it answers what is asked wrongly."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from crm_pipelines.columns import RESULT_COLUMNS
from crm_pipelines.models.registry import CHURN_MODELS, SEQUENCE_MODELS


@pytest.fixture(scope="module")
def finished(kedro_run: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("engagement")
    ran = kedro_run("--env=test", "--pipelines=engagement", f"--params=data_root={root},processes=1")
    assert ran.exit_code == 0, ran.stderr
    assert "Report:" in ran.everything
    return root


def table(root: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(root / f"08_reporting/demo/engagement/{name}.csv", dtype={"customer_id": str})


@pytest.mark.slow
class TestWholeRun:
    def test_every_model_is_measured(self, finished):
        metrics = table(finished, "metrics")
        assert tuple(metrics.columns) == RESULT_COLUMNS
        assert set(metrics["paper"]) == {"B"}
        assert set(metrics["model"]) == {*SEQUENCE_MODELS, *CHURN_MODELS}
        items = metrics[metrics["model"].isin(SEQUENCE_MODELS)]
        assert set(items["protocol"]) == {"leave_last_out", "leave_last_three", "time"}

    def test_every_customer_has_one_row_for_use(self, finished):
        plans = table(finished, "engagement_plans")
        assert plans["customer_id"].is_unique
        assert len(plans) == 600
        assert plans["churn_probability"].dropna().between(0, 1).all()
        assert plans["hold_out"].sum() == 60
        sent = plans[["after_1", "after_2", "after_3"]]
        assert sent[plans["hold_out"]].isna().all().all()
        planned = plans[plans["item_1"].notna()]
        assert len(planned) == 30
        assert (planned["before_1"].str.split().str[0] == "recommend").all()
        assert planned[["item_1", "item_2", "item_3"]].nunique(axis=1).eq(3).all()
        beyond = plans["decision"] == "not among those planned for"
        assert beyond.any()
        assert plans.loc[beyond, "item_1"].isna().all()
        assert (plans.loc[plans["decision"] == "no items to plan with", "events"] == 0).all()

    def test_who_has_little_history_is_flagged(self, finished):
        plans = table(finished, "engagement_plans")
        single = plans[plans["events"] == 1]
        assert len(single)
        assert single["data"].str.startswith("single event").all()

    def test_the_world_of_the_paper_stays_at_chance(self, finished):
        losses, scores = table(finished, "world_losses"), table(finished, "world_scores")
        sequence = losses[losses["model"] == "sequence_transformer"].groupby("epoch")["loss"].mean()
        assert 3.9 < sequence.iloc[0] < 4.2
        assert sequence.is_monotonic_decreasing
        assert scores.loc[scores["metric"] == "step_accuracy", "value"].max() < 0.15

    def test_the_report_shows_every_part(self, finished):
        page = (finished / "08_reporting/index.html").read_text(encoding="utf-8")
        for text in ("The next item", "Three steps", "What the policy is worth", "Tables I to IV", "Churn Transformer"):
            assert text in page

    def test_the_policy_is_compared_at_equal_budget(self, finished):
        policy = table(finished, "policy").set_index("policy")
        assert len(policy) == 3
        assert policy["matched"].min() > 0


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--pipelines=engagement", "--params=source=credit"), "neither 'interactions' nor records of churn"),
        (("--pipelines=engagement", "--params=engagement.policy.threshold=1.5"), "threshold"),
        (("--pipelines=engagement", "--params=engagement.runs.models=sasrecc"), "did you mean 'sasrec'?"),
        (("--pipelines=engagement", "--params=engagement.plans.beem=3"), "did you mean 'beam'?"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_asked_wrongly_ends_in_one_line(kedro_run, tmp_path, arguments, says):
    ran = kedro_run(*arguments[:-1], f"{arguments[-1]},data_root={tmp_path}")
    assert ran.exit_code == 1
    assert says in ran.last_line
    assert not list(tmp_path.rglob("*.csv"))
