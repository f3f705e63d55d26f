"""Numbers and times as text: a missing one is an en dash, a negative one has a real minus sign, times are UTC dates."""

from collections.abc import Mapping
from datetime import UTC, datetime
from math import isnan
from typing import Any, Final

MISSING: Final = "–"
MINUS: Final = "−"


def is_missing(value: object) -> bool:
    """Whether a table cell is empty: None or NaN."""
    return value is None or (isinstance(value, float) and isnan(value))


def number(value: float | None, digits: int = 3) -> str:
    """``0.512``; with ``digits`` -1 a large count shortened: ``14.8 M``."""
    if value is None or isnan(value):
        return MISSING
    return short(value) if digits < 0 else f"{value:,.{digits}f}".replace("-", MINUS)


def signed(value: float | None, digits: int = 3) -> str:
    """``+0.012`` or ``−0.012``."""
    if value is None or isnan(value):
        return MISSING
    return f"{value:+.{digits}f}".replace("-", MINUS)


def interval(low: float, high: float, digits: int = 3) -> str:
    """``[−0.010, 0.034]``; empty when an end is missing."""
    return "" if isnan(low) or isnan(high) else f"[{number(low, digits)}, {number(high, digits)}]"


def count(value: float | None) -> str:
    """``1,234``."""
    return number(value, 0)


def counts(low: float, high: float) -> str:
    """``1,234`` or, where runs saw different numbers of events, ``1,200 to 1,234``."""
    return count(high) if low == high or isnan(low) else f"{count(low)} to {count(high)}"


def short(value: float) -> str:
    """``840``, ``12.3 k``, ``14.8 M``, ``2.1 G``: three digits are enough to compare."""
    for size, letter in ((1e9, "G"), (1e6, "M"), (1e3, "k")):
        if abs(value) >= size * 0.99995:
            return f"{value / size:.1f} {letter}"
    return f"{value:.0f}"


def too_small(n: float) -> str:
    """What stands in place of a number that too few events support."""
    return f"n too small (n = {count(n)})"


def date(seconds: float | None) -> str:
    """``2017-12-03`` for UTC seconds."""
    return MISSING if seconds is None or isnan(seconds) else f"{_moment(seconds):%Y-%m-%d}"


def moment(seconds: float | None) -> str:
    """``2017-12-03 14:05`` for UTC seconds."""
    return MISSING if seconds is None or isnan(seconds) else f"{_moment(seconds):%Y-%m-%d %H:%M}"


def _moment(seconds: float) -> datetime:
    return datetime.fromtimestamp(seconds, tz=UTC)


def flat(mapping: Mapping[str, Any]) -> list[str]:
    """``key value`` of every leaf of nested mappings, keys in their order; lists are joined with commas."""
    lines: list[str] = []
    for key, value in mapping.items():
        if isinstance(value, Mapping):
            lines.extend(flat(value))
        elif value is not None and value != "":
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
            lines.append(f"{str(key).replace('_', ' ')} {shown}")
    return lines
