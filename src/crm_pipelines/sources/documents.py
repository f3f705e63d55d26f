"""Files of documents as the canonical ``documents`` table: Amazon reviews, or any table by a mapping of its columns."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crm_pipelines import columns as c
from crm_pipelines.config import DocumentsSpec, SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.sources import cells, conll, entities, timestamps
from crm_pipelines.sources.cells import Ids, Rule
from crm_pipelines.sources.raw import ROW_NUMBER, RawFolder, RawTable, made_table

RATING: Final = "rating"
AMAZON: Final = {
    c.CUSTOMER_ID: "reviewerID",
    c.ITEM_ID: "asin",
    c.TIMESTAMP: "unixReviewTime",
    c.SUMMARY: "summary",
    c.TEXT: "reviewText",
    RATING: "overall",
}
_OFTEN_ABSENT: Final = (c.SUMMARY, c.TEXT)
"""Keys that a published file may leave out everywhere."""


@dataclass(frozen=True)
class DocumentTables:
    """What a reader of documents returns; none is dropped here.

    Attributes:
        documents: ``columns.DOCUMENT_COLUMNS``.
        notes: what was counted on the way, by name.
    """

    documents: ir.Table
    notes: dict[str, int] = field(default_factory=dict)


def read(raw: RawFolder, spec: SourceSpec) -> DocumentTables:
    """Every file of documents of a source under one another, rows numbered on.

    Raises:
        UserError: a file or column is missing, a label or channel is unknown, or a rating or time cannot be read.
    """
    tables: list[ir.Table] = []
    notes: dict[str, int] = {}
    before = 0
    for name, part in spec.documents.items():
        table, counted = _read_part(raw, part, name, f"'documents.{name}' of source '{spec.title}'")
        tables.append(table.mutate(**{c.ROW: table[c.ROW] + before}))
        before += counted["documents"]
        notes |= {f"{name}_{key}": count for key, count in counted.items()}
    return DocumentTables(raw.keep(ibis.union(*tables) if len(tables) > 1 else tables[0]), notes)


def known_customers(raw: RawFolder, spec: SourceSpec) -> ir.Table | None:
    """``customer_id`` of every customer in the source's own table of customers; None for a source without one."""
    files = entities.own_files(raw, spec)
    if "customers" not in files:
        return None
    table, column = files["customers"]
    return table.table.select(**{c.CUSTOMER_ID: cells.whole(cells.trimmed(table.table[column]))}).distinct()


def _read_part(raw: RawFolder, part: DocumentsSpec, name: str, where: str) -> tuple[ir.Table, dict[str, int]]:
    table = _open(raw, part)
    names = _columns(part, table)
    table.require(names.values(), f"'columns' of {where}")
    timestamps.check_format(part.timestamp_format, where)
    text = {key: cells.trimmed(table.table[column]) for key, column in names.items()}
    ids = {key: Ids(table, names[key], part.ids) for key in (c.CUSTOMER_ID, c.ITEM_ID) if key in names}
    rules: list[Rule] = [rule for column in ids.values() for rule in column.rules()]
    questions: dict[str, ir.Scalar] = {}
    for column in ids.values():
        questions |= column.questions()
    seconds: ir.Value = ibis.null("int64")
    if c.TIMESTAMP in names:
        seconds = timestamps.to_seconds(text[c.TIMESTAMP], part.timestamp_format, part.utc_offset_hours)
        rules.append(timestamps.rule(names[c.TIMESTAMP], text[c.TIMESTAMP], seconds, part.timestamp_format))
        questions |= timestamps.questions(text[c.TIMESTAMP], part.timestamp_format)
    label: ir.Value = ibis.null("string")
    grade: ir.Value = ibis.null("float64")
    if part.rating_classes:
        rating = cells.number(text[RATING])
        rules.append(cells.number_rule(names[RATING], table.table[names[RATING]]))
        bounds = part.rating_classes
        outside = (rating < part.lowest_rating) | (rating > max(bounds.values()))
        rated = ibis.cases(*((rating <= bound, sentiment) for sentiment, bound in bounds.items()))
        label = outside.ifelse(ibis.null("string"), rated)
        grade = outside.ifelse(ibis.null("float64"), rating.cast("float64"))
        questions["rating_outside_scale"] = outside.fill_null(False).sum()
    elif part.labels:
        label = _mapped(table, names[c.LABEL], text[c.LABEL], part.labels, f"'labels' of {where}")
    channel: ir.Value = ibis.literal(part.channel)
    if part.channels:
        channel = _mapped(table, names[c.CHANNEL], text[c.CHANNEL], part.channels, f"'channels' of {where}")
        channel = channel.fill_null(part.channel)
    answers, unreadable = cells.inspect(table, rules, "drop" if part.unreadable == "blank" else "stop", questions)
    timestamps.check_scale(
        answers.get("times:median"),
        answers.get("times:dates"),
        part.timestamp_format,
        table.file,
        names.get(c.TIMESTAMP, ""),
    )
    number = table.row().cast("string")
    own_id = ibis.coalesce(text[c.DOCUMENT_ID], number) if c.DOCUMENT_ID in names else number
    nothing = ibis.null("string")
    canonical: dict[str, ir.Value] = {
        c.DOCUMENT_ID: ibis.literal(f"{name}-") + own_id,
        c.CUSTOMER_ID: ids[c.CUSTOMER_ID].normalised(answers) if c.CUSTOMER_ID in ids else nothing,
        c.ITEM_ID: ids[c.ITEM_ID].normalised(answers) if c.ITEM_ID in ids else nothing,
        c.TIMESTAMP: seconds,
        c.CHANNEL: channel,
        c.SUMMARY: text.get(c.SUMMARY, nothing),
        c.TEXT: text.get(c.TEXT, nothing),
        c.LABEL: label,
        c.GRADE: grade,
        c.ROW: table.row(),
    }
    outside_scale = int(answers.get("rating_outside_scale") or 0)
    notes = {"documents": int(answers["rows"]), **unreadable}
    if outside_scale:
        notes["rating_outside_scale"] = outside_scale
    return table.table.select(**canonical), notes


def _open(raw: RawFolder, part: DocumentsSpec) -> RawTable:
    if part.reader == "conll":
        texts = [" ".join(sentence.tokens) for sentence in conll.read_file(raw, part.file)]
        columns = pa.table({ROW_NUMBER: pa.array(range(1, len(texts) + 1), pa.int64()), c.TEXT: pa.array(texts)})
        return made_table(raw, columns, part.file)
    if part.encoding == "utf-8":
        return raw.read(part.file)
    return raw.csv(part.file, encoding=part.encoding)


def _columns(part: DocumentsSpec, table: RawTable) -> dict[str, str]:
    """Name of ours -> column of the file."""
    if part.reader == "tables":
        return {str(name): column for name, column in part.columns.items()}
    if part.reader == "conll":
        return {c.TEXT: c.TEXT}
    return {key: column for key, column in AMAZON.items() if key not in _OFTEN_ABSENT or column in table.columns}


def _mapped(table: RawTable, column: str, cell: ir.StringValue, known: Mapping[str, str], where: str) -> ir.StringValue:
    """What the cells of a column stand for; null where blank.

    Raises:
        UserError: a cell that stands for nothing, with its first row.
    """
    cell = cells.whole(cell)
    unknown = cell.notnull() & ~cell.isin(list(known))
    strange = table.table.filter(unknown).select(cell=cell, row=table.row())
    found = strange.group_by("cell").aggregate(row=strange.row.min()).order_by("row").limit(5).execute()
    if len(found):
        listed = ", ".join(
            f"'{str(name)[:40]}' (first in row {row})" for name, row in zip(found["cell"], found["row"], strict=True)
        )
        raise UserError(
            f"{table.file}, column '{column}': unknown {listed}. Known are: {', '.join(known)}. Add it under {where}."
        )
    return ibis.cases(*((cell == written, name) for written, name in known.items()))
