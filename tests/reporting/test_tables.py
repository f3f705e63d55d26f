"""Tables for the page: means over runs, small slices without numbers, differences the right way round."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_pipelines.reporting import tables
from crm_pipelines.reporting.results import empty_table

from .conftest import comparison_rows, efficiency_rows, fairness_rows, metric_rows, variant_comparisons

MODELS = ("lightgbm", "tfpnet", "majority")


def test_performance_is_the_mean_over_seeds_best_first() -> None:
    table = tables.performance_table(metric_rows("demo", MODELS, seeds=(42, 100)))
    assert list(table["model"]) == list(MODELS)
    assert table["macro_f1"].tolist() == pytest.approx([0.605, 0.555, 0.505])
    assert table["macro_f1_std"].tolist() == pytest.approx([np.std([0, 0.01], ddof=1)] * 3)
    assert table["runs"].tolist() == [2, 2, 2]


def test_one_run_has_no_spread() -> None:
    table = tables.performance_table(metric_rows("demo", MODELS, seeds=(42,)))
    assert not [column for column in table if column.endswith("_std")]


def test_a_value_for_few_events_is_dropped_whatever_the_file_says() -> None:
    rows = metric_rows("demo", MODELS)
    rows.loc[rows["n"] < 30, "value"] = 0.99
    cold = tables.cold_start_table(rows)
    small = cold[cold["slice"] == "cold_customer@0"]
    assert len(small) == len(MODELS)
    assert small["macro_f1"].isna().all()
    assert set(small["n_high"]) == {12}


def test_cold_start_table_goes_from_warm_to_more_events_seen() -> None:
    cold = tables.cold_start_table(metric_rows("demo", MODELS))
    items = cold[cold["side"] == "item"]
    assert items["slice"].drop_duplicates().tolist() == ["warm", "cold_item@0", "cold_item@1"]
    assert items["k"].drop_duplicates().dropna().tolist() == [0, 1]


def test_a_side_without_any_new_entity_is_left_out() -> None:
    rows = metric_rows("demo", MODELS)
    rows.loc[rows["slice"].str.startswith("cold_customer"), "n"] = 0
    assert set(tables.cold_start_table(rows)["side"]) == {"item"}


def test_variants_are_not_in_the_performance_table() -> None:
    main = metric_rows("demo", ("tfpnet",), seeds=(42,))
    rows = pd.concat([main, main.assign(variant="no_tgat", value=main["value"] - 0.02)], ignore_index=True)
    assert tables.performance_table(rows)["macro_f1"].tolist() == pytest.approx([0.6])


def test_comparisons_with_variants_are_told_from_those_with_models() -> None:
    stored = pd.concat([comparison_rows("demo", "tfpnet", {"gru": (0.01, 0.03)}), variant_comparisons("demo")])
    assert set(tables.paired_table(stored, "tfpnet")["peer"]) == {"gru"}
    variants = tables.variant_differences(stored, "tfpnet").set_index("variant")
    assert variants.loc["no_tgat", ["difference", "low", "high"]].tolist() == pytest.approx([-0.03, -0.045, -0.015])
    assert tables.variant_differences(stored, "tfp").empty


def test_fairness_counts_only_groups_that_are_large_enough() -> None:
    table = tables.fairness_table(fairness_rows("demo", ("tfpnet",)), "time")
    assert table["group_fairness"].unique() == pytest.approx([80.0])
    assert table["gap"].unique() == pytest.approx([0.1])
    assert table.loc[table["group"] == "none", "macro_f1"].isna().all()


def test_cost_of_other_protocols_is_not_mixed_in() -> None:
    rows = efficiency_rows("demo", MODELS)
    other = rows.assign(protocol="held_out", value=rows["value"] * 100)
    expected = tables.efficiency_table(rows)
    pd.testing.assert_frame_equal(tables.efficiency_table(pd.concat([rows, other])), expected)
    assert list(expected["model"]) == list(MODELS)


def test_a_comparison_stored_the_other_way_round_is_turned() -> None:
    stored = comparison_rows("demo", "lightgbm", {"tfpnet": (0.01, 0.03)})
    turned = tables.paired_table(stored, "tfpnet")
    assert turned["peer"].unique().tolist() == ["lightgbm"]
    assert turned[["difference", "low", "high"]].iloc[0].tolist() == pytest.approx([-0.02, -0.03, -0.01])


@settings(max_examples=25, deadline=None)
@given(low=st.floats(-1, 1), width=st.floats(0, 1))
def test_turning_a_comparison_twice_gives_it_back(low: float, width: float) -> None:
    stored = comparison_rows("demo", "lightgbm", {"tfpnet": (low, low + width)})
    turned = tables.paired_table(stored, "tfpnet")
    pd.testing.assert_frame_equal(tables.paired_table(turned, "lightgbm"), stored)


def test_nothing_in_nothing_out() -> None:
    metrics = empty_table("metrics")
    assert tables.performance_table(metrics).empty
    assert tables.cold_start_table(metrics).empty
    assert tables.class_auc_table(metrics).empty
    assert tables.efficiency_table(empty_table("efficiency")).empty
    assert tables.fairness_table(empty_table("fairness"), "time").empty
    assert tables.focus_models(empty_table("comparisons")) == ()
