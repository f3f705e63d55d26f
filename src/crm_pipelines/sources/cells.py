"""Cells: how text becomes a number or an id, and how a cell that cannot is told to the user.

All questions about one file are answered in a single pass over it (:func:`inspect`), whatever their number.
"""

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce
from operator import or_
from typing import Any, Final, Literal

import ibis
import ibis.expr.types as ir

from crm_pipelines.errors import UserError
from crm_pipelines.sources.raw import ROW_NUMBER, RawTable

LARGEST: Final = 1.7e308
MISSING: Final = ("nan", "na", "n/a", "null", "none", "nat", "\\n")
"""Spellings of "no value" in columns of numbers or times, in lower case; elsewhere they are ordinary words."""

AT_ONCE: Final = 100
"""Aggregates computed in one pass over a file."""
DISTINCT_AT_ONCE: Final = 20
"""Counts of different values computed in one pass: each holds every value it has met."""

_INTEGER: Final = r"^[+-]?[0-9]+$"
_FLOATING: Final = r"^[+-]?[0-9]+\.0+$"
_WHOLE: Final = r"^[+-]?[0-9]+(\.0+)?$"
_THOUSANDS: Final = r"[+-]?[0-9]{1,3}([ \u00a0\u2009\u202f'\u2019][0-9]{3})+([.,][0-9]*)?"
_SHOWN: Final = 40
_BLANKS: Final = "\t\n\f\r "
_DATE: Final = r"([0-9]{1,2}[./-][0-9]{1,2}[./-]([0-9]{2}|[0-9]{4})|[0-9]{4}[./-][0-9]{1,2}[./-][0-9]{1,2})([T ]|$)"

IdRule = Literal["auto", "integer", "text"]
Unreadable = Literal["stop", "drop"]


def trimmed(column: ir.StringColumn) -> ir.StringColumn:
    """The cell without blanks around it; null when nothing is left.

    Few cells have any, so a regular expression is run on those only that may: what sorts before ``!`` begins with a
    blank or a control character, or is empty.
    """
    blanks = [column.endswith(blank) for blank in _BLANKS]
    suspect = reduce(or_, blanks, column < "!")
    return suspect.ifelse(column.re_replace(r"^[\t\n\f\r ]+|[\t\n\f\r ]+$", ""), column).nullif("")


def without(cell: ir.StringColumn, missing: Sequence[str]) -> ir.StringColumn:
    """The cell, null where it is one of some words for "no value" (in lower case)."""
    return cell.lower().isin(list(missing)).ifelse(ibis.null("string"), cell) if missing else cell


def tidied(
    raw: RawTable, names: Sequence[str], missing: Sequence[str] = (), as_they_are: Collection[str] = ()
) -> RawTable:
    """Some columns of a file without blanks around their cells and without words for "no value", computed once.

    What is asked of each cell afterwards is then asked of a plain column: the engine takes minutes over a wide table
    whose every question repeats how the cell was tidied.

    Args:
        raw: the file. names: the columns kept.
        missing: words for "no value", in lower case. as_they_are: columns that may hold these words all the same.
    """
    cells = {name: trimmed(raw.table[name]) for name in names}
    plain = {name: cell if name in as_they_are else without(cell, missing) for name, cell in cells.items()}
    return replace(raw, table=raw.keep(raw.table.select(raw.row(), **plain)), columns=tuple(names))


def whole(cell: ir.StringColumn) -> ir.StringColumn:
    """The cell, but a whole number written as a decimal (``17.0``) without its zeros."""
    # No groups in what replaces a match: engines write them differently.
    return cell.re_search(_FLOATING).ifelse(cell.re_replace(r"\.0+$", ""), cell)


def number(column: ir.StringColumn, largest: float = LARGEST) -> ir.FloatingColumn:
    """The finite decimal number in a column's cell, at most ``largest`` in size; else null.

    One cast and one comparison: the log's numbers are computed on every pass over it. Python's ``1_000`` is no number.
    """
    value = column.try_cast("float64")
    return (value.between(-largest, largest) & ~column.contains("_")).ifelse(value, ibis.null("float64"))


@dataclass(frozen=True)
class Rule:
    """What every cell of a column must be.

    Attributes:
        column: name in the file.
        bad: true where the cell cannot be read (false or null elsewhere).
        problem: predicate for the message, such as ``is not a number``.
        cell: the text that may be shown; None for ids, which are never shown.
        advice: what to do, from the first offending cell; None gives the general advice.
        droppable: whether ``unreadable: drop`` turns such cells into nulls.
    """

    column: str
    bad: ir.BooleanColumn
    problem: str
    cell: ir.StringColumn | None = None
    advice: Callable[[str], str | None] | None = None
    droppable: bool = True


def inspect(
    raw: RawTable, rules: Sequence[Rule], unreadable: Unreadable, questions: Mapping[str, ir.Scalar]
) -> tuple[dict[str, Any], dict[str, int]]:
    """Read a file once: check its rules and answer further questions.

    Args:
        raw: the file.
        rules: checked in this order.
        unreadable: ``drop`` tolerates (and counts) bad cells of droppable rules, unless a column has no good one,
            blanks aside.
        questions: name -> aggregate over ``raw.table``.

    Returns:
        The answers by name with ``rows``, the number of records; and ``unreadable_<column>`` counts.

    Raises:
        UserError: no record at all, a record the engine cannot read, or the first bad cell of the first broken rule.
    """
    measures: dict[str, ir.Scalar] = {"rows": raw.table.count(), **questions}
    measures |= {f"__first_{i}": raw.row().min(where=rule.bad) for i, rule in enumerate(rules)}
    answers = asked(raw, measures)
    if not answers["rows"]:
        raise UserError(f"{raw.file} holds no rows: put the data there or name another file")
    notes: dict[str, int] = {}
    for i, rule in enumerate(rules):
        if answers[f"__first_{i}"] is None:
            continue
        blank = trimmed(raw.table[rule.column]).isnull()
        bad, blanks = raw.first(raw.table.aggregate(n=rule.bad.sum(), blanks=blank.sum())).values()
        if unreadable == "stop" or not rule.droppable or bad + blanks == answers["rows"]:
            raise _complaint(raw, rule, int(answers[f"__first_{i}"]), int(bad))
        notes[f"unreadable_{rule.column}"] = int(bad)
    return answers, notes


def asked(raw: RawTable, measures: Mapping[str, ir.Scalar], at_once: int = AT_ONCE) -> dict[str, Any]:
    """Aggregates over a file, by name; of a wide file so many in one pass, for each takes memory."""
    names = list(measures)
    answers: dict[str, Any] = {}
    for first in range(0, len(names), at_once):
        some = {name: measures[name] for name in names[first : first + at_once]}
        answers |= raw.first(raw.table.aggregate(**some))
    return answers


def _complaint(raw: RawTable, rule: Rule, row: int, bad: int) -> UserError:
    shown, advice = "the cell", None
    if rule.cell is not None:
        cell = str(raw.first(raw.table.filter(raw.row() == row).select(cell=rule.cell))["cell"])
        shown = repr(cell if len(cell) <= _SHOWN else cell[:_SHOWN] + "…")
        advice = rule.advice(cell) if rule.advice else None
    general = "Correct the file"
    if rule.droppable:
        general += (
            ", or set 'unreadable: drop' under 'interactions' in the source block to do without such cells (counted)"
        )
    where = f"{raw.file}, row {row}, column '{rule.column}'"
    return UserError(f"{where}: {shown} {rule.problem} ({bad} such cells). {advice or general}.")


def number_rule(name: str, column: ir.StringColumn, is_trimmed: bool = False, largest: float = LARGEST) -> Rule:
    """A rule that every cell of a column is a number, blank, or a mark of a missing value.

    Args:
        name, column: of the file. is_trimmed: the cells have no blanks around them any more.
        largest: size that no number exceeds.
    """

    def advice(shown: str) -> str | None:
        if re.fullmatch(_THOUSANDS, shown):
            return "Write the number without blanks or apostrophes between its thousands"
        if re.fullmatch(r"[+-]?[0-9.]*,[0-9]+", shown):
            return "Set 'decimal: \",\"' in the source block, or write decimals with a point and without separators"
        if re.match(r"^[^0-9]{0,4} ?[0-9]", shown) and re.search(r"[€$£%]|[A-Z]{3}", shown):
            return "Write the number without its currency or unit, or leave the column out of the source block"
        if re.match(_DATE, shown):
            return "It looks like a date: write a number in its place, such as an age in years, or leave the column out"
        return "Write decimals with a point and without separators" if "," in shown and shown[-1:].isdigit() else None

    cell = column if is_trimmed else trimmed(column)
    return Rule(name, number(column, largest).isnull() & ~cell.lower().isin(MISSING), "is not a number", cell, advice)


class Ids:
    """The id column of a file: checked as text or numbers, and spelled the same in every file.

    Whole numbers written as decimals (``17850.0``, as some exports do when ids are missing) become ``17850``.
    """

    def __init__(self, raw: RawTable, column: str, rule: IdRule) -> None:
        self.raw, self.column, self.rule = raw, column, rule
        self.cell = trimmed(raw.table[column])

    def rules(self) -> list[Rule]:
        """No id is an object or a list; with ``ids: integer``, every id is a whole number."""
        if self.rule != "integer":
            nested = self.raw.nested(self.column)
            problem = "is an object or a list; write what identifies it into a column of its own and name that one"
            return [] if nested is None else [Rule(self.column, nested, problem, droppable=False)]
        bad = self._plain().ifelse(ibis.literal(False), self.cell.notnull() & ~self.cell.re_search(_WHOLE))
        return [Rule(self.column, bad, "is not a whole number, though the source block says 'ids: integer'")]

    def questions(self) -> dict[str, ir.Scalar]:
        """With ``ids: auto``, the first row of every kind of id; with ``integer``, whether all are spelled plainly."""
        if self.rule == "integer":
            return {f"{self.column}:plain": (self.cell.isnull() | self._plain()).all()}
        if self.rule == "text":
            return {}
        row = self.raw.table[ROW_NUMBER]
        integer, floating = self.cell.re_search(_INTEGER), self.cell.re_search(_FLOATING)
        kinds = {"integer": integer, "floating": floating, "text": self.cell.notnull() & ~integer & ~floating}
        return {f"{self.column}:{kind}": row.min(where=found.fill_null(False)) for kind, found in kinds.items()}

    def _plain(self) -> ir.BooleanColumn:
        """Whether a cell is a whole number as a computer writes it: one comparison, faster than a pattern."""
        return (self.cell.try_cast("int64").cast("string") == self.cell).fill_null(False)

    def normalised(self, answers: Mapping[str, Any]) -> ir.StringColumn:
        """The ids, given the answers to :meth:`questions`.

        Raises:
            UserError: one column mixes numbers with text, or numbers with and without a decimal point.
        """
        if self.rule == "text" or answers.get(f"{self.column}:plain"):
            return self.cell
        if self.rule == "integer":
            digits = whole(self.cell).re_replace(r"^[+-]?0*", "")
            digits = (digits == "").ifelse("0", digits)
            signed = self.cell.startswith("-").ifelse(ibis.literal("-").concat(digits), digits)
            return self.cell.re_search(_WHOLE).ifelse(signed, ibis.null("string"))
        names = {"integer": "numbers", "floating": "decimals (17.0)", "text": "text"}
        first = {kind: answers[f"{self.column}:{kind}"] for kind in names}
        found = sorted((int(row), names[kind]) for kind, row in first.items() if row is not None)
        if len(found) > 1:
            (a, one), (b, other) = found[:2]
            raise UserError(
                f"column '{self.column}' of {self.raw.file} mixes {one} (first in row {a}) and {other} "
                f"(first in row {b}); make them one type, or set 'ids: text' under 'interactions' in the source block "
                "to take them as they are"
            )
        return self.cell.re_replace(r"\.0+$", "") if first["floating"] is not None else self.cell
