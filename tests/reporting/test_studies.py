"""Tables 4 and 5 of paper A: TFP-Net beside its variants."""

import pandas as pd
import pytest

from crm_pipelines.reporting.lines import line_chart
from crm_pipelines.reporting.results import empty_table
from crm_pipelines.reporting.studies import ABLATIONS, PARAMETERS, table_4, table_5

from .conftest import metric_rows, variant_comparisons, variant_rows

NAN = float("nan")


@pytest.fixture
def metrics() -> pd.DataFrame:
    """Two seeds of the whole model, one of each variant."""
    main = metric_rows("taobao", ("lightgbm", "tfpnet"), seeds=(42, 100))
    return pd.concat([main, variant_rows("taobao", main)], ignore_index=True)


def test_names_on_the_page_are_those_of_the_models_studies() -> None:
    from crm_pipelines.models.registry import behaviour_model

    studies = behaviour_model("tfpnet").studies  # type: ignore[attr-defined]
    assert set(studies["ablation"]) == set(ABLATIONS)
    assert {name.partition("=")[0] for name in studies["sensitivity"]} == set(PARAMETERS)


def test_each_kind_of_variant_has_its_table(metrics: pd.DataFrame) -> None:
    swept = table_4(metrics, variant_comparisons("taobao"), None)
    assert swept["variant"].tolist() == ["main", "decay_base=0.5", "decay_base=1", "factors=8"]
    assert swept["setting"].dropna().tolist() == [0.5, 1, 8]
    parts = table_5(metrics, variant_comparisons("taobao"), None)
    assert parts["variant"].tolist() == ["main", "no_tgat", "no_fm"]


def test_the_whole_model_is_taken_from_the_runs_its_variants_had(metrics: pd.DataFrame) -> None:
    for table in (
        table_4(metrics, empty_table("comparisons"), None),
        table_5(metrics, empty_table("comparisons"), None),
    ):
        whole = table.set_index("variant").loc["main"]
        assert (whole["macro_f1"], whole["runs"]) == (pytest.approx(0.55), 1)


def test_a_difference_is_variant_less_whole_model_with_its_interval(metrics: pd.DataFrame) -> None:
    row = table_5(metrics, variant_comparisons("taobao"), None).set_index("variant").loc["no_tgat"]
    assert row[["difference", "low", "high"]].tolist() == pytest.approx([-0.03, -0.045, -0.015])
    plain = table_5(metrics, empty_table("comparisons"), None).set_index("variant").loc["no_tgat"]
    assert plain["difference"] == pytest.approx(-0.03)
    assert plain[["low", "high"]].isna().all()


def test_published_values_stand_beside_the_variant_of_the_same_value(metrics: pd.DataFrame) -> None:
    swept = table_4(metrics, variant_comparisons("taobao"), "taobao").set_index("variant")
    assert swept.loc["decay_base=1", ["published", "accuracy"]].tolist() == pytest.approx([0.878, 0.75])
    assert pd.isna(swept.loc["decay_base=0.5", "published"])
    parts = table_5(metrics, variant_comparisons("taobao"), "taobao").set_index("variant")
    assert parts.loc["main", "published"] == 0.878
    assert parts.loc["no_tgat", ["published", "published_behind"]].tolist() == pytest.approx([0.849, 0.029])


def test_new_entities_have_a_number_only_where_there_are_enough_of_them(metrics: pd.DataFrame) -> None:
    few = metrics["slice"] == "cold_item@1"
    row = table_5(metrics, empty_table("comparisons"), None).set_index("variant").loc["no_fm"]
    assert row["cold_item@1"] == pytest.approx(0.54)
    row = table_5(metrics.assign(n=metrics["n"].where(~few, 29)), empty_table("comparisons"), None)
    assert row["cold_item@1"].isna().all()
    assert (row["cold_item@1_n"] == 29).all()


def test_without_the_study_the_published_values_remain() -> None:
    metrics = metric_rows("taobao", ("lightgbm", "tfpnet"))
    for table in (
        table_4(metrics, empty_table("comparisons"), "taobao"),
        table_5(metrics, empty_table("comparisons"), "taobao"),
    ):
        assert (table["runs"] == 0).all()
        assert table["published"].notna().sum() >= 4
    assert table_4(metrics, empty_table("comparisons"), None).empty
    assert table_5(metrics, empty_table("comparisons"), None).empty


def test_a_line_falls_where_the_score_does_and_ends_at_the_edges() -> None:
    rows = pd.DataFrame({"setting": [0.1, 10.0, 1.0], "macro_f1": [0.5, 0.3, 0.4], "macro_f1_std": [NAN, 0.01, NAN]})
    chart = line_chart("lambda", rows, 0.4)
    assert chart is not None
    assert [spot.x for spot in chart.spots] == [0, 75, 150]  # equal ratios, equal steps
    assert [spot.y for spot in chart.spots] == sorted(spot.y for spot in chart.spots)
    assert chart.whole == chart.spots[1].y
    assert chart.spots[2].low > chart.spots[2].y > chart.spots[2].high
    assert "10: 0.300" in chart.description


def test_one_value_makes_no_line() -> None:
    rows = pd.DataFrame({"setting": [1.0, 2.0], "macro_f1": [0.5, NAN], "macro_f1_std": [NAN, NAN]})
    assert line_chart("lambda", rows, NAN) is None
