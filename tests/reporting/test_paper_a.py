"""Tables 1 to 3 of paper A: published beside ours, the strongest peer, and the difference with its interval."""

import pandas as pd
import pytest

from crm_pipelines.reporting import paper_a
from crm_pipelines.reporting.published import published_figures
from crm_pipelines.reporting.results import empty_table

from .conftest import comparison_rows, efficiency_rows, metric_rows

MODELS = ("lightgbm", "tfpnet", "majority", "gru")


def of(table: pd.DataFrame, model: str, metric: str, **at: object) -> pd.Series:
    """The one row of a model and metric."""
    rows = table[(table["model"] == model) & (table["metric"] == metric)]
    for column, value in at.items():
        rows = rows[rows[column] == value]
    assert len(rows) == 1
    return rows.iloc[0]


@pytest.fixture
def metrics() -> pd.DataFrame:
    return metric_rows("taobao", MODELS)


@pytest.fixture
def comparisons() -> pd.DataFrame:
    return comparison_rows("taobao", "tfpnet", {"lightgbm": (-0.06, -0.02), "majority": (0.03, 0.08)})


def test_published_stands_beside_ours(metrics: pd.DataFrame, comparisons: pd.DataFrame) -> None:
    row = of(paper_a.table_1(metrics, comparisons, "taobao"), "tfpnet", "macro_f1")
    assert (row["published"], row["published_std"]) == (0.83, 0.004)
    assert row["mean"] == pytest.approx(0.555)
    assert (row["runs"], row["n"]) == (2, 900)


def test_every_published_number_of_table_1_is_in_ours(metrics: pd.DataFrame, comparisons: pd.DataFrame) -> None:
    table = paper_a.table_1(metrics, comparisons, "taobao")
    figures = published_figures().query("table == 1 and source in ['taobao', '']")
    values = figures[~figures["metric"].str.endswith("_behind_tfpnet")]
    assert len(values) >= 6
    for r in values.to_dict("records"):
        assert of(table, r["model"], r["metric"])["published"] == r["mean"]


def test_the_strongest_peer_is_the_best_other_model_on_each_metric_by_itself(metrics: pd.DataFrame) -> None:
    last = (metrics["model"] == "gru") & (metrics["metric"] == "precision")
    metrics.loc[last, "value"] = 0.99
    table = paper_a.table_1(metrics, empty_table("comparisons"), "taobao")
    assert of(table, "tfpnet", "macro_f1")["peer"] == "lightgbm"
    precise = of(table, "tfpnet", "precision")
    assert (precise["peer"], precise["peer_mean"]) == ("gru", 0.99)


def test_neither_form_of_the_papers_model_is_a_peer() -> None:
    table = paper_a.table_1(
        metric_rows("taobao", ("tfpnet_plus", "tfpnet", "gru")), empty_table("comparisons"), "taobao"
    )
    assert set(table["peer"].dropna()) == {"gru"}
    assert of(table, "tfpnet_plus", "macro_f1")["difference"] == pytest.approx(0.1)


def test_a_model_equally_bad_for_all_is_not_the_strongest_in_fairness(metrics: pd.DataFrame) -> None:
    metrics.loc[(metrics["model"] == "majority") & (metrics["metric"] == "group_fairness"), "value"] = 100.0
    row = of(paper_a.table_1(metrics, empty_table("comparisons"), "taobao"), "tfpnet", "group_fairness")
    assert (row["peer"], row["peer_mean"]) == ("lightgbm", 90.0)


def test_the_difference_carries_its_interval_where_one_was_computed(
    metrics: pd.DataFrame, comparisons: pd.DataFrame
) -> None:
    table = paper_a.table_1(metrics, comparisons, "taobao")
    macro = of(table, "tfpnet", "macro_f1")
    assert macro[["difference", "low", "high"]].tolist() == pytest.approx([-0.04, -0.06, -0.02])
    recall = of(table, "tfpnet", "recall")
    assert recall["difference"] == pytest.approx(-0.05)
    assert recall[["low", "high"]].isna().all()


def test_costs_at_the_papers_batch_and_in_our_units() -> None:
    efficiency = efficiency_rows("taobao", ("tfpnet", "gru"))
    batch = efficiency[efficiency["metric"] == "seconds_per_epoch"].assign(
        metric="seconds_per_epoch_batch_32", value=7.0
    )
    table = paper_a.table_2(pd.concat([efficiency, batch]), "taobao")
    epoch = of(table, "tfpnet", "seconds_per_epoch_batch_32")
    assert (epoch["published"], epoch["mean"]) == (89, 7.0)
    assert of(table, "tfpnet", "seconds_per_epoch")["mean"] == 1.5
    assert of(table, "tfpnet", "peak_memory_mb")["published"] == 2800
    absent = of(table, "gace", "seconds_per_epoch_batch_32")
    assert (absent["published"], absent["runs"]) == (107, 0)


def test_memory_of_the_gpu_is_compared_where_one_was_used() -> None:
    efficiency = efficiency_rows("taobao", ("tfpnet",))
    gpu = efficiency[efficiency["metric"] == "peak_memory_mb"].assign(metric="peak_gpu_mb", value=900.0)
    assert paper_a.memory_metric(pd.concat([efficiency, gpu.assign(value=0.0)])) == "peak_memory_mb"
    table = paper_a.table_2(pd.concat([efficiency, gpu]), "taobao")
    row = of(table, "tfpnet", "peak_gpu_mb")
    assert (row["published"], row["mean"]) == (2800, 900)


def test_new_entities_by_events_seen(metrics: pd.DataFrame, comparisons: pd.DataFrame) -> None:
    table = paper_a.table_3(metrics, comparisons, "taobao")
    seen = of(table, "tfpnet", "macro_f1", slice="cold_item@0")
    assert (seen["side"], seen["k"], seen["n"]) == ("item", 0, 150)
    assert seen[["low", "high"]].tolist() == pytest.approx([-0.06, -0.02])
    first = of(table, "tfpnet", "accuracy", slice="cold_item@1")
    assert (first["published"], first["peer"]) == (0.623, "lightgbm")


def test_slices_that_are_too_small_have_neither_number_nor_peer(metrics: pd.DataFrame) -> None:
    row = of(
        paper_a.table_3(metrics, empty_table("comparisons"), "taobao"), "tfpnet", "macro_f1", slice="cold_customer@0"
    )
    assert row["n"] == 12
    assert row[["mean", "peer", "difference"]].isna().all()


def test_a_side_without_new_entities_is_left_out(metrics: pd.DataFrame) -> None:
    metrics.loc[metrics["slice"].str.startswith("cold_customer"), "n"] = 0
    assert set(paper_a.table_3(metrics, empty_table("comparisons"), "taobao")["side"]) == {"item"}


@pytest.mark.parametrize("data_set", ["taobao", "amazon"])
def test_without_results_the_published_values_remain(data_set: str) -> None:
    metrics, comparisons = empty_table("metrics"), empty_table("comparisons")
    tables = [
        paper_a.table_1(metrics, comparisons, data_set),
        paper_a.table_2(empty_table("efficiency"), data_set),
        paper_a.table_3(metrics, comparisons, data_set),
    ]
    for table in tables:
        assert table["published"].notna().any()
        assert (table["runs"] == 0).all()
        assert table["mean"].isna().all()


def test_nothing_in_nothing_out() -> None:
    metrics, comparisons = empty_table("metrics"), empty_table("comparisons")
    assert paper_a.table_1(metrics, comparisons, None).empty
    assert paper_a.table_2(empty_table("efficiency"), None).empty
    assert paper_a.table_3(metrics, comparisons, None).empty
