"""Sequences as recommender papers publish them: a line per user, ``user item item ...`` in the order of time.

Without times, ratings or behaviours; the form of the S3-Rec release (Zhou et al. 2020, CIKM). See docs/sources.md.
An event's ``timestamp`` is its number in the file: the order, not a time.
"""

import json
from dataclasses import replace
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pyarrow as pa

from crm_pipelines import columns as c
from crm_pipelines.config import SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.sources import cells, entities, published
from crm_pipelines.sources.canonical import CanonicalTables, Log
from crm_pipelines.sources.raw import ROW_NUMBER, RawFolder

LINE: Final = "line"
ATTRIBUTES: Final = "attributes"
"""Role of the release's JSON of items, and name of the text attribute made of it: ``a3 a17`` for the ids 3 and 17."""


def read(raw: RawFolder, spec: SourceSpec) -> CanonicalTables:
    """Read a file of sequences; the one class of ``behaviours`` is that of every event. Attributes are optional.

    Raises:
        UserError: the block does not say ``in_order``, a user has no item or two lines, or there are no lines.
    """
    published.check_block(spec, target="behaviours", files=(ATTRIBUTES,))
    if not spec.interactions.in_order or len(spec.interactions.classes) != 1:
        raise UserError(
            f"source '{spec.title}': the reader 'item_sequences' reads events without times and kinds; "
            "set 'in_order: true' and one class, such as 'behaviours: {event: event}'"
        )
    lines = raw.csv(spec.interactions.file, names=(LINE,), delimiter="\x1f", quote="")
    words = cells.trimmed(lines.table[LINE]).split(" ")
    table = lines.table.select(ROW_NUMBER, words=words).filter(lambda t: t.words.length() > 0)
    checked = table.aggregate(
        lines=table.count(),
        short=table[ROW_NUMBER].min(where=table.words.length() < 2),
        users=table.words[0].nunique(),
    )
    found = lines.first(checked)
    file = spec.interactions.file
    if not found["lines"]:
        raise UserError(f"{file}: no line holds a sequence; each needs a user and items with blanks between")
    if found["short"] is not None:
        raise UserError(f"{file}: line {int(found['short'])} holds a user without items; remove it or add its items")
    if found["users"] != found["lines"]:
        raise UserError(f"{file}: a user has more than one line; put the items of each user on one line")
    long = table.select(
        ROW_NUMBER, customer=table.words[0], item=table.words.unnest(), place=ibis.range(table.words.length()).unnest()
    )
    long = long.filter((long.place > 0) & (long["item"] != ""))
    number = ibis.row_number().over(ibis.window(order_by=[long[ROW_NUMBER], long.place])) + 1
    events = lines.keep(
        long.select(
            **{
                c.CUSTOMER_ID: long.customer,
                c.ITEM_ID: long["item"],
                c.TIMESTAMP: number.cast("int64"),
                c.BEHAVIOUR: ibis.literal(spec.interactions.classes[0]),
                c.VALUE: ibis.null("float64"),
                c.TEXT: ibis.null("string"),
                c.ROW: number.cast("int64"),
            }
        )
    )
    count = int(events.count().to_pyarrow().as_py())
    log = Log(events, {}, file, {"interactions": count, "sequences": int(found["lines"])}, lines.keep)
    if ATTRIBUTES not in spec.extra_files:
        return entities.tables(spec, log, entities.own_files(raw, spec))
    items = attributes(raw, spec.extra_files[ATTRIBUTES])
    bare = spec.model_copy(update={"items": spec.items.model_copy(update={"text": ()})})
    tables = entities.tables(bare, log, entities.own_files(raw, bare))
    described = tables.items.left_join(items, c.ITEM_ID).drop(f"{c.ITEM_ID}_right")
    return replace(tables, items=lines.keep(described.order_by(c.ITEM_ID)))


def attributes(raw: RawFolder, file: str) -> ir.Table:
    """``item_id, attributes`` of a JSON object ``{"item": [3, 17]}``.

    Raises:
        UserError: it is no such object.
    """
    try:
        content: Any = json.loads(raw.path(file).read_text(encoding="utf-8"))
        named = {str(item): " ".join(f"a{int(number)}" for number in numbers) for item, numbers in content.items()}
    except (ValueError, TypeError, AttributeError) as error:
        raise UserError(f'{file}: must be one JSON object of the form {{"item": [3, 17]}} ({error})') from error
    return raw.table(pa.table({c.ITEM_ID: list(named), ATTRIBUTES: list(named.values())}), ATTRIBUTES)
