"""Shades and positions of what the templates draw of attention. No markup here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final

import pandas as pd

from crm_pipelines.columns import SIDES, N
from crm_pipelines.reporting.charts import Tick, nice_ticks
from crm_pipelines.reporting.formatting import MISSING, count, interval, number

FEWEST: Final = 30
"""Past events below which no number is shown."""
FULL_SHADE: Final = 2.0
"""Weight at which a cell has its full shade."""
ALL: Final = "(all)"
"""Behaviour under which the table by day holds all of them together."""


@dataclass(frozen=True)
class HeatCell:
    """A weight as text and as a shade from 0 to 1; an en dash without shade where too few events support it."""

    text: str
    shade: float | None


@dataclass(frozen=True)
class HeatRow:
    """A day: its share of attention in percent, a cell per behaviour and one for all, its weight at the same age."""

    label: str
    weekday: str
    share: float
    share_text: str
    cells: tuple[HeatCell, ...]
    same_age: str
    range: str
    outcome: str


@dataclass(frozen=True)
class HeatMap:
    """Days x behaviours of one side's histories."""

    side: str
    period: str
    behaviours: tuple[str, ...]
    rows: tuple[HeatRow, ...]


def outcome(low: float, high: float) -> str:
    """``more`` where an interval lies above one, ``less`` below, ``even`` where it holds one."""
    return "more" if low > 1 else "less" if high < 1 else "even"


def heat_maps(by_day: pd.DataFrame) -> tuple[HeatMap, ...]:
    """One map per side, customers first."""
    maps = []
    for side in SIDES:
        rows = by_day[by_day["side"] == side]
        if rows.empty:
            continue
        behaviours = (*(name for name in dict.fromkeys(by_day["behaviour"]) if name != ALL), ALL)
        cells = {(row["day"], row["behaviour"]): _heat_cell(row["weight"], row[N]) for row in rows.to_dict("records")}
        whole = rows[rows["behaviour"] == ALL]
        top = max(float(whole["share"].max()), 1e-9)
        maps.append(
            HeatMap(
                side,
                str(rows["period"].iloc[0]),
                behaviours,
                tuple(_heat_row(row, [cells.get((row["day"], b)) for b in behaviours], top) for row in _records(whole)),
            )
        )
    return tuple(maps)


def _records(rows: pd.DataFrame) -> list[dict[str, object]]:
    return [{str(key): value for key, value in row.items()} for row in rows.to_dict("records")]


def _heat_cell(weight: float, n: float) -> HeatCell:
    if n < FEWEST or isnan(weight):
        return HeatCell(MISSING, None)
    return HeatCell(number(weight, 2), round(min(weight, FULL_SHADE) / FULL_SHADE, 3))


def _heat_row(row: Mapping[str, object], cells: Sequence[HeatCell | None], top: float) -> HeatRow:
    share, ratio, low, high, n = (float(str(row[name])) for name in ("share", "same_age", "low", "high", N))
    enough = n >= FEWEST
    day = str(row["day"])
    return HeatRow(
        label={"month": day[:7], "year": day[:4]}.get(str(row["period"]), day),
        weekday=str(row["weekday"])[:3],
        share=round(100 * share / top, 2),
        share_text=f"{number(100 * share, 1)} %",
        cells=tuple(cell or HeatCell(MISSING, None) for cell in cells),
        same_age=number(ratio) if enough else MISSING,
        range=interval(low, high) if enough else "",
        outcome=outcome(low, high) if enough else "even",
    )


@dataclass(frozen=True)
class FeatureRow:
    """A level of a product feature: its weight as a bar (percent of the axis), and at the same age."""

    label: str
    bar: float
    weight: str
    same_age: str
    range: str
    outcome: str
    share: str
    n: str


@dataclass(frozen=True)
class FeatureBars:
    """Weights of the levels of product features; ``one``: where no preference lies on the axis, in percent."""

    groups: tuple[tuple[str, tuple[FeatureRow, ...]], ...]
    ticks: tuple[Tick, ...]
    one: float


_FEATURES: Final = {
    "same item": "Same item as the query's",
    "same category": "Same category as the query's",
    "new item": "New item, first seen in the test part",
    "category": "Category of the item, the most frequent",
    "same customer": "Same customer as the query's (history of the item)",
}


def feature_bars(by_feature: pd.DataFrame) -> FeatureBars | None:
    """Bars by feature; levels with few events are left out. None without any."""
    rows = by_feature[(by_feature[N] >= FEWEST) & by_feature["weight"].notna()]
    if rows.empty:
        return None
    end = 1.08 * max(1.0, float(rows["weight"].max()))

    def at(value: float) -> float:
        return round(100 * value / end, 2)

    order = [*_FEATURES, *(name for name in dict.fromkeys(rows["feature"]) if name not in _FEATURES)]
    groups = []
    for feature in order:
        mine = rows[rows["feature"] == feature]
        if feature == "category":
            mine = mine.sort_values("weight", ascending=False, kind="stable")
        drawn = tuple(
            FeatureRow(
                label=str(row["level"]),
                bar=at(row["weight"]),
                weight=number(row["weight"], 2),
                same_age=number(row["same_age"]),
                range=interval(row["low"], row["high"]),
                outcome=outcome(row["low"], row["high"]),
                share=f"{number(100 * row['share'], 1)} %",
                n=count(row[N]),
            )
            for row in mine.to_dict("records")
        )
        if drawn:
            groups.append((_FEATURES.get(feature, feature), drawn))
    return FeatureBars(tuple(groups), tuple(Tick(at(t), f"{t:g}") for t in nice_ticks(0.0, end)), at(1.0))
