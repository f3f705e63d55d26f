"""Positions of two drawings that several sections share: lines over an axis, and a score of every model.

No markup here. Lines have coordinates of their own (`WIDTH` x `HEIGHT`, y downwards); scores lie in percent.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final

import pandas as pd

from crm_pipelines.columns import METRIC, MODEL
from crm_pipelines.reporting.charts import Tick, nice_ticks
from crm_pipelines.reporting.formatting import number
from crm_pipelines.reporting.names import metric_name, model_label
from crm_pipelines.reporting.sections import spread_text
from crm_pipelines.reporting.view import Label, model_row_label

WIDTH: Final = 300.0
HEIGHT: Final = 130.0
MOST_WORDS_ON_AXIS: Final = 6


@dataclass(frozen=True)
class Point:
    """A place on a line and what it says when pointed at."""

    x: float
    y: float
    text: str


@dataclass(frozen=True)
class Line:
    """A line; ``dashed`` ones are of a paper or of chance."""

    label: Label
    points: tuple[Point, ...]
    dashed: bool = False

    @property
    def path(self) -> str:
        """The points as an SVG ``points`` attribute."""
        return " ".join(f"{point.x:g},{point.y:g}" for point in self.points)


@dataclass(frozen=True)
class Lines:
    """Lines over one axis; ``description`` says in words what they show."""

    title: str
    x: str
    lines: tuple[Line, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    description: str


def line_drawing(
    title: str,
    x: str,
    places: Sequence[str],
    series: Mapping[str, tuple[Label, Sequence[float], bool]],
    digits: int = 3,
) -> Lines | None:
    """Lines over places that lie equally far apart.

    Args:
        title: above the drawing. x: name of its axis. places: texts along it.
        series: any key -> label, a value for each place (NaN where there is none), and whether it is dashed.
        digits: of the values in words.

    Returns:
        None with fewer than two places, or without a value.
    """
    values = [value for _, found, _ in series.values() for value in found if not isnan(value)]
    if len(places) < 2 or not values:
        return None
    margin = 0.06 * (max(values) - min(values)) or 0.01
    low, high = min(values) - margin, max(values) + margin
    if 0 <= min(values) < 0.35 * max(values):
        low = 0.0

    def at(value: float) -> float:
        return round(HEIGHT * (high - value) / (high - low), 2)

    step = WIDTH / (len(places) - 1)
    lines = tuple(
        Line(
            label,
            tuple(
                Point(round(step * position, 2), at(value), f"{label.text}, {place}: {number(value, digits)}")
                for position, (place, value) in enumerate(zip(places, found, strict=True))
                if not isnan(value)
            ),
            dashed,
        )
        for label, found, dashed in series.values()
    )
    every = -(-len(places) // MOST_WORDS_ON_AXIS)
    ticks = nice_ticks(low, high)
    decimals = max(len(f"{tick:.6f}".rstrip("0").partition(".")[2]) for tick in ticks)
    ends = [
        f"{line.label.text} goes from {number(first, digits)} to {number(last, digits)}"
        for line, (_, found, _) in zip(lines, series.values(), strict=True)
        if (known := [value for value in found if not isnan(value)])
        for first, last in [(known[0], known[-1])]
    ]
    return Lines(
        title,
        x,
        lines,
        tuple(Tick(round(step * p, 2), place) for p, place in enumerate(places) if p % every == 0),
        tuple(Tick(at(tick), number(tick, decimals)) for tick in ticks),
        f"{title}, from {places[0]} to {places[-1]}: {'; '.join(ends)}.",
    )


@dataclass(frozen=True)
class Score:
    """A model's mean in percent of the axis, the ends of mean ± deviation, what a paper prints, and all in words."""

    label: Label
    at: float
    low: float
    high: float
    published: float | None
    value: str
    spread: str
    paper: str


@dataclass(frozen=True)
class Scores:
    """Every model on one measure, the best first."""

    metric: str
    rows: tuple[Score, ...]
    ticks: tuple[Tick, ...]
    any_published: bool


def score_drawing(
    table: pd.DataFrame, metric: str, focus: Sequence[str], published: Mapping[str, float]
) -> Scores | None:
    """Every model's score on one axis; None with fewer than two models.

    Args:
        table: rows of ``tables.wide`` with the metric. metric: what is drawn. focus: models set off.
        published: model -> what its paper prints of the same measure.
    """
    if metric not in table or table[metric].notna().sum() < 2:
        return None
    name = metric_name(metric)
    rows = table[table[metric].notna()].sort_values(metric, ascending=bool(name.lower_is_better), kind="stable")
    spreads = rows[f"{metric}_std"].fillna(0.0) if f"{metric}_std" in rows else rows[metric] * 0.0
    shown = [value for model, value in published.items() if model in set(rows[MODEL])]
    low, high = min([*(rows[metric] - spreads), *shown]), max([*(rows[metric] + spreads), *shown])
    margin = 0.05 * (high - low) or 0.01
    low, high = low - margin, high + margin

    def at(value: float) -> float:
        return round(100 * (value - low) / (high - low), 3)

    scores = []
    for model, value, spread in zip(rows[MODEL], rows[metric], spreads, strict=True):
        theirs = published.get(model, float("nan"))
        scores.append(
            Score(
                model_row_label(model, focus=model if model in focus else None),
                at(value),
                at(value - spread),
                at(value + spread),
                None if isnan(theirs) else at(theirs),
                number(value, name.digits),
                spread_text(spread, name.digits) if spread else "",
                "" if isnan(theirs) else number(theirs, name.digits),
            )
        )
    ticks = nice_ticks(low, high)
    digits = max(len(f"{tick:.6f}".rstrip("0").partition(".")[2]) for tick in ticks)
    return Scores(name.label, tuple(scores), tuple(Tick(at(tick), number(tick, digits)) for tick in ticks), bool(shown))


def published_scores(frame: pd.DataFrame, metric: str) -> dict[str, float]:
    """Model -> published value of one measure, from a frame with ``model, metric, published``."""
    rows = frame[(frame[METRIC] == metric) & frame["published"].notna()] if len(frame) else frame
    return {str(r[MODEL]): float(r["published"]) for r in rows.to_dict("records")}


def named(text: str, hue: int, saturation: int = 58) -> Label:
    """The label of a line that is no model."""
    return Label(text, (hue, saturation))


def of_model(model: str, what: str = "") -> Label:
    """The label of a model's line, with what it is of the model."""
    label = model_row_label(model)
    return Label(f"{model_label(model)}: {what}" if what else label.text, label.colour)
