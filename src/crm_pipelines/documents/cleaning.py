"""Leaves out documents that say nothing or repeat another, and counts whatever is left out, changed or noticed.

Each document is given the first reason that speaks against it, and the report is a group-by of that column, so its
counts add up by construction. Lines ``changed`` and ``noticed`` speak of documents that are kept.
"""

from collections.abc import Mapping
from typing import Final

import ibis
import ibis.expr.types as ir
import pandas as pd

from crm_pipelines import columns as c
from crm_pipelines.documents.config import DocumentParameters
from crm_pipelines.errors import UserError

REASONS: Final = ("empty_text", "repeated_id", "duplicate")
"""Why a document is left out, in the order in which the reasons are tested."""
CHANGES: Final = ("control_characters", "text_cut", "summary_taken_for_text")
NOTICES: Final = ("without_label", "without_customer", "without_time", "unknown_customer")

_WHY: Final = "_reason"
_CONTROL: Final = "[\\x00-\\x08\\x0B\\x0C\\x0E-\\x1F\\x7F\\x{0080}-\\x{009F}\\x{FEFF}\\x{FFFE}]"
"""Control characters but for tab and line breaks, and byte-order marks, as RE2 writes them."""
_BLANK: Final = r"^[\s\x{00A0}\x{200B}]+|[\s\x{00A0}\x{200B}]+$"


def clean_documents(
    documents: ir.Table,
    known_customers: ir.Table | None,
    notes: Mapping[str, int],
    parameters: DocumentParameters,
    where: str,
) -> tuple[ir.Table, pd.DataFrame]:
    """The documents that say something, once each.

    A document repeats another if the same customer wrote the same words at the same time in the same channel, whatever
    the item: sellers show one review under all variants of a product. Without a customer the item and the label must be
    the same too.

    Args:
        documents: ``schemas.Documents``; ``row`` is unique.
        known_customers: ``customer_id`` of the source's table of customers; None where it has none.
        notes: what was counted while reading; ratings outside the scale are put into the report.
        parameters: where texts are cut.
        where: the source, for messages.

    Returns:
        The documents in the order of their rows (an expression, evaluated when it is saved), and ``step, reason,
        rows``: ``rows_in, all``, one ``dropped`` per reason, ``rows_out, valid``, then ``changed`` and ``noticed``.

    Raises:
        UserError: no document is left.
    """
    told = _told(documents, parameters.most_characters)
    judged = _judged(told)
    if known_customers is not None:
        known = known_customers.select(c.CUSTOMER_ID).mutate(_known=True)
        judged = judged.left_join(known, c.CUSTOMER_ID).drop(f"{c.CUSTOMER_ID}_right")
        unknown = judged[c.CUSTOMER_ID].notnull() & judged["_known"].isnull()
    else:
        unknown = ibis.literal(False)
    kept = judged[_WHY].isnull()
    flags = {
        **{name: judged[f"_{name}"] for name in CHANGES},
        "without_label": judged[c.LABEL].isnull(),
        "without_customer": judged[c.CUSTOMER_ID].isnull(),
        "without_time": judged[c.TIMESTAMP].isnull(),
        "unknown_customer": unknown,
    }
    measures = {f"why_{reason}": (judged[_WHY] == reason).sum() for reason in REASONS}
    measures |= {name: (flag & kept).sum() for name, flag in flags.items()}
    counted = judged.aggregate(rows=judged.count(), **measures).to_pyarrow().to_pylist()[0]
    found = {name: int(number or 0) for name, number in counted.items()}
    out = found["rows"] - sum(found[f"why_{reason}"] for reason in REASONS)
    if out == 0:
        listed = ", ".join(f"{reason}: {found[f'why_{reason}']}" for reason in REASONS if found[f"why_{reason}"])
        raise UserError(
            f"{where}: none of the {found['rows']} documents can be used ({listed or 'the file holds no rows'}); check "
            "the column of the text under 'documents'"
        )
    report = [("rows_in", "all", found["rows"])]
    report += [("dropped", reason, found[f"why_{reason}"]) for reason in REASONS]
    report += [("rows_out", "valid", out)]
    report += [("changed", name, found[name]) for name in CHANGES]
    report += [("noticed", name, found[name]) for name in NOTICES]
    outside = sum(count for name, count in notes.items() if name.endswith("rating_outside_scale"))
    report += [("noticed", "rating_outside_scale", outside)]
    valid = judged.filter(judged[_WHY].isnull()).select(*c.DOCUMENT_COLUMNS).order_by(c.ROW)
    return valid, pd.DataFrame(report, columns=["step", "reason", "rows"])


def _told(documents: ir.Table, most: int) -> ir.Table:
    """Texts without control characters, of bounded length, and whether that changed them."""
    raw, head = documents[c.TEXT], documents[c.SUMMARY]
    text = _without_control(raw)
    summary = _without_control(head)
    table = documents.mutate(
        _control_characters=((text != raw.re_replace(_BLANK, "")) | (summary != head.re_replace(_BLANK, "")))
        .fill_null(False)
        .cast("boolean"),
        **{c.TEXT: text.nullif(""), c.SUMMARY: summary.nullif("")},
    )
    alone = table[c.TEXT].isnull() & table[c.SUMMARY].notnull()
    table = table.mutate(
        _summary_taken_for_text=alone,
        **{
            c.TEXT: ibis.coalesce(table[c.TEXT], table[c.SUMMARY]),
            c.SUMMARY: alone.ifelse(ibis.null("string"), table[c.SUMMARY]),
        },
    )
    long = (table[c.TEXT].length() > most).fill_null(False) | (table[c.SUMMARY].length() > most).fill_null(False)
    cut = {name: table[name].substr(0, most) for name in (c.TEXT, c.SUMMARY)}
    return table.mutate(_text_cut=long, **cut)


def _without_control(text: ir.StringColumn) -> ir.StringColumn:
    return text.re_replace(_CONTROL, "").re_replace(_BLANK, "")


def _judged(told: ir.Table) -> ir.Table:
    """Each document with the first reason against it."""
    empty = told[c.TEXT].isnull()
    judged = told.mutate(empty.ifelse("empty_text", ibis.null("string")).name(_WHY))
    again = ibis.row_number().over(ibis.window(group_by=[_WHY, c.DOCUMENT_ID], order_by=c.ROW)) > 0
    judged = judged.mutate((judged[_WHY].isnull() & again).ifelse("repeated_id", judged[_WHY]).name(_WHY))
    nobody = judged[c.CUSTOMER_ID].isnull()
    nothing = ibis.null("string")
    keys = judged.mutate(
        _item=nobody.ifelse(judged[c.ITEM_ID], nothing),
        _label=nobody.ifelse(judged[c.LABEL], nothing),
    )
    by = [_WHY, c.CUSTOMER_ID, c.TIMESTAMP, c.CHANNEL, c.SUMMARY, c.TEXT, "_item", "_label"]
    repeat = ibis.row_number().over(ibis.window(group_by=by, order_by=c.ROW)) > 0
    # Two short answers that happen to be alike are two answers where neither author, time nor item is known.
    same = keys[c.CUSTOMER_ID].notnull() | keys[c.ITEM_ID].notnull() | keys[c.TIMESTAMP].notnull()
    why = (keys[_WHY].isnull() & repeat & same).ifelse("duplicate", keys[_WHY])
    return keys.mutate(why.name(_WHY)).drop("_item", "_label")
