"""Positions of the drawings."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_pipelines.reporting.charts import (
    MAJOR_GAP,
    MOST_TICKS,
    class_bars,
    interval_plot,
    nice_ticks,
    reliability_charts,
    split_picture,
)
from crm_pipelines.reporting.verdict import headlines

from .conftest import DAY, START, comparison_rows, reliability_rows


@settings(max_examples=25, deadline=None)
@given(low=st.floats(-100, 99), span=st.floats(1e-3, 200))
def test_ticks_are_few_and_inside(low: float, span: float) -> None:
    ticks = nice_ticks(low, low + span)
    assert 1 <= len(ticks) <= MOST_TICKS + 1
    assert all(low - 1e-6 <= tick <= low + span + 1e-6 for tick in ticks)


@settings(max_examples=25, deadline=None)
@given(low=st.floats(-0.5, 0.5), width=st.floats(0, 0.4))
def test_intervals_lie_inside_the_drawing_with_zero_on_it(low: float, width: float) -> None:
    (verdict,) = headlines(comparison_rows("demo", "tfpnet", {"gru": (low, low + width)}))
    plot = interval_plot(verdict)
    (row,) = plot.rows
    assert row.point is not None
    assert 0 <= row.low <= row.point <= row.high <= 100
    assert 0 < plot.zero < 100


@settings(max_examples=25, deadline=None)
@given(low=st.floats(-0.5, 0.5), width=st.floats(0.001, 0.4))
def test_labels_shown_on_a_narrow_screen_keep_apart_and_zero_is_one_of_them(low: float, width: float) -> None:
    (verdict,) = headlines(comparison_rows("demo", "tfpnet", {"gru": (low, low + width)}))
    plot = interval_plot(verdict)
    shown = [tick for tick in plot.ticks if not tick.minor]
    assert "0" in {tick.text for tick in shown}
    assert all(after.at - before.at >= MAJOR_GAP for before, after in pairwise(shown))


def test_better_is_drawn_right_of_zero() -> None:
    (verdict,) = headlines(comparison_rows("demo", "tfpnet", {"gru": (0.01, 0.05), "lightgbm": (-0.05, -0.01)}))
    plot = interval_plot(verdict)
    better, worse = plot.rows
    assert better.label.text == "GRU"
    assert better.low > plot.zero > worse.high


def test_perfect_calibration_lies_on_the_diagonal() -> None:
    (chart,) = reliability_charts(reliability_rows("demo", ["gru"], ["buy"]), ["buy"], ["gru"], {"gru": 0.01}, None)
    assert all(x == pytest.approx(100 - y) for x, y in chart.curves[0].points)
    assert chart.ece == "0.010"
    assert "0.000 from the diagonal" in chart.description


def test_classes_keep_their_style_across_models() -> None:
    rows = reliability_rows("demo", ["gru", "gace"], ["pv", "buy"])
    first, second = reliability_charts(rows, ["pv", "buy"], ["gru", "gace"], {}, None)
    assert [(c.hue, c.dash) for c in first.curves] == [(c.hue, c.dash) for c in second.curves]


def test_parts_of_a_fold_follow_one_another_in_time() -> None:
    fold = {"protocol": "time", "fold": 0, "validation_start": START + 6 * DAY, "test_start": START + 7 * DAY,
            "test_end": START + 9 * DAY, "train": 60, "validation": 10, "test": 20}  # fmt: skip
    last = {**fold, "fold": 1, "test_start": START + 9 * DAY, "test_end": None}
    picture = split_picture([fold, last], START, START + 10 * DAY)
    assert picture is not None
    first, second = picture.bars
    assert (first.train, first.validation, first.test, first.end) == (0, 60, 70, 90)
    assert (second.test, second.end) == (90, 100)


def test_no_picture_of_an_unknown_period() -> None:
    assert split_picture([], START, START + DAY) is None
    assert split_picture([{"fold": 0}], None, None) is None


def test_class_shares_add_up() -> None:
    bars = class_bars({"pv": 90, "buy": 10})
    assert [(bar.label, bar.share, bar.text) for bar in bars] == [("pv", 90, "90 (90.0 %)"), ("buy", 10, "10 (10.0 %)")]
    assert class_bars({}) == ()
