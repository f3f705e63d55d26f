"""Positions of the map of customers and prototypes. No markup here."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from crm_pipelines.columns import CUSTOMER
from crm_pipelines.reporting.charts import class_style
from crm_pipelines.reporting.formatting import count

PROTOTYPE: Final = "prototype"
MAP_WIDTH: Final = 400
MAP_HEIGHT: Final = 300
OWN_WIDTH: Final = 260
OWN_HEIGHT: Final = 195
_MARGIN: Final = 14
_OWN_MARGIN: Final = 24
_LETTER: Final = 4.4
"""Width of a letter of a label."""


@dataclass(frozen=True)
class MapMark:
    """A prototype: where it is among customers and among prototypes, its short label and its place, its whole name."""

    x: float
    y: float
    own_x: float
    own_y: float
    label: str
    text: str
    label_x: float
    label_y: float
    anchor: str


@dataclass(frozen=True)
class MapClass:
    """A class on the map: SVG paths whose round ends are its warm and cold customers, and its prototypes."""

    label: str
    hue: int
    warm: str
    cold: str
    prototypes: tuple[MapMark, ...]


@dataclass(frozen=True)
class EmbeddingMap:
    """Customers and prototypes on a plane of ``MAP_WIDTH`` x ``MAP_HEIGHT``; ``segments``: number and name."""

    classes: tuple[MapClass, ...]
    segments: tuple[tuple[str, str], ...]
    description: str
    width: int = MAP_WIDTH
    height: int = MAP_HEIGHT
    own_width: int = OWN_WIDTH
    own_height: int = OWN_HEIGHT


def embedding_drawing(table: pd.DataFrame) -> EmbeddingMap | None:
    """The map; None without points."""
    if table.empty:
        return None
    x = _along(table["x"].to_numpy(np.float64), MAP_WIDTH)
    y = MAP_HEIGHT - _along(table["y"].to_numpy(np.float64), MAP_HEIGHT)
    placed = table.assign(px=x, py=y)
    prototypes, people = placed[placed["kind"] == PROTOTYPE], placed[placed["kind"] == CUSTOMER]
    segments = {name: str(position) for position, name in enumerate(dict.fromkeys(prototypes["segment"]))}
    short = [f"{b} {segments[s]}" for b, s in zip(prototypes["behaviour"], prototypes["segment"], strict=True)]
    own = _to_scale(prototypes[["own_x", "own_y"]].to_numpy(np.float64))
    places = _places(own, short)
    prototypes = prototypes.assign(ox=own[:, 0], oy=own[:, 1], short=short, at=range(len(short)))
    cold = people["cold"].astype(str).str.lower() == "true"
    classes = []
    for position, label in enumerate(dict.fromkeys(table["behaviour"])):
        mine = people["behaviour"] == label
        marks = prototypes[prototypes["behaviour"] == label]
        classes.append(
            MapClass(
                label=label,
                hue=class_style(position)[0],
                warm=_dots(people[mine & ~cold]),
                cold=_dots(people[mine & cold]),
                prototypes=tuple(
                    MapMark(
                        x=row["px"],
                        y=row["py"],
                        own_x=row["ox"],
                        own_y=row["oy"],
                        label=row["short"],
                        text=f"{label}: {row['segment']}",
                        label_x=places[row["at"]][0],
                        label_y=places[row["at"]][1],
                        anchor=places[row["at"]][2],
                    )
                    for row in marks.to_dict("records")
                ),
            )
        )
    described = (
        f"{count(len(people))} customers, {count(cold.sum())} of them new, and {count(len(prototypes))} prototypes of "
        f"{len(classes)} classes."
    )
    return EmbeddingMap(tuple(classes), tuple((number, name) for name, number in segments.items()), described)


def _along(values: np.ndarray, length: int) -> np.ndarray:
    """Values spread over an axis of a length, inside its margins; the middle where they are all the same."""
    low, span = values.min(), np.ptp(values)
    inner = length - 2 * _MARGIN
    placed = _MARGIN + inner * ((values - low) / span if span > 0 else np.full(len(values), 0.5))
    return np.asarray(np.round(placed, 1))


def _to_scale(points: np.ndarray) -> np.ndarray:
    """Points (n, 2) on the prototypes' own plane, one scale for both axes, so that distances can be compared."""
    if not len(points):
        return points
    size = np.array([OWN_WIDTH, OWN_HEIGHT])
    spread = np.ptp(points, axis=0)
    fits = (size - 2 * _OWN_MARGIN)[spread > 0] / spread[spread > 0]
    middle = (points.min(axis=0) + points.max(axis=0)) / 2
    placed = size / 2 + (points - middle) * np.array([1, -1]) * fits.min(initial=np.inf if len(fits) else 1.0)
    return np.asarray(np.round(placed, 1))


_PLACES: Final = (
    (7, 3, "start"),
    (-7, 3, "end"),
    (0, -7, "middle"),
    (0, 13, "middle"),
    (7, -4, "start"),
    (7, 10, "start"),
)


def _places(points: np.ndarray, labels: Sequence[str]) -> list[tuple[float, float, str]]:
    """Where each label stands and how it is anchored: the first place beside its mark that nothing else covers."""
    taken = [(x - 4.5, y - 4.5, x + 4.5, y + 4.5) for x, y in points]
    places = []
    for (x, y), label in zip(points, labels, strict=True):
        width = _LETTER * len(label)
        options = []
        for dx, dy, anchor in _PLACES:
            left = x + dx - {"start": 0.0, "middle": width / 2, "end": width}[anchor]
            box = (left, y + dy - 7, left + width, y + dy + 1)
            inside = box[0] >= 0 and box[2] <= OWN_WIDTH
            options.append((sum(_overlap(box, other) for other in taken) + (0 if inside else 1e3), box, dx, dy, anchor))
        _, box, dx, dy, anchor = min(options, key=lambda option: option[0])
        taken.append(box)
        places.append((round(float(x + dx), 1), round(float(y + dy), 1), anchor))
    return places


def _overlap(a: tuple[float, ...], b: tuple[float, ...]) -> float:
    """Area that two boxes (left, top, right, bottom) share."""
    return max(0.0, min(a[2], b[2]) - max(a[0], b[0])) * max(0.0, min(a[3], b[3]) - max(a[1], b[1]))


def _dots(rows: pd.DataFrame) -> str:
    """A path of zero length at every point: a round line cap makes it a dot."""
    return "".join(f"M{x:g} {y:g}h0" for x, y in zip(rows["px"], rows["py"], strict=True))
