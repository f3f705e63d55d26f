"""Removes records that cannot be used, and counts every one of them.

Each record is given the first reason that speaks against it, and the report is a group-by of that column, so its
counts add up by construction.
"""

from collections.abc import Iterable
from typing import Final

import ibis
import ibis.expr.types as ir
import pandas as pd

from crm_pipelines import columns as c
from crm_pipelines.errors import UserError

REASONS: Final = ("missing_id", "missing_label", "duplicate")
"""Why a record is dropped, in the order in which the reasons are tested."""

_WHY: Final = "_reason"


def clean_records(
    records: ir.Table, where: str, lines: Iterable[tuple[str, str, int]] = (), outcome_due: bool = True
) -> tuple[ir.Table, pd.DataFrame]:
    """Drop every record that has a reason against it.

    Args:
        records: as read; ``row`` is unique.
        where: the file, for messages.
        lines: ``step, reason, rows`` of the finer lines that records were computed from, put before the report.
        outcome_due: drop records without an outcome.

    Returns:
        The valid records in the order of their rows (an expression, evaluated when it is saved), and the report
        ``step, reason, rows``: one line ``rows_in, all``, one ``dropped, <reason>`` per reason, ``rows_out, valid``.

    Raises:
        UserError: no record is left, or one id stands for records that differ.
    """
    content = [name for name in records.columns if name != c.ROW]
    judged = records.mutate(
        ibis.cases(
            (records[c.RECORD_ID].isnull() | records[c.CUSTOMER_ID].isnull(), "missing_id"),
            (records[c.LABEL].isnull() & outcome_due, "missing_label"),
            else_=ibis.null("string"),
        ).name(_WHY)
    )
    complete = judged.filter(judged[_WHY].isnull())
    # In pandas: a window over hundreds of columns keeps the engine busy for minutes.
    rows = complete.select(*content, c.ROW).to_pandas().sort_values(c.ROW, kind="stable")
    again = rows.loc[rows.duplicated(subset=content), c.ROW].astype("int64").tolist()
    valid = complete.drop(_WHY)
    if again:
        valid = valid.anti_join(ibis.memtable({c.ROW: again}), c.ROW)
    found = judged.group_by(_WHY).agg(rows=judged.count()).to_pandas()
    counts = {None if pd.isna(why) else str(why): int(n) for why, n in zip(found[_WHY], found["rows"], strict=True)}
    if again:
        counts |= {None: counts[None] - len(again), "duplicate": len(again)}
    total, kept = sum(counts.values()), counts.get(None, 0)
    if kept == 0:
        listed = ", ".join(f"{reason}: {counts[reason]}" for reason in REASONS if reason in counts)
        raise UserError(f"{where}: none of the {total} records is valid ({listed}); check 'id', 'label' and 'classes'")
    _check_ids(valid, where)
    report = [*lines, ("rows_in", "all", total)]
    report += [("dropped", reason, counts.get(reason, 0)) for reason in REASONS]
    report += [("rows_out", "valid", kept)]
    return valid.order_by(c.ROW), pd.DataFrame(report, columns=["step", "reason", "rows"])


def _check_ids(valid: ir.Table, where: str) -> None:
    """Stop at an id that stands for several different records."""
    by_id = valid.group_by(c.RECORD_ID).agg(n=valid.count(), first=valid[c.ROW].min(), last=valid[c.ROW].max())
    repeated = by_id.filter(by_id.n > 1).order_by("first").limit(1).execute()
    if len(repeated):
        one = repeated.iloc[0]
        raise UserError(
            f"{where}: an id stands for different records, first in rows {one['first']} and {one['last']}; "
            "correct the file, or, where a customer may have several records, name the column under 'customer' "
            "instead of 'id'"
        )
