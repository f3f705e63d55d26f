"""Figures 3 and 4 for the catalog."""

import pytest

from crm_pipelines.reporting.explanation_figures import attention_figure, embedding_figure
from crm_pipelines.reporting.results import empty_table

from .explained import attention_rows, feature_rows, map_rows


def test_figure_3_has_days_by_behaviours_the_same_age_numbers_and_a_bar_per_feature() -> None:
    heat, days, bars = attention_figure(attention_rows(), feature_rows(("<b>Tents</b>", "Boots"))).data
    assert list(heat.y) == ["buy", "pv"]  # plotly draws the first at the bottom
    assert next(iter(heat.x)) == "2017-11-25"
    assert heat.z[1] == pytest.approx([0.4, 0.8, 1.2, 1.6, 2.0])
    assert list(days.y) == [1.0, 1.0, 1.0, 1.2, 1.0]
    assert list(days.error_y.array) == pytest.approx([0.1] * 5)
    assert "category: &lt;b&gt;Tents&lt;/b&gt;" in bars.y
    assert len(bars.x) == 6  # the feature with twelve events is left out


def test_figure_4_tells_customers_new_ones_and_prototypes_apart() -> None:
    traces = {trace.name: trace for trace in embedding_figure(map_rows(customers=40)).data}
    assert set(traces) == {"pv", "pv, new customer", "pv, prototype", "buy", "buy, new customer", "buy, prototype"}
    assert traces["pv, new customer"].marker.symbol == "circle-open"
    assert sum(len(trace.x) for name, trace in traces.items() if "prototype" not in name) == 40
    assert len(traces["pv, prototype"].x) == 2


def test_figures_of_nothing_are_empty() -> None:
    nothing = empty_table("attention_by_day"), empty_table("attention_by_feature")
    assert not attention_figure(*nothing).data
    assert not embedding_figure(empty_table("embedding_map")).data
