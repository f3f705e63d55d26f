"""Positions of the small line charts of Table 4: a score over the values of one parameter. No markup here."""

from dataclasses import dataclass
from math import isnan, log10
from typing import Final

import pandas as pd

from crm_pipelines.reporting.charts import Tick, nice_ticks
from crm_pipelines.reporting.formatting import number

WIDTH: Final = 150.0
HEIGHT: Final = 80.0
"""Size of the plotting area in the drawing's own units; y grows downwards."""


@dataclass(frozen=True)
class Spot:
    """A value of the parameter: its place, the ends of mean ± standard deviation there, and both in words."""

    x: float
    y: float
    low: float
    high: float
    text: str


@dataclass(frozen=True)
class LineChart:
    """Score over parameter; ``whole`` is the height of the model as configured, None where not measured."""

    label: str
    spots: tuple[Spot, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    whole: float | None
    description: str

    @property
    def path(self) -> str:
        """The spots as an SVG ``points`` attribute."""
        return " ".join(f"{spot.x:g},{spot.y:g}" for spot in self.spots)


def _short(value: float) -> str:
    """``16``, ``0.5``, and ``5e-4`` for what would be a long row of zeros."""
    if not 0 < value < 0.01:
        return f"{value:g}"
    digits, _, power = f"{value:e}".partition("e")
    return f"{float(digits):g}e{int(power)}"


def line_chart(label: str, rows: pd.DataFrame, whole: float) -> LineChart | None:
    """The chart of one parameter, its values on a logarithmic axis where all are positive.

    Args:
        label: the parameter in print.
        rows: ``setting, macro_f1, macro_f1_std`` per value, as in ``studies.table_4``.
        whole: macro-F1 of the model as configured, or missing.

    Returns:
        None with fewer than two measured values.
    """
    rows = rows[rows["macro_f1"].notna() & rows["setting"].notna()].sort_values("setting", kind="stable")
    if len(rows) < 2:
        return None
    settings = [float(value) for value in rows["setting"]]
    places = [log10(value) for value in settings] if settings[0] > 0 else settings
    means = [float(value) for value in rows["macro_f1"]]
    spreads = [0.0 if isnan(value) else float(value) for value in rows["macro_f1_std"]]
    ends = [mean + sign * spread for mean, spread in zip(means, spreads, strict=True) for sign in (-1, 1)]
    ends += [] if isnan(whole) else [whole]
    margin = max(0.08 * (max(ends) - min(ends)), 0.002)
    bottom, top = min(ends) - margin, max(ends) + margin
    span = (places[-1] - places[0]) or 1.0

    def x(place: float) -> float:
        return round(WIDTH * (place - places[0]) / span, 2)

    def y(value: float) -> float:
        return round(HEIGHT * (top - value) / (top - bottom), 2)

    spots = tuple(
        Spot(x(place), y(mean), y(mean - spread), y(mean + spread), f"{setting:g}: {number(mean)}")
        for place, mean, spread, setting in zip(places, means, spreads, settings, strict=True)
    )
    levels = nice_ticks(bottom, top)
    digits = max(len(f"{level:.6f}".rstrip("0").partition(".")[2]) for level in levels)
    described = "; ".join(spot.text for spot in spots)
    compared = "" if isnan(whole) else f" The whole model has {number(whole)}."
    return LineChart(
        label,
        spots,
        tuple(Tick(spot.x, _short(setting)) for spot, setting in zip(spots, settings, strict=True)),
        tuple(Tick(y(level), number(level, digits)) for level in levels),
        None if isnan(whole) else y(whole),
        f"Macro-F1 by {label}: {described}.{compared}",
    )
