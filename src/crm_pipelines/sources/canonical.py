"""The interaction log of any source as the canonical ``interactions`` table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import ibis
import ibis.expr.types as ir

from crm_pipelines import columns as c
from crm_pipelines.config import ONLY_CLASS, InteractionsSpec, SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.sources import cells, timestamps
from crm_pipelines.sources.cells import Ids, Rule
from crm_pipelines.sources.raw import RawTable


@dataclass(frozen=True)
class CanonicalTables:
    """What a reader returns; no row of the log is dropped here.

    Attributes:
        interactions: columns of :data:`crm_pipelines.columns.INTERACTION_COLUMNS`.
        customers: ``customer_id`` and the declared attributes, one row per id.
        items: ``item_id`` and the declared attributes, one row per id.
        notes: what was counted on the way, by name.
    """

    interactions: ir.Table
    customers: ir.Table
    items: ir.Table
    notes: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Log:
    """The canonical log, with the columns that may serve as attributes of customers or items.

    Attributes:
        table: the canonical columns and the attribute columns (text, or float64 where declared numeric).
        attributes: name of an attribute -> its column in ``table``.
        file: path of the raw file, for messages.
        notes: ``interactions`` (rows) and ``unreadable_<column>`` counts.
        keep: see :class:`crm_pipelines.sources.raw.RawTable`.
    """

    table: ir.Table
    attributes: Mapping[str, str]
    file: str
    notes: dict[str, int]
    keep: Callable[[ir.Table], ir.Table]

    @property
    def interactions(self) -> ir.Table:
        """The canonical columns alone."""
        return self.table.select(*c.INTERACTION_COLUMNS)


def read_log(raw: RawTable, names: Mapping[str, str], spec: SourceSpec, attributes: Sequence[str] = ()) -> Log:
    """Turn the text columns of a log into canonical ones.

    Args:
        raw: the log.
        names: canonical name -> column of ``raw``; value, text and (with ratings) behaviour may be absent.
        spec: the source block.
        attributes: columns of ``raw`` that customers or items may take their attributes from.

    Raises:
        UserError: a cell that cannot be read, an unknown label, a rating above the scale, mixed ids, no rows.
    """
    log, table = spec.interactions, raw.table
    where = f"the block of source '{spec.title}'"
    timestamps.check_format(log.timestamp_format, where)
    ids = {name: Ids(raw, names[name], log.ids) for name in (c.CUSTOMER_ID, c.ITEM_ID)}
    time = cells.trimmed(table[names[c.TIMESTAMP]])
    seconds = timestamps.to_seconds(time, log.timestamp_format, log.utc_offset_hours)
    value = cells.number(table[names[c.VALUE]]) if c.VALUE in names else ibis.null("float64")
    label = cells.trimmed(table[names[c.BEHAVIOUR]]) if c.BEHAVIOUR in names else ibis.null("string")
    unknown = _unknown_label(label, value, log)
    numeric = {*spec.customers.numeric, *spec.items.numeric}.intersection(attributes)

    rules = [rule for column in ids.values() for rule in column.rules()]
    rules.append(timestamps.rule(names[c.TIMESTAMP], time, seconds, log.timestamp_format))
    if c.VALUE in names:
        rules.append(cells.number_rule(names[c.VALUE], table[names[c.VALUE]]))
        rules.extend(_scale_rule(names[c.VALUE], table[names[c.VALUE]], value, label, log))
    rules.extend(cells.number_rule(name, table[name]) for name in sorted(numeric))
    questions = timestamps.questions(time, log.timestamp_format)
    for column in ids.values():
        questions |= column.questions()
    if c.BEHAVIOUR in names:
        questions["unknown_label_row"] = raw.row().min(where=unknown)

    answers, notes = cells.inspect(raw, rules, log.unreadable, questions)
    timestamps.check_scale(
        answers.get("times:median"), answers.get("times:dates"), log.timestamp_format, raw.file, names[c.TIMESTAMP]
    )
    if answers.get("unknown_label_row") is not None:
        raise _unknown_labels(raw, names[c.BEHAVIOUR], label, unknown, log, where)

    canonical: dict[str, ir.Value] = {
        **{name: column.normalised(answers) for name, column in ids.items()},
        c.TIMESTAMP: seconds,
        c.BEHAVIOUR: _behaviour(label, value, log),
        c.VALUE: _above_scale(value, label, log).ifelse(ibis.null("float64"), value) if log.rating_classes else value,
        c.TEXT: _text(table[names[c.TEXT]]) if c.TEXT in names else ibis.null("string"),
        c.ROW: raw.row(),
    }
    own = {name: f"attribute_{name}" for name in attributes}
    typed = {
        own[name]: cells.number(table[name]) if name in numeric else cells.trimmed(table[name]) for name in attributes
    }
    counts = {"interactions": int(answers["rows"]), **notes}
    return Log(table.select(**canonical, **typed), own, raw.file, counts, raw.keep)


def _text(column: ir.StringColumn) -> ir.StringColumn:
    """The text as it is, line breaks and all; null when blank."""
    return cells.trimmed(column).isnull().ifelse(ibis.null("string"), column)


def append(first: Log, second: Log) -> Log:
    """Both logs as one: the second's rows are numbered on from the first's; attributes come from the first only."""
    start = first.notes["interactions"]
    later = second.interactions.mutate(**{c.ROW: second.interactions[c.ROW] + start})
    missing = {name: ibis.null(first.table.schema()[name]) for name in first.attributes.values()}
    notes = {key: first.notes.get(key, 0) + second.notes.get(key, 0) for key in {**first.notes, **second.notes}}
    table = first.table.union(later.mutate(**missing).select(*first.table.columns))
    return replace(first, table=table, notes=notes)


def _known(log: InteractionsSpec) -> list[str]:
    return [*log.behaviours, *log.context]


def _unknown_label(label: ir.StringValue, value: ir.FloatingValue, log: InteractionsSpec) -> ir.BooleanValue:
    """Labels that mean nothing to us; in a log of ratings any label may stand beside a rating."""
    unknown = label.notnull() & ~label.isin(_known(log) or [""])
    return (unknown & value.isnull() if log.rating_classes else unknown).fill_null(False)


def _unknown_labels(
    raw: RawTable, column: str, label: ir.StringValue, unknown: ir.BooleanValue, log: InteractionsSpec, where: str
) -> UserError:
    table = raw.table.filter(unknown).select(label=label, row=raw.row())
    found = table.group_by("label").aggregate(row=table.row.min()).order_by("row").limit(10).execute()
    pairs = zip(found["label"], found["row"], strict=True)
    listed = ", ".join(f"'{str(name)[:40]}' (first in row {row})" for name, row in pairs)
    return UserError(
        f"{raw.file}, column '{column}': unknown behaviour label {listed}. "
        f"Known are: {', '.join(_known(log)) or 'none'}. Add it under behaviours or context in {where}."
    )


def _behaviour(label: ir.StringValue, value: ir.FloatingValue, log: InteractionsSpec) -> ir.StringValue:
    if not (log.behaviours or log.rating_classes):
        return ibis.literal(ONLY_CLASS)
    if log.behaviours and all(raw == name for raw, name in log.behaviours.items()):
        return label  # every label has been found to be known
    if log.behaviours:
        named = [(label == raw, name) for raw, name in log.behaviours.items()]
        return ibis.cases(*named, (label.isin(list(log.context) or [""]), label))
    rated = ibis.cases(*((value <= bound, name) for name, bound in log.rating_classes.items()))
    return label.isin(list(log.context) or [""]).fill_null(False).ifelse(label, rated)


def _above_scale(value: ir.FloatingValue, label: ir.StringValue, log: InteractionsSpec) -> ir.BooleanValue:
    """Ratings above the highest bound; the value of a context event is no rating."""
    if not log.rating_classes:
        return ibis.literal(False)
    context = label.isin(list(log.context) or [""]).fill_null(False)
    return ((value > max(log.rating_classes.values())) & ~context).fill_null(False)


def _scale_rule(
    column: str, cell: ir.StringColumn, value: ir.FloatingColumn, label: ir.StringValue, log: InteractionsSpec
) -> list[Rule]:
    if not log.rating_classes:
        return []
    problem = f"is above {max(log.rating_classes.values()):g}, the highest rating of 'rating_classes'"
    advice = "Correct the file or the bounds in 'rating_classes', or set 'unreadable: drop' in the source block"
    return [Rule(column, _above_scale(value, label, log), problem, cell, lambda _: advice)]


def merge_notes(*parts: Mapping[str, Any]) -> dict[str, int]:
    """Counts of several steps in one mapping."""
    return {key: int(value) for part in parts for key, value in part.items()}
