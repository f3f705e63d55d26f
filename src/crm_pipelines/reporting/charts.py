"""Positions of what the templates draw as inline SVG: intervals, reliability curves, bars. No markup here.

Horizontal positions are percentages of the drawing's width, so that a drawing fits a phone without shrinking its text.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import ceil, floor, isnan, log10
from typing import Any, Final

import pandas as pd

from crm_pipelines.columns import FOLD, MODEL, PROTOCOL, N
from crm_pipelines.reporting.formatting import count, interval, moment, number, signed
from crm_pipelines.reporting.names import metric_name, protocol_label
from crm_pipelines.reporting.verdict import WORDS, Headline
from crm_pipelines.reporting.view import Label, model_row_label

CLASS_HUES: Final = (206, 24, 140, 318, 46, 258, 0, 176)
CLASS_DASHES: Final = ("none", "7 3", "2 3", "9 3 2 3")
MOST_TICKS: Final = 5
MAJOR_GAP: Final = 40.0


@dataclass(frozen=True)
class Tick:
    """A mark on an axis, at a percentage of its length; the text of a ``minor`` one is left out where it is narrow."""

    at: float
    text: str
    minor: bool = False


@dataclass(frozen=True)
class IntervalRow:
    """One peer: positions in percent (None where not measured), numbers and verdict in words."""

    label: Label
    point: float | None
    low: float
    high: float
    text: str
    range: str
    outcome: str
    words: str


@dataclass(frozen=True)
class IntervalPlot:
    """Differences of one model from its peers with their 95 % intervals."""

    model: str
    metric: str
    rows: tuple[IntervalRow, ...]
    ticks: tuple[Tick, ...]
    zero: float


def nice_ticks(low: float, high: float) -> list[float]:
    """At most ``MOST_TICKS`` + 1 round values (steps of 1, 2 or 5 times a power of ten) within [low, high]."""
    span = high - low
    if not span > 0:
        return [low]
    power: float = 10.0 ** floor(log10(span / MOST_TICKS))
    step = next(power * m for m in (1, 2, 5, 10) if span / (power * m) <= MOST_TICKS)
    return [round(i * step, 10) for i in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def interval_plot(headline: Headline) -> IntervalPlot:
    """The dot-and-interval drawing of a headline; zero is always on the axis."""
    rows = headline.rows
    ends = [value for column in ("low", "high", "difference") for value in rows[column] if not isnan(value)]
    low, high = min([0.0, *ends]), max([0.0, *ends])
    margin = 0.06 * (high - low) or 0.01
    low, high = float(low - margin), float(high + margin)

    def at(value: float) -> float:
        return round(100 * (value - low) / (high - low), 3)

    drawn = []
    for row in rows.to_dict("records"):
        known = not any(isnan(row[name]) for name in ("difference", "low", "high"))
        drawn.append(
            IntervalRow(
                label=model_row_label(row["peer"]),
                point=at(row["difference"]) if known else None,
                low=at(row["low"]) if known else 0.0,
                high=at(row["high"]) if known else 0.0,
                text=signed(row["difference"]),
                range=interval(row["low"], row["high"]),
                outcome=row["outcome"],
                words=WORDS[row["outcome"]],
            )
        )
    ticks = nice_ticks(low, high)
    digits = max(len(f"{tick:.6f}".rstrip("0").partition(".")[2]) for tick in ticks)
    return IntervalPlot(
        model_row_label(headline.model).text,
        metric_name(headline.metric).label,
        tuple(drawn),
        _thinned([Tick(at(tick), signed(tick, digits) if tick else "0") for tick in ticks], at(0.0)),
        at(0.0),
    )


def _thinned(ticks: Sequence[Tick], zero: float) -> tuple[Tick, ...]:
    """Ticks of which zero and those farthest from it stay major, as long as they keep ``MAJOR_GAP`` percent apart."""
    major: list[float] = []
    for at in sorted((tick.at for tick in ticks), key=lambda at: (at != zero, -abs(at - zero))):
        if all(abs(at - other) >= MAJOR_GAP for other in major):
            major.append(at)
    return tuple(replace(tick, minor=tick.at not in major) for tick in ticks)


@dataclass(frozen=True)
class Curve:
    """Points of one class in a unit square drawn 100 x 100, y downwards."""

    label: str
    hue: int
    dash: str
    points: tuple[tuple[float, float], ...]

    @property
    def path(self) -> str:
        """The points as an SVG ``points`` attribute."""
        return " ".join(f"{x:g},{y:g}" for x, y in self.points)


@dataclass(frozen=True)
class Reliability:
    """Reliability of one model; ``description`` says in words what the drawing shows."""

    label: Label
    curves: tuple[Curve, ...]
    ece: str
    description: str


def reliability_charts(
    reliability: pd.DataFrame,
    classes: Sequence[str],
    models: Sequence[str],
    ece: Mapping[str, float],
    focus: str | None,
) -> tuple[Reliability, ...]:
    """One drawing per model in the given order; classes keep colour and dash across models."""
    charts = []
    for model in models:
        rows = reliability[
            (reliability[MODEL] == model) & reliability["confidence"].notna() & reliability["frequency"].notna()
        ]
        if rows.empty:
            continue
        curves = tuple(_curve(label, index, rows[rows["class"] == label]) for index, label in enumerate(classes))
        gap = ((rows["confidence"] - rows["frequency"]).abs() * rows[N]).sum() / rows[N].sum()
        cases = count(rows[N].sum() / rows["class"].nunique())
        described = (
            f"Observed frequency against stated probability for {len(curves)} classes over {cases} cases. "
            f"The curves lie {number(gap)} from the diagonal on average."
        )
        charts.append(Reliability(model_row_label(model, focus=focus), curves, number(ece.get(model)), described))
    return tuple(charts)


def class_style(index: int) -> tuple[int, str]:
    """Hue and dash of the class at a position; dashes tell classes apart without colour."""
    return CLASS_HUES[index % len(CLASS_HUES)], CLASS_DASHES[index % len(CLASS_DASHES)]


def _curve(label: str, index: int, rows: pd.DataFrame) -> Curve:
    hue, dash = class_style(index)
    ordered = rows.sort_values("confidence", kind="stable")
    pairs = zip(100 * ordered["confidence"], 100 - 100 * ordered["frequency"], strict=True)
    return Curve(label, hue, dash, tuple((round(float(x), 2), round(float(y), 2)) for x, y in pairs))


@dataclass(frozen=True)
class SplitBar:
    """One fold: where its parts lie on the axis of all events' time (percent), and how many events each holds."""

    label: str
    train: float
    validation: float
    test: float
    end: float
    counts: tuple[str, str, str]
    cuts: tuple[str, str, str]
    description: str


@dataclass(frozen=True)
class SplitPicture:
    """Every fold on one time axis."""

    bars: tuple[SplitBar, ...]
    start: str
    end: str


def split_picture(splits: Sequence[Mapping[str, Any]], start: float | None, end: float | None) -> SplitPicture | None:
    """Folds on an axis from the first to the last event; None where there are no folds or the period is not known.

    A fold without ``test_end`` is tested to the end of the data.
    """
    if not splits or start is None or end is None:
        return None
    last = end
    span = max(end - start, 1.0)

    def at(seconds: float) -> float:
        return round(min(max(100 * (seconds - start) / span, 0.0), 100.0), 3)

    bars = []
    for fold in splits:
        until = last if fold["test_end"] is None else float(fold["test_end"])
        cuts = (moment(float(fold["validation_start"])), moment(float(fold["test_start"])), moment(until))
        parts = tuple(count(float(fold[name])) for name in ("train", "validation", "test"))
        bars.append(
            SplitBar(
                label=f"{protocol_label(str(fold[PROTOCOL]))}, fold {fold[FOLD]}",
                train=0.0,
                validation=at(float(fold["validation_start"])),
                test=at(float(fold["test_start"])),
                end=at(until),
                counts=(parts[0], parts[1], parts[2]),
                cuts=cuts,
                description=f"{parts[0]} events to learn from until {cuts[0]}, {parts[1]} to validate on until "
                f"{cuts[1]}, {parts[2]} to test on until {cuts[2]}.",
            )
        )
    return SplitPicture(tuple(bars), moment(start), moment(end))


@dataclass(frozen=True)
class ClassBar:
    """A class with its share of events in percent."""

    label: str
    share: float
    text: str


def class_bars(class_counts: Mapping[str, float]) -> tuple[ClassBar, ...]:
    """Classes in their declared order with their shares."""
    total = sum(class_counts.values())
    if not total:
        return ()
    return tuple(
        ClassBar(str(label), round(100 * n / total, 3), f"{count(n)} ({number(100 * n / total, 1)} %)")
        for label, n in class_counts.items()
    )
