"""One's own table of records, its columns named in the source block; the published formats end here too."""

import logging
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

import ibis
import ibis.expr.types as ir

from crm_pipelines import columns as c
from crm_pipelines.config import RecordsSpec
from crm_pipelines.errors import UserError
from crm_pipelines.records.layout import Layout
from crm_pipelines.sources import cells, timestamps
from crm_pipelines.sources.cells import Rule
from crm_pipelines.sources.raw import RawFolder, RawTable

LARGEST: Final = 1e18
"""Size of the largest number: models compute in single precision, where the square of a larger one is infinite."""
logger = logging.getLogger(__name__)

MOST_CATEGORIES: Final = 200
"""With ``guess``, a column of words with more different ones than this is taken for names or remarks and ignored."""
NOT_GUESSED: Final = f"for they number the rows or hold more than {MOST_CATEGORIES} different words"


@dataclass(frozen=True)
class RecordTables:
    """What a reader of records returns; no record is dropped here.

    Attributes:
        records: ``columns.RECORD_COLUMNS``, then the attributes (text, or float64 where numeric) and
            ``<channel>@<step>`` float64.
        layout: which column is what.
        notes: what was counted on the way, by name.
        lines: where records were computed from finer lines (transactions): ``step, reason, rows`` of those.
    """

    records: ir.Table
    layout: Layout
    notes: dict[str, int] = field(default_factory=dict)
    lines: tuple[tuple[str, str, int], ...] = ()


def read(raw: RawFolder, spec: RecordsSpec, where: str) -> RecordTables:
    """Read an own table of records.

    Args:
        raw: the folder.
        spec: the block.
        where: what messages call it.

    Raises:
        UserError: see :func:`read_table`.
    """
    return read_table(raw.read(spec.file), spec, where)


def read_table(raw: RawTable, spec: RecordsSpec, where: str) -> RecordTables:
    """Turn a file's text columns into records; a file without the column of the outcome holds records without one.

    Raises:
        UserError: a column is missing (with the likely one, and the hint where the delimiter is another), a label is
            not among the classes, a cell is not a number, a date cannot be read, or there are no rows.
    """
    if spec.label is None:
        raise UserError(f"{where} needs 'label', the column of the outcome")
    if spec.date is not None:
        timestamps.check_format(spec.timestamp_format, where)
    if not spec.outcome_due and spec.label not in raw.columns:
        raw = replace(
            raw, table=raw.table.mutate(**{spec.label: ibis.null("string")}), columns=(*raw.columns, spec.label)
        )
    declared = {
        "label": [spec.label],
        "id": [spec.id] if spec.id else [],
        "customer": [spec.customer] if spec.customer else [],
        "amount": [spec.amount] if spec.amount else [],
        "date": [spec.date] if spec.date else [],
        "attributes": list(spec.attributes),
        "channels": [name for several in spec.channels.values() for name in several],
    }
    if len(raw.columns) == 1 and raw.columns[0] != spec.label:
        raise UserError(
            f"{raw.file} has a single column, '{raw.columns[0][:60]}': its cells are not separated by any of , ; tab | "
            "or its header is not; export it again with a header of the same separator as its rows"
        )
    for key, names in declared.items():
        raw.require(names, f"'{key}' of {where}")
    missing = missing_words(spec)
    raw = cells.tidied(raw, raw.columns, missing, as_they_are={spec.label, *declared["date"]})
    spec, notes = with_guessed(raw, spec)
    if spec.guess and notes.get("columns_ignored"):
        ignored = ", ".join(name for name in raw.columns if name not in _declared(spec))
        logger.warning("%s: not guessed, %s: %s", raw.file, NOT_GUESSED, ignored)
    text = {name: raw.table[name] for name in _used(spec)}
    numbers = _numeric(spec)
    label = cells.whole(raw.table[spec.label])
    known = cells.without(label, missing).isin(list(spec.classes)) | cells.without(label, missing).isnull()
    rules = [_number_rule(name, text[name]) for name in numbers]
    questions: dict[str, ir.Scalar] = {"label_row": raw.row().min(where=~known)}
    position: ir.Value = ibis.null("int64")
    if spec.date is not None:
        time = raw.table[spec.date]
        position = timestamps.to_seconds(time, spec.timestamp_format, spec.utc_offset_hours)
        rules.append(timestamps.rule(spec.date, time, position, spec.timestamp_format))
        questions |= timestamps.questions(time, spec.timestamp_format)
    elif spec.in_order:
        position = raw.row()
    answers, unreadable = _inspect(raw, rules, spec, questions)
    if answers["label_row"] is not None:
        raise _unknown_labels(raw, spec, label, ~known, where)
    if spec.date is not None:
        timestamps.check_scale(
            answers.get("times:median"), answers.get("times:dates"), spec.timestamp_format, raw.file, spec.date
        )
    layout = _layout(spec)
    # An export writes 17850.0 where another id is missing; in the log and the table of customers it is 17850.
    ids = cells.whole(text[spec.id]) if spec.id else raw.row().cast("string")
    canonical: dict[str, ir.Value] = {
        c.RECORD_ID: ids,
        c.CUSTOMER_ID: cells.whole(text[spec.customer]) if spec.customer else ids,
        c.LABEL: ibis.cases(*((label == written, name) for written, name in spec.classes.items())),
        c.AMOUNT: cells.number(text[spec.amount], LARGEST) if spec.amount else ibis.null("float64"),
        c.POSITION: position,
        c.ROW: raw.row(),
        **{name: cells.number(text[name], LARGEST) for name in (*layout.numeric, *layout.leaky)},
        **{name: text[name] for name in (*layout.categorical, *layout.sensitive)},
    }
    for channel, columns in spec.channels.items():
        for step, name in zip(layout.steps, columns, strict=True):
            canonical[c.step_column(channel, step)] = cells.number(text[name], LARGEST)
    table = raw.table.select(**canonical)
    return RecordTables(table, layout, {"records": int(answers["rows"]), **unreadable, **notes})


def _inspect(
    raw: RawTable, rules: Sequence[Rule], spec: RecordsSpec, questions: Mapping[str, ir.Scalar]
) -> tuple[dict[str, Any], dict[str, int]]:
    return cells.inspect(raw, rules, "drop" if spec.unreadable == "blank" else "stop", questions)


def _numeric(spec: RecordsSpec) -> tuple[str, ...]:
    """Columns of the file that hold numbers."""
    steps = (name for several in spec.channels.values() for name in several)
    return (*spec.numeric, *spec.leaky, *steps, *([spec.amount] if spec.amount else []))


def _used(spec: RecordsSpec) -> tuple[str, ...]:
    """Columns of the file that are read as they are, besides label and date."""
    ids = (name for name in (spec.id, spec.customer) if name is not None)
    return tuple(dict.fromkeys((*_numeric(spec), *spec.categorical, *spec.sensitive, *ids)))


def _declared(spec: RecordsSpec) -> set[str]:
    """Columns of the file that the block names."""
    return {*_used(spec), *(name for name in (spec.label, spec.date) if name is not None)}


def _number_rule(name: str, cell: ir.StringColumn) -> Rule:
    rule = cells.number_rule(name, cell, is_trimmed=True, largest=LARGEST)

    def advice(shown: str) -> str | None:
        found = rule.advice(shown) if rule.advice else None
        if re.fullmatch(r"[+-]?[0-9]+(\.[0-9]*)?(e[+-]?[0-9]+)?", shown.lower()):
            return (
                f"Numbers of records may be as large as {LARGEST:.0e}: name it under 'missing' in the source block if "
                "it stands for no value, else write the column in a larger unit"
            )
        if set(timestamps.fitting_formats([shown])) - {timestamps.SECONDS, timestamps.MILLISECONDS}:
            return (
                "It looks like a date: write it as a number, such as the days up to the day of the record, name it as "
                "'date' under 'records' if it says when the record was made, or leave it out of the source block"
            )
        return found or (
            "Correct the file, move the column to 'categorical', name the word under 'missing', "
            "or set 'unreadable: blank' under 'records' in the source block to leave such cells empty (counted)"
        )

    return replace(rule, advice=advice)


def _unknown_labels(
    raw: RawTable, spec: RecordsSpec, label: ir.StringValue, unknown: ir.BooleanValue, where: str
) -> UserError:
    table = raw.table.filter(unknown).select(label=label, row=raw.row())
    found = table.group_by("label").aggregate(row=table.row.min()).order_by("row").limit(5).execute()
    listed = ", ".join(
        f"'{str(name)[:40]}' (first in row {row})" for name, row in zip(found["label"], found["row"], strict=True)
    )
    return UserError(
        f"{raw.file}, column '{spec.label}': unknown label {listed}. Known are: {', '.join(spec.classes)}. "
        f"Risk has two classes; add the label under 'classes' of {where} as one of them, "
        "or under 'missing' to leave such records out (counted)."
    )


def missing_words(spec: RecordsSpec) -> tuple[str, ...]:
    """Words of the block for "no value", in lower case; a whole number also as it is written among decimals."""
    words = [word.lower() for word in spec.missing]
    return tuple(dict.fromkeys([*words, *(f"{word}.0" for word in words if re.fullmatch(r"[+-]?[0-9]+", word))]))


def with_guessed(raw: RawTable, spec: RecordsSpec) -> tuple[RecordsSpec, dict[str, int]]:
    """The block with every other column of the file declared too, where it says ``guess: true``.

    Args:
        raw: the file, its cells tidied.
        spec: the block.

    Returns:
        The block, and how many columns were guessed and ignored.
    """
    others = [name for name in raw.columns if name not in _declared(spec)]
    if not spec.guess:
        return spec, {"columns_ignored": len(others)} if others else {}
    missing = list(cells.MISSING)
    measures: dict[str, ir.Scalar] = {}
    for name in others:
        cell = raw.table[name]
        measures[name] = (cell.notnull() & cells.number(cell).isnull() & ~cell.lower().isin(missing)).sum()
    words = cells.asked(raw, measures)
    counting = _counters(raw, [name for name in others if not words[name]])
    numeric = [name for name in others if not words[name] and name not in counting]
    wordy = [name for name in others if words[name]]
    kinds = cells.asked(raw, {name: raw.table[name].nunique() for name in wordy}, cells.DISTINCT_AT_ONCE)
    categorical = [name for name in wordy if kinds[name] <= MOST_CATEGORIES]
    notes = {"columns_guessed_numeric": len(numeric), "columns_guessed_categorical": len(categorical)}
    ignored = len(others) - len(numeric) - len(categorical)
    changes = {"numeric": (*spec.numeric, *numeric), "categorical": (*spec.categorical, *categorical)}
    return spec.model_copy(update=changes), notes | ({"columns_ignored": ignored} if ignored else {})


def _counters(raw: RawTable, names: Sequence[str]) -> set[str]:
    """Those of some columns of numbers that count the rows (1, 2, 3, in any order), as an exported index does."""
    cell = {name: cells.number(raw.table[name]) for name in names}
    ends: dict[str, ir.Scalar] = {"rows": raw.table.count()}
    ends |= {f"low:{name}": cell[name].min() for name in names} | {f"high:{name}": cell[name].max() for name in names}
    found = cells.asked(raw, ends)
    span = {name: (found[f"low:{name}"], found[f"high:{name}"]) for name in names}
    likely = [name for name, (low, high) in span.items() if low is not None and high - low + 1 == found["rows"] > 2]
    values = cells.asked(raw, {name: cell[name].nunique() for name in likely}, cells.DISTINCT_AT_ONCE) if likely else {}
    return {name for name in likely if values[name] == found["rows"]}


def _layout(spec: RecordsSpec) -> Layout:
    n_steps = len(next(iter(spec.channels.values()), ()))
    steps = spec.steps or tuple(str(number) for number in range(1, n_steps + 1))
    return Layout(
        classes=_classes(spec.classes),
        numeric=spec.numeric,
        categorical=spec.categorical,
        sensitive=spec.sensitive,
        groups=spec.groups,
        leaky=spec.leaky,
        channels=tuple(spec.channels),
        steps=steps if spec.channels else (),
        has_amount=spec.amount is not None,
    )


def _classes(labels: Mapping[str, str]) -> tuple[str, str]:
    negative, positive = dict.fromkeys(labels.values())
    return negative, positive
