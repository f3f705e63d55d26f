"""The paper's figures as transcribed."""

import pytest

from crm_pipelines.columns import METRIC, MODEL
from crm_pipelines.reporting.names import MODELS
from crm_pipelines.reporting.published import (
    BEHIND,
    PUBLISHED_COLUMNS,
    data_set_of,
    published_figures,
    published_values,
)


def test_each_figure_is_transcribed_once_and_of_a_known_model() -> None:
    table = published_figures()
    assert not table.duplicated(["table", "source", "model", "variant", "slice", "metric"]).any()
    assert set(table["source"]) == {"taobao", "amazon", ""}
    assert set(table[MODEL]) <= set(MODELS)
    assert set(table["table"]) == {1, 2, 3, 4, 5}


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


def test_a_stated_lead_becomes_a_value_where_the_leaders_own_is_stated() -> None:
    values = published_values(1, "taobao").set_index([MODEL, METRIC])
    assert values.loc[("dgn_jbp", "f1"), "published"] == pytest.approx(0.862 - 0.014)
    assert values.loc[("dgn_jbp", "accuracy"), "published"] == 0.865
    ablation = published_values(5, "amazon").set_index(["variant", METRIC])
    assert ablation.loc[("no_tgat", "accuracy"), "published"] == pytest.approx(0.881 - 0.029)


def test_no_value_is_made_up_from_a_lead_without_a_data_set_or_without_a_leader() -> None:
    recall = published_values(5, "taobao").query("metric == 'recall'")
    assert recall["published"].isna().all()
    assert sorted(recall["published_behind"]) == [0.016, 0.035]
    shots = published_values(3, "taobao").query("slice == 'cold_item@10'")
    assert shots["published"].isna().all()
    assert shots["published_behind"].tolist() == [0.045]


def test_accuracies_on_new_entities_stand_on_both_sides_for_the_paper_names_none() -> None:
    own = published_values(3, "amazon").query("model == 'tfpnet'")
    assert dict(zip(own["slice"], own["published"], strict=True)) == {"cold_customer@1": 0.631, "cold_item@1": 0.631}


@pytest.mark.parametrize("table", [1, 2, 3, 4, 5])
def test_every_table_of_each_data_set_has_something_and_other_data_have_nothing(table: int) -> None:
    for data_set in ("taobao", "amazon"):
        values = published_values(table, data_set)
        assert values[["published", "published_behind"]].notna().any(axis=1).all()
        assert not values.duplicated(["model", "variant", "slice", "metric"]).any()
    assert list(published_values(table, None).columns) == list(PUBLISHED_COLUMNS)
    assert published_values(table, None).empty


@pytest.mark.parametrize(
    ("source", "data_set"),
    [("taobao", "taobao"), ("amazon_instruments", "amazon"), ("demo", None), ("taobaolike", None)],
)
def test_only_relatives_of_the_papers_data_are_compared(source: str, data_set: str | None) -> None:
    assert data_set_of(source) == data_set
