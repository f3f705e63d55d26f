"""What the page's templates are given: plain text, numbers and positions, nothing left to decide."""

from dataclasses import dataclass
from typing import Literal

from crm_pipelines.reporting.names import model_colour, model_label

Tone = Literal["", "better", "worse", "even", "muted"]


@dataclass(frozen=True)
class Cell:
    """A table cell: its text, a smaller line below it, and how it is set off; ``words`` are aligned to the left.

    ``published`` is what a paper prints in its place.
    """

    text: str
    note: str = ""
    best: bool = False
    tone: Tone = ""
    words: bool = False
    published: str = ""


@dataclass(frozen=True)
class Label:
    """A row's name; a model's has its colour (hue in degrees, saturation in percent)."""

    text: str
    colour: tuple[int, int] | None = None
    focus: bool = False


@dataclass(frozen=True)
class Row:
    """A table row."""

    label: Label
    cells: tuple[Cell, ...]
    foot: bool = False


@dataclass(frozen=True)
class Head:
    """A column heading with a smaller line below it."""

    text: str
    note: str = ""
    words: bool = False


@dataclass(frozen=True)
class Table:
    """A table; the first column holds row labels under ``corner``."""

    caption: str
    corner: str
    head: tuple[Head, ...]
    rows: tuple[Row, ...]
    note: str = ""


def model_row_label(model: str, variant: str = "main", focus: str | None = None) -> Label:
    """The label of a model's row."""
    return Label(model_label(model, variant), model_colour(model), model == focus and variant == "main")
