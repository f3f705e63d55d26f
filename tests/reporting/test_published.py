"""The paper's figures as transcribed."""

import pytest

from crm_pipelines.columns import METRIC, MODEL
from crm_pipelines.reporting.names import MODELS
from crm_pipelines.reporting.published import BEHIND, compare_published, data_set_of, published_figures
from crm_pipelines.reporting.results import empty_table

from .conftest import metric_rows


def test_each_figure_is_transcribed_once_and_of_a_known_model() -> None:
    table = published_figures()
    assert not table.duplicated(["table", "source", "model", "variant", "slice", "metric"]).any()
    assert set(table["source"]) == {"taobao", "amazon", ""}
    assert set(table[MODEL]) <= set(MODELS)
    assert set(table["table"]) == {1, 2, 3, 5}


@pytest.mark.parametrize(
    ("source", "model", "metric", "mean"),
    [
        ("taobao", "tfpnet", "accuracy", 0.878),
        ("amazon", "gace", "accuracy", 0.863),
        ("taobao", "coldguess", "recall", 0.857),
    ],
)
def test_headline_figures_of_the_abstract_and_table_1(source: str, model: str, metric: str, mean: float) -> None:
    table = published_figures()
    row = table[
        (table["table"] == 1) & (table["source"] == source) & (table[MODEL] == model) & (table[METRIC] == metric)
    ]
    assert row["mean"].tolist() == [mean]


@pytest.mark.parametrize("source", ["taobao", "amazon"])
def test_stated_leads_agree_with_stated_accuracies(source: str) -> None:
    table = published_figures()
    rows = table[(table["table"] == 1) & (table["source"] == source)].set_index([MODEL, METRIC])["mean"]
    peer = "dgn_jbp" if source == "taobao" else "gace"
    assert rows[peer, "accuracy" + BEHIND] == pytest.approx(rows["tfpnet", "accuracy"] - rows[peer, "accuracy"])


def test_ours_stands_beside_theirs_where_it_was_run() -> None:
    table = compare_published(published_figures(), metric_rows("taobao", ("tfpnet",)), "taobao")
    row = table[(table[MODEL] == "tfpnet") & (table[METRIC] == "accuracy") & (table["slice"] == "all")].iloc[0]
    assert (row["published"], row["ours"]) == pytest.approx((0.878, 0.805))
    assert table.loc[table[MODEL] == "frangos", "ours"].isna().all()
    cold = table.loc[table["table"] == 3, "slice"]
    assert sorted(cold) == ["cold_customer@1", "cold_item@1"]


def test_nothing_run_leaves_their_figures_alone() -> None:
    table = compare_published(published_figures(), empty_table("metrics"), "amazon")
    assert len(table)
    assert table["ours"].isna().all()


@pytest.mark.parametrize(
    ("source", "data_set"),
    [("taobao", "taobao"), ("amazon_instruments", "amazon"), ("demo", None), ("taobaolike", None)],
)
def test_only_relatives_of_the_papers_data_are_compared(source: str, data_set: str | None) -> None:
    assert data_set_of(source) == data_set
