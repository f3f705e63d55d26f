"""Times as published: seconds, milliseconds, ISO 8601 or a pattern, all to seconds since 1970 UTC."""

import re
from collections.abc import Sequence
from datetime import datetime
from typing import Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir

from crm_pipelines.errors import UserError
from crm_pipelines.sources.cells import MISSING, Rule, number

SECONDS: Final = "seconds"
MILLISECONDS: Final = "milliseconds"
ISO: Final = "iso"

_MILLISECONDS_FROM: Final = 1e11
"""As seconds the year 5138, as milliseconds March 1973: no log's median lies on the wrong side."""
_FINER_FROM: Final = 1e14
_SHEET_DAYS: Final = (36_526, 54_789)
"""Days since 1900 from 2000 to 2050: as seconds the first day of 1970."""
_LARGEST: Final = 9e15
"""Whole numbers up to here are exact in a double."""

_ISO: Final = r"^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2}(?::[0-9]{2})?)(?:[.,][0-9]+)?)?"
_ZONE: Final = r" ?(Z|z|UTC|[+-][0-9]{2}(?::?[0-9]{2})?)?$"
_WHOLE_ISO: Final = _ISO + _ZONE
_SIGN: Final = r"([+-])[0-9]{2}(?::?[0-9]{2})?$"
_HOURS: Final = r"[+-]([0-9]{2})(?::?[0-9]{2})?$"
_MINUTES: Final = r"[+-][0-9]{2}:?([0-9]{2})$"
_DATE_NUMBER: Final = r"^(19|20)[0-9]{2}(0[1-9]|1[0-2])(0[1-9]|[12][0-9]|3[01])$"
_DATES: Final = (
    *("%d.%m.%Y", "%d/%m/%Y", "%m/%d/%Y", "%Y/%m/%d", "%Y.%m.%d", "%d-%m-%Y", "%m-%d-%Y", "%d.%m.%y", "%d/%m/%y"),
    *("%m/%d/%y", "%d-%m-%y", "%d %b %Y", "%d-%b-%Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y", "%d-%b-%y", "%Y-%m-%d"),
)
_CLOCKS: Final = {
    ", %I:%M:%S %p": r", [0-9]{1,2}:[0-9]{2}:[0-9]{2} [AaPp][Mm]$",
    ", %H:%M:%S": r", [0-9]{1,2}:[0-9]{2}:[0-9]{2}$",
    ", %H:%M": r", [0-9]{1,2}:[0-9]{2}$",
    " %I:%M:%S %p": r" [0-9]{1,2}:[0-9]{2}:[0-9]{2} [AaPp][Mm]$",
    " %I:%M %p": r" [0-9]{1,2}:[0-9]{2} [AaPp][Mm]$",
    " %H:%M:%S": r" [0-9]{1,2}:[0-9]{2}:[0-9]{2}$",
    " %H:%M": r" [0-9]{1,2}:[0-9]{2}$",
    "T%H:%M:%S": r"T[0-9]{2}:[0-9]{2}:[0-9]{2}$",
    "T%H:%M": r"T[0-9]{2}:[0-9]{2}$",
}
"""End of a pattern -> the end of a cell that it fits."""
_DIRECTIVES: Final = set("aAbBcdDfFgGHIjmMnpSTuUVwWxXyYzZ%")


@ibis.udf.scalar.builtin(name="try_strptime")  # type: ignore[untyped-decorator]
def _try_strptime(text: str, pattern: str) -> dt.timestamp:
    """DuckDB's strptime that gives null where the text does not fit."""


def fitting_formats(shown: Sequence[str]) -> list[str]:
    """Values of ``timestamp_format`` under which every one of some cells is a time, the likeliest first.

    Several remain where the cells cannot tell them apart, such as day and month of ``03/04/2024``.
    """
    cells = [cell for cell in shown if cell.strip() and cell.lower() not in MISSING]
    if not cells:
        return []
    if all(re.match(_WHOLE_ISO, cell) for cell in cells):
        return [ISO]
    if all(re.match(_DATE_NUMBER, cell) for cell in cells):
        return ["%Y%m%d"]
    if all(re.fullmatch(r"-?[0-9]{9,16}(\.[0-9]*)?", cell) for cell in cells):
        large = sorted(abs(float(cell)) for cell in cells)[len(cells) // 2]
        return [] if large >= _FINER_FROM else [MILLISECONDS if large >= _MILLISECONDS_FROM else SECONDS]
    clock = next((clock for clock, form in _CLOCKS.items() if re.search(form, cells[0])), "")
    return [f"{date}{clock}" for date in _DATES if all(_is_time(cell, f"{date}{clock}") for cell in cells)]


def _is_time(cell: str, pattern: str) -> bool:
    try:
        datetime.strptime(cell, pattern)
    except ValueError:
        return False
    return True


def check_format(pattern: str, where: str) -> None:
    """Refuse a ``timestamp_format`` that is neither a known word nor a usable pattern.

    Raises:
        UserError: names the parameter and what it may be.
    """
    if pattern in (SECONDS, MILLISECONDS, ISO):
        return
    used = re.findall(r"%-?(.)", pattern)
    if not used or set(used) - _DIRECTIVES or re.search(r"%-?$", pattern):
        raise UserError(
            f"{where}: timestamp_format '{pattern}' must be seconds, milliseconds, iso "
            "or a pattern such as '%d/%m/%Y %H:%M'"
        )


def to_seconds(cell: ir.StringColumn, pattern: str, utc_offset_hours: float) -> ir.IntegerColumn:
    """Seconds since 1970 UTC (int64, fractions cut off downwards), null where the cell cannot be read.

    Args:
        cell: trimmed text.
        pattern: see :class:`crm_pipelines.config.InteractionsSpec`.
        utc_offset_hours: the zone of ISO times and patterns that carry none.
    """
    local = round(utc_offset_hours * 3600)
    if pattern in (SECONDS, MILLISECONDS):
        value = number(cell, _LARGEST)
        return (value / 1000 if pattern == MILLISECONDS else value).floor().cast("int64")
    if pattern == ISO:
        return _epoch(_iso_local(cell)) - _iso_offset(cell, local)
    has_zone = re.search(r"%[zZ]", pattern) is not None
    return _epoch(_try_strptime(cell, pattern)) - (0 if has_zone else local)


def _epoch(time: ir.TimestampColumn) -> ir.IntegerColumn:
    return time.epoch_seconds().cast("float64").floor().cast("int64")


def _iso_local(cell: ir.StringColumn) -> ir.TimestampColumn:
    clock = cell.re_extract(_WHOLE_ISO, 2)
    whole = cell.re_extract(_WHOLE_ISO, 1) + " " + (clock == "").ifelse("00:00:00", clock)
    return cell.re_search(_WHOLE_ISO).ifelse(whole, ibis.null("string")).try_cast("timestamp")


def _iso_offset(cell: ir.StringColumn, local: int) -> ir.IntegerValue:
    zone = cell.re_extract(_WHOLE_ISO, 3)
    hours = zone.re_extract(_HOURS, 1).try_cast("int64").fill_null(0)
    minutes = zone.re_extract(_MINUTES, 1).try_cast("int64").fill_null(0)
    shift = (zone.re_extract(_SIGN, 1) == "-").ifelse(-1, 1) * (hours * 3600 + minutes * 60)
    return (zone == "").ifelse(local, shift)


def rule(column: str, cell: ir.StringColumn, seconds: ir.IntegerColumn, pattern: str) -> Rule:
    """A rule that every non-null cell is a time in the declared format; its advice names the likely right one."""

    def advice(shown: str) -> str | None:
        if pattern != ISO and re.match(_WHOLE_ISO, shown):
            return "It looks like an ISO time: set 'timestamp_format: iso' in the source block"
        found = [known for known in fitting_formats([shown]) if known != pattern]
        if found == ["%Y%m%d"]:
            return "It looks like YYYYMMDD: set 'timestamp_format: \"%Y%m%d\"' in the source block"
        if found in ([SECONDS], [MILLISECONDS]):
            return f"It looks like {found[0]}: set 'timestamp_format: {found[0]}' in the source block"
        if found:
            listed = " or ".join(f"'{known}'" for known in found)
            return f"It looks like {listed}: set 'timestamp_format' in the source block to that"
        return None

    if pattern in (SECONDS, MILLISECONDS):
        problem = f"is not a number of {pattern}"
    else:
        form = "ISO form (2017-11-25 09:00:00)" if pattern == ISO else f"the form '{pattern}'"
        problem = f"is not a time in {form}"
    return Rule(column, seconds.isnull() & ~cell.lower().isin(MISSING), problem, cell, advice)


def questions(cell: ir.StringColumn, pattern: str) -> dict[str, ir.Scalar]:
    """Aggregates that :func:`check_scale` needs; none for formats that show their own scale."""
    if pattern not in (SECONDS, MILLISECONDS):
        return {}
    dates = cell.re_search(_DATE_NUMBER)
    return {"times:median": number(cell).approx_median(), "times:dates": dates.all()}


def check_scale(median: float | None, dates: bool | None, pattern: str, file: str, column: str) -> None:
    """Stop when a column of plain numbers has the wrong magnitude for its format.

    Raises:
        UserError: names the format that the median fits.
    """
    if pattern not in (SECONDS, MILLISECONDS) or median is None:
        return
    start = f"{file}, column '{column}': the times look like"
    if dates:
        raise UserError(f'{start} dates written YYYYMMDD; set timestamp_format: "%Y%m%d" in the source block')
    if _SHEET_DAYS[0] <= median < _SHEET_DAYS[1]:
        raise UserError(
            f"{start} days since 1900, as spreadsheets count them; give the column a date format there and export it "
            "again, then set timestamp_format to that"
        )
    if abs(median) >= _FINER_FROM:
        raise UserError(f"{start} micro- or nanoseconds; divide them to seconds or milliseconds first")
    if pattern == SECONDS and abs(median) > _MILLISECONDS_FROM:
        raise UserError(f"{start} milliseconds; set timestamp_format: milliseconds in the source block")
    if pattern == MILLISECONDS and 1e8 < abs(median) < _MILLISECONDS_FROM:
        raise UserError(f"{start} seconds; set timestamp_format: seconds in the source block")
