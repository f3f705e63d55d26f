"""A table of a paper as a section of the page, and the cells its parts share."""

from collections.abc import Hashable, Mapping
from dataclasses import dataclass
from math import isnan
from typing import Any, Final

from crm_pipelines.reporting.drawings import Lines
from crm_pipelines.reporting.formatting import MISSING, number, too_small
from crm_pipelines.reporting.lines import LineChart
from crm_pipelines.reporting.names import metric_name
from crm_pipelines.reporting.sections import ONE_CLASS, spread_text
from crm_pipelines.reporting.tables import SMALLEST_SLICE
from crm_pipelines.reporting.view import Cell, Head, Table

Record = Mapping[Hashable, Any]

PUBLISHED_HEAD: Final = Head("Published", "other protocol")


@dataclass(frozen=True)
class PaperTable:
    """A table of a paper, published beside measured.

    Attributes:
        anchor: its place on the page.
        title: heading.
        about: what it shows and how to read it.
        tables: shown at once.
        charts: drawings below the tables. lines: others, of lines over one axis.
        notes: lines below those.
        missing: what has not been run, in words; empty where nothing is missing.
        command: how to run it.
        more: tables shown on demand, under ``more_label``.
    """

    anchor: str
    title: str
    about: str
    tables: tuple[Table, ...] = ()
    charts: tuple[LineChart, ...] = ()
    notes: tuple[str, ...] = ()
    missing: str = ""
    command: str = ""
    more: tuple[Table, ...] = ()
    more_label: str = ""
    lines: tuple[Lines, ...] = ()


def published_text(value: float, std: float, behind: float, metric: str) -> str:
    """What the paper prints: ``0.878 ± 0.003``, or ``0.045 behind TFP-Net`` where it gives no more; else empty."""
    digits = metric_name(metric).digits
    if not isnan(value):
        return f"{number(value, digits)} {spread_text(std, digits)}".strip()
    return "" if isnan(behind) else f"{number(behind, digits)} behind TFP-Net"


def published_cell(text: str) -> Cell:
    """What the paper prints, or a dash."""
    return Cell(text or MISSING, tone="" if text else "muted")


def measured_cell(value: float, std: float, n: float, runs: float, metric: str) -> Cell:
    """A mean with its spread, or why there is none: not run, too few events, one class only."""
    digits = metric_name(metric).digits
    if not isnan(value):
        return Cell(number(value, digits), spread_text(std, digits))
    if isnan(n):
        return Cell("not run" if not runs else MISSING, tone="muted")
    return Cell(too_small(n) if n < SMALLEST_SLICE else ONE_CLASS, tone="muted")
