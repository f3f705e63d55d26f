"""Attributes of customers and items: from a file of their own, or gathered from the log."""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import ibis
import ibis.expr.types as ir

from crm_pipelines import columns as c
from crm_pipelines.config import EntitySpec, SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.sources import cells
from crm_pipelines.sources.canonical import CanonicalTables, Log, merge_notes
from crm_pipelines.sources.raw import RawFolder, RawTable

logger = logging.getLogger(__name__)

CHANGING: Final = 0.05
"""Share of entities within which an attribute gathered from the log may change: slips of the log, such as an item
with two categories."""

SLIPS: Final = 5
"""As many changing entities are let pass in any log."""

UNMATCHED: Final = 0.5
"""Share of the log's ids that an attribute file may lack before a warning."""


@dataclass(frozen=True)
class Side:
    """Customers or items of a source.

    Attributes:
        name: ``customers`` or ``items``, the key in the source block.
        id: the canonical id column.
        spec: the declared attributes.
    """

    name: str
    id: str
    spec: EntitySpec


def sides(spec: SourceSpec) -> tuple[Side, Side]:
    """Both sides of a source."""
    return Side("customers", c.CUSTOMER_ID, spec.customers), Side("items", c.ITEM_ID, spec.items)


def log_attributes(spec: SourceSpec) -> tuple[str, ...]:
    """Declared attributes of the sides that have no file of their own, each once."""
    return tuple(dict.fromkeys(name for side in sides(spec) if side.spec.file is None for name in side.spec.columns))


def tables(spec: SourceSpec, log: Log, files: Mapping[str, tuple[RawTable, str]]) -> CanonicalTables:
    """The canonical tables of a source.

    Args:
        spec: the source block.
        log: its interactions.
        files: side name -> raw attribute table and its id column; a side without is gathered from the log.

    Raises:
        UserError: a declared attribute that exists nowhere, or a cell that cannot be read.
    """
    found = {}
    notes = [log.notes]
    for side in sides(spec):
        if side.name in files:
            raw, id_column = files[side.name]
            found[side.name], counted = from_file(raw, id_column, side, log, spec)
            notes.append(counted)
        else:
            found[side.name] = from_log(side, log)
    return CanonicalTables(log.interactions, found["customers"], found["items"], merge_notes(*notes))


def own_files(raw: RawFolder, spec: SourceSpec) -> dict[str, tuple[RawTable, str]]:
    """The attribute files named in a source block, with a header (or keys) of their own."""
    named = ((side, side.spec.file) for side in sides(spec))
    return {side.name: (raw.read(file), side.spec.id or side.id) for side, file in named if file is not None}


def from_file(raw: RawTable, id_column: str, side: Side, log: Log, spec: SourceSpec) -> tuple[ir.Table, dict[str, int]]:
    """Attributes from a raw table: typed, the first row of each id, and a row of nulls for ids only in the log.

    Returns:
        The table, ordered by id, and counts: ``<side>_rows``, ``<side>_without_id``, ``<side>_repeated_ids``
        (rows left out), ``<side>_only_in_log`` (rows added) and ``<side>_unreadable_<column>``.

    Raises:
        UserError: a missing column, a text in a numeric column, mixed ids, no rows.
    """
    _check_names(side)
    raw.require([id_column], f"'{side.name}.id'")
    raw.require(side.spec.columns, f"'{side.name}'")
    raw = cells.tidied(raw, list(dict.fromkeys([id_column, *side.spec.columns])))
    ids = cells.Ids(raw, id_column, spec.interactions.ids)
    numbers = (cells.number_rule(name, raw.table[name], is_trimmed=True) for name in side.spec.numeric)
    rules = [*ids.rules(), *numbers]
    questions = {**ids.questions(), "with_id": ids.cell.count()}
    answers, unreadable = cells.inspect(raw, rules, spec.interactions.unreadable, questions)

    numeric = set(side.spec.numeric)
    typed = {name: cells.number(raw.table[name]) if name in numeric else raw.table[name] for name in side.spec.columns}
    table = raw.table.select(**{side.id: ids.normalised(answers), c.ROW: raw.row(), **typed})
    table = table.filter(table[side.id].notnull())
    first = ibis.row_number().over(group_by=table[side.id], order_by=table[c.ROW])
    table = table.mutate(__place__=first).filter(lambda t: t["__place__"] == 0).drop("__place__", c.ROW)
    in_log = log.table.select(side.id).filter(lambda t: t[side.id].notnull()).distinct()
    described = raw.table.select(**{side.id: ids.normalised(answers)})
    absent = in_log.anti_join(described, side.id)
    kept = raw.first(described.aggregate(n=described[side.id].nunique()))["n"]
    added = raw.first(absent.aggregate(n=absent.count()))["n"]
    in_log_count = raw.first(in_log.aggregate(n=in_log.count()))["n"]
    if side.spec.columns and added == in_log_count:
        raise UserError(
            f"{raw.file}: none of the {in_log_count} ids of {side.name} in the log occurs in its column '{id_column}'; "
            f"write them alike in both files, or remove '{side.name}' from the source block"
        )
    if added > UNMATCHED * in_log_count:
        logger.warning("%s: %d of the log's %d %s are not in it", raw.file, added, in_log_count, side.name)
    nulls = {name: ibis.null(table.schema()[name]) for name in side.spec.columns}
    table = raw.keep(table.union(absent.mutate(**nulls).select(*table.columns)).order_by(side.id))
    counts = {
        "rows": answers["rows"],
        "without_id": answers["rows"] - answers["with_id"],
        "repeated_ids": answers["with_id"] - kept,
        "only_in_log": added,
        **unreadable,
    }
    return table, {f"{side.name}_{name}": int(count) for name, count in counts.items()}


def from_log(side: Side, log: Log) -> ir.Table:
    """Attributes gathered from the log: the mean of numbers, the most frequent text (the smallest of equals).

    Only what stays the same for an entity is an attribute. A column that changes from event to event, such as an
    amount or an outcome, would carry what happens later, and the event's own row, into every prediction.

    Raises:
        UserError: a declared attribute is no column of the log, or it changes within too many entities.
    """
    _check_names(side)
    for name in side.spec.columns:
        if name not in log.attributes:
            raise UserError(
                f"'{side.name}' declares '{name}', but {log.file} has no such attribute "
                f"(it has: {', '.join(log.attributes) or 'none'}); name a file under '{side.name}.file' or remove it"
            )
    known = log.table.filter(log.table[side.id].notnull())
    values = {name: log.keep(_values(known, side.id, log.attributes[name])) for name in side.spec.columns}
    for name in side.spec.columns:
        _check_static(values[name], side, name, log)
    means = {name: known[log.attributes[name]].mean() for name in side.spec.numeric}
    ids = next(iter(values.values()), known).select(side.id).distinct()
    table = known.group_by(side.id).aggregate(**means) if means else ids
    for name in side.spec.columns:
        if name not in side.spec.numeric:
            table = table.left_join(_most_frequent(values[name], side.id, name), side.id)
            table = table.drop(f"{side.id}_right")
    return log.keep(table.select(side.id, *side.spec.columns).order_by(side.id))


def _values(known: ir.Table, id_column: str, column: str) -> ir.Table:
    """Every value of a column within each entity, also null, and how many events have it: ``events``."""
    told = known.select(id_column, value=known[column])
    return told.group_by(id_column, "value").aggregate(events=lambda t: t.count())


def _check_static(values: ir.Table, side: Side, name: str, log: Log) -> None:
    """Refuse a column that is no attribute of the entity but of the event."""
    told = values.filter(values["value"].notnull()).group_by(side.id)
    several = told.aggregate(events=lambda t: t["events"].sum(), values=lambda t: t.count())
    several = several.filter(several["events"] > 1)
    changes = (several["values"] > 1).cast("int64").sum()
    counted = several.aggregate(entities=several.count(), changing=changes).to_pyarrow()
    entities, changing = (counted[key][0].as_py() or 0 for key in ("entities", "changing"))
    if changing > max(SLIPS, CHANGING * entities):
        raise UserError(
            f"{log.file}: column '{name}' changes within {changing} of {entities} {side.name} with several events, so "
            f"it describes events, not {side.name}, and would give away later ones; remove it from '{side.name}' in "
            f"the source block, or name a table of attributes under '{side.name}.file'"
        )


def _most_frequent(values: ir.Table, id_column: str, name: str) -> ir.Table:
    values = values.filter(values["value"].notnull())
    place = ibis.row_number().over(
        group_by=values[id_column], order_by=[values["events"].desc(), values["value"].asc()]
    )
    best = values.mutate(place=place).filter(lambda t: t["place"] == 0)
    return best.select(id_column, **{name: best["value"]})


def _check_names(side: Side) -> None:
    taken = {side.id, c.ROW}.intersection(side.spec.columns)
    if taken:
        raise UserError(f"'{side.name}' may not declare an attribute called '{taken.pop()}'; rename that column")
