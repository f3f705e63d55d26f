"""What the page shows of a model's attention: numbers as computed, few events named, findings in words."""

import re

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.reporting.embedding_chart import (
    MAP_HEIGHT,
    MAP_WIDTH,
    OWN_HEIGHT,
    OWN_WIDTH,
    embedding_drawing,
)
from crm_pipelines.reporting.explanation_charts import feature_bars, heat_maps
from crm_pipelines.reporting.explanations import ago, day_finding, example_table, explanation_view, new_item_finding
from crm_pipelines.reporting.html import render_report
from crm_pipelines.reporting.results import PipelineResults, Results, empty_table

from .explained import attention_rows, explanation_rows, feature_rows, map_rows
from .test_html import HOSTILE, Page, words


class TestHeatMap:
    def test_a_row_per_day_a_cell_per_behaviour_customers_first(self) -> None:
        customers, items = heat_maps(attention_rows())
        assert (customers.side, items.side) == ("customer", "item")
        assert customers.behaviours == ("pv", "buy", "(all)")
        assert [row.label for row in customers.rows][:2] == ["2017-11-25", "2017-11-26"]
        assert [row.weekday for row in customers.rows][:2] == ["Sat", "Sun"]
        assert [cell.text for cell in customers.rows[1].cells] == ["0.80", "0.80", "0.80"]
        assert customers.rows[-1].share == 100
        assert customers.rows[-1].share_text == "33.3 %"

    def test_few_events_get_a_dash_and_no_shade(self) -> None:
        cells = heat_maps(attention_rows())[0].rows[0].cells
        assert [cell.text for cell in cells] == ["0.40", "–", "0.40"]
        assert cells[1].shade is None

    def test_the_shade_grows_with_the_weight_up_to_twice_an_even_spread(self) -> None:
        shades = [row.cells[-1].shade for row in heat_maps(attention_rows(days=8))[0].rows]
        assert shades[:5] == pytest.approx([0.2, 0.4, 0.6, 0.8, 1.0])
        assert shades[-1] == 1.0

    def test_a_day_with_its_interval_above_one_is_marked(self) -> None:
        outcomes = [row.outcome for row in heat_maps(attention_rows())[0].rows]
        assert outcomes == ["even", "even", "even", "more", "even"]

    @pytest.mark.parametrize(("period", "label"), [("month", "2017-11"), ("year", "2017")])
    def test_longer_periods_are_named_by_what_they_are(self, period: str, label: str) -> None:
        table = attention_rows(days=1).assign(period=period, weekday="")
        assert heat_maps(table)[0].rows[0].label == label


class TestFindings:
    def test_the_largest_share_and_what_stands_out_are_named_with_what_chance_would_give(self) -> None:
        text = day_finding(attention_rows())
        assert "33.3 %, goes to 2017-11-29 (Wednesday); uniform attention would give it 16.7 %" in text
        assert "2017-11-28 (Tuesday) 1.200 times [1.100, 1.300]" in text
        assert "Of 5 days about 0.1 would by chance alone" in text

    def test_where_nothing_stands_out_it_says_so(self) -> None:
        table = attention_rows().assign(same_age=1.0, low=0.9, high=1.1)
        assert "No day gets more attention" in day_finding(table)
        assert day_finding(empty_table("attention_by_day")) == ""

    @pytest.mark.parametrize(
        ("low", "high", "verdict"),
        [(1.1, 1.3, "more than"), (0.8, 0.9, "less than"), (0.9, 1.1, "no more and no less")],
    )
    def test_new_items_are_judged_by_the_interval_not_by_the_weight(
        self, low: float, high: float, verdict: str
    ) -> None:
        text = new_item_finding(feature_rows().assign(low=low, high=high))
        assert "1.20 times what uniform attention gives" in text
        assert verdict in text

    def test_times_are_told_in_a_fitting_unit(self) -> None:
        assert [ago(days) for days in (0.001, 0.25, 1.6, 40)] == ["1 min", "6.0 h", "1.6 days", "40.0 days"]


def test_feature_bars_leave_few_events_out_and_sort_categories() -> None:
    bars = feature_bars(feature_rows())
    assert bars is not None
    groups = dict(bars.groups)
    assert not [name for name in groups if "customer" in name]  # twelve events
    assert [row.label for row in groups["Category of the item, the most frequent"]] == ["Boots", "Tents"]
    yes = groups["Same item as the query's"][1]
    assert yes.bar == pytest.approx(2 * bars.one, abs=0.02)
    assert (yes.weight, yes.same_age, yes.outcome) == ("2.00", "1.300", "more")
    assert feature_bars(empty_table("attention_by_feature")) is None


class TestMap:
    def test_every_point_is_drawn_once_inside_the_drawing(self) -> None:
        drawing = embedding_drawing(map_rows(customers=40))
        assert drawing is not None
        points = [
            (float(x), float(y))
            for one in drawing.classes
            for path in (one.warm, one.cold)
            for x, y in re.findall(r"M([\d.]+) ([\d.]+)h0", path)
        ]
        assert len(points) == 40
        assert all(0 < x < MAP_WIDTH and 0 < y < MAP_HEIGHT for x, y in points)
        assert sum(one.cold.count("M") for one in drawing.classes) == 8
        assert "40 customers, 8 of them new, and 4 prototypes of 2 classes" in drawing.description

    def test_prototypes_are_named_by_class_and_number_of_segment(self) -> None:
        drawing = embedding_drawing(map_rows())
        assert drawing is not None
        assert drawing.segments == (("0", "loyal"), ("1", "lapsed"))
        assert [mark.label for one in drawing.classes for mark in one.prototypes] == ["pv 0", "pv 1", "buy 0", "buy 1"]

    def test_prototypes_among_themselves_keep_their_distances(self) -> None:
        drawing = embedding_drawing(map_rows())
        assert drawing is not None
        pv, pv_lapsed, buy = (*drawing.classes[0].prototypes, drawing.classes[1].prototypes[0])
        across, up = buy.own_x - pv.own_x, pv.own_y - pv_lapsed.own_y
        assert across == pytest.approx(up, abs=0.2)
        assert across > 50

    def test_labels_stay_inside_and_off_one_another(self) -> None:
        table = map_rows(("pv", "cart", "fav", "buy"))
        drawn = np.random.default_rng(0).normal(0, 1, (8, 2))
        table.loc[: len(drawn) - 1, ["own_x", "own_y"]] = drawn
        drawing = embedding_drawing(table)
        assert drawing is not None
        marks = [mark for one in drawing.classes for mark in one.prototypes]
        assert len({(mark.label_x, mark.label_y, mark.anchor) for mark in marks}) == len(marks)
        assert all(0 <= mark.label_x <= OWN_WIDTH and 0 <= mark.label_y <= OWN_HEIGHT for mark in marks)

    def test_without_prototypes_or_points(self) -> None:
        people = map_rows()
        drawing = embedding_drawing(people[people["kind"] == "customer"])
        assert drawing is not None
        assert drawing.segments == ()
        assert embedding_drawing(empty_table("embedding_map")) is None


def test_examples_are_two_of_each_class_with_their_past_events_in_order() -> None:
    table = example_table(explanation_rows())
    assert table is not None
    assert [row.cells[0].text for row in table.rows] == ["buy", "buy", "pv", "pv"]
    assert [(row.cells[1].text, row.cells[1].tone) for row in table.rows[1:3]] == [("pv", "worse"), ("pv", "better")]
    assert table.rows[0].cells[2].text == "buy of another item, the customer's history"
    assert table.rows[0].cells[3].note == "1.0 days ago, weight 0.250"
    assert {len(row.cells) for row in table.rows} == {len(table.head)}


def test_examples_with_fewer_past_events_are_filled_up() -> None:
    rows = explanation_rows()
    table = example_table(rows[(rows["event_id"] != 900) | (rows["rank"] == 1)])
    assert table is not None
    assert {len(row.cells) for row in table.rows} == {len(table.head)}


def test_a_pipeline_without_explanations_has_no_view() -> None:
    assert explanation_view(PipelineResults("coldstart")) is None


class TestPage:
    def test_it_is_on_the_page_and_in_the_contents(self, results: Results) -> None:
        html = render_report(results)
        assert html.count("What the model looked at") == 2
        assert "Which past events drove this prediction" in words(html)
        assert "2017-11-28 (Tuesday) 1.200 times" in words(html)
        assert re.search(r"<svg[^>]*><title>Customers among the prototypes</title><desc>20 customers", html)

    def test_each_part_is_left_out_where_its_file_is_missing(self, results: Results) -> None:
        folder = results.root / "taobao" / "coldstart"
        for name, gone in {
            "attention_by_day": "Share of attention",
            "attention_by_feature": "by product feature",
            "embedding_map": "Customers among the prototypes",
            "explanations": "Which past events drove",
        }.items():
            assert gone in words(render_report(Results.read(results.root)))
            (folder / f"{name}.csv").unlink()
            assert gone not in words(render_report(Results.read(results.root)))
        assert "What the model looked at" not in words(render_report(Results.read(results.root)))

    def test_names_from_the_data_stay_text(self, results: Results) -> None:
        folder = results.root / "taobao" / "coldstart"
        map_rows((HOSTILE, "buy")).replace("loyal", HOSTILE).to_csv(folder / "embedding_map.csv", index=False)
        feature_rows((HOSTILE, "Boots")).to_csv(folder / "attention_by_feature.csv", index=False)
        attention_rows(behaviours=("pv", HOSTILE)).assign(weekday=HOSTILE).to_csv(
            folder / "attention_by_day.csv", index=False
        )
        explanation_rows((HOSTILE, "buy")).to_csv(folder / "explanations.csv", index=False)
        html = render_report(Results.read(results.root))
        page = Page(html)
        assert "img" not in page.tags
        assert page.tags.count("script") == 1  # ours
        assert page.open == []
        assert "<script>" in words(html)

    def test_fifteen_hundred_customers_stay_small(self, results: Results) -> None:
        folder = results.root / "taobao" / "coldstart"
        before = len(render_report(results))
        map_rows(customers=1_500).to_csv(folder / "embedding_map.csv", index=False)
        assert len(render_report(Results.read(results.root))) - before < 40_000


def test_a_table_that_was_read_back_draws_the_same(results: Results) -> None:
    (pipeline,) = results.source("taobao").pipelines
    pd.testing.assert_frame_equal(
        pipeline.attention_by_day[["share", "low"]], attention_rows()[["share", "low"]], check_exact=False
    )
    assert embedding_drawing(pipeline.embedding_map) == embedding_drawing(map_rows())
    assert example_table(pipeline.explanations) == example_table(explanation_rows())
