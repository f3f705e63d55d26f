"""Recommendation from raw files to lists and report with one command, and how it answers what is asked wrongly."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from crm_pipelines.columns import RESULT_COLUMNS
from crm_pipelines.models.registry import PRODUCT_MODELS


@pytest.fixture(scope="module")
def finished(kedro_run: Callable, tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("recommendation")
    ran = kedro_run("--env=test", "--pipelines=recommendation", f"--params=data_root={root},processes=1")
    assert ran.exit_code == 0, ran.stderr
    assert "Report:" in ran.everything
    return root


def table(root: Path, name: str) -> pd.DataFrame:
    return pd.read_csv(root / f"08_reporting/demo/recommendation/{name}.csv", dtype={"customer_id": str})


@pytest.mark.slow
class TestWholeRun:
    def test_every_model_is_measured_by_every_protocol(self, finished):
        metrics = table(finished, "metrics")
        assert tuple(metrics.columns) == RESULT_COLUMNS
        assert set(metrics["paper"]) == {"E"}
        assert set(metrics["model"]) == set(PRODUCT_MODELS)
        assert set(metrics["protocol"]) == {"time", "leave_last_out", "held_out"}
        assert {"cold_customer@0", "cold_customer@5"} <= set(metrics["slice"])

    def test_the_parts_are_switched_off_one_by_one(self, finished):
        metrics = table(finished, "metrics")
        own = metrics[metrics["model"] == "product_transformer"]
        assert set(own["variant"]) == {"main", "baseline", "tl", "gnn"}

    def test_nobody_is_offered_what_he_holds_or_may_not_have(self, finished):
        lists = table(finished, "product_recommendations")
        assert lists["customer_id"].nunique() == 60
        assert not lists.duplicated(["customer_id", "item_id"]).any()
        assert lists["acceptance_probability"].between(0, 1).all()
        holdings = pd.read_csv("data/01_raw/demo/holdings.csv", dtype={"ncodpers": str})
        latest = holdings[holdings["fecha_dato"] == holdings["fecha_dato"].max()].set_index("ncodpers")
        held = [
            latest.loc[who, f"ind_{what}_ult1"] == 1
            for who, what in zip(lists["customer_id"], lists["item_id"], strict=True)
            if who in latest.index
        ]
        assert held
        assert not any(held)
        customers = pd.read_csv("data/01_raw/demo/customers.csv", dtype={"customer_id": str}).set_index("customer_id")
        juniors = lists.loc[lists["item_id"] == "ctju_fin", "customer_id"]
        assert (customers.loc[juniors, "age"] <= 18).all()

    def test_what_is_promised_is_told_beside_what_was_kept(self, finished):
        acceptance = table(finished, "acceptance")
        assert set(acceptance["part"]) == {"validation", "test"}
        validation = acceptance[acceptance["part"] == "validation"]
        stated = (validation["stated"] * validation["pairs"]).sum() / validation["pairs"].sum()
        assert stated == pytest.approx(validation["taken"].sum() / validation["pairs"].sum(), rel=0.05)

    def test_the_report_shows_every_part(self, finished):
        page = (finished / "08_reporting/index.html").read_text(encoding="utf-8")
        for text in ("Table 1: quality of the lists", "Customers with few products", "ablation", "Does a promise hold"):
            assert text in page


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("--pipelines=recommendation", "--params=source=credit"), "nobody takes a product there"),
        (("--pipelines=recommendation", "--params=recommendation.runs.models=lightgcnn"), "did you mean 'lightgcn'?"),
        (("--pipelines=recommendation", "--params=recommendation.lists.produkts=3"), "did you mean 'products'?"),
        (("--pipelines=coldstart", "--params=source=fprt"), "one kind of event"),
    ],
    ids=lambda value: value if isinstance(value, str) else None,
)
def test_what_is_asked_wrongly_ends_in_one_line(kedro_run, tmp_path, arguments, says):
    ran = kedro_run(*arguments[:-1], f"{arguments[-1]},data_root={tmp_path}")
    assert ran.exit_code == 1
    assert says in ran.last_line
