"""Removes invalid and duplicate interactions, and counts every one of them.

Paper A: "Data cleaning involved removing invalid or duplicate records ... records with no user interactions and those
with faulty or unreadable timestamps were removed ... products with missing ratings or reviews were eliminated."

The rules are Ibis expressions, the same on DuckDB and Spark: each row is given the first reason that speaks against
it, and the report is a group-by of that column, so its counts add up by construction. Few rows are faulty: only their
numbers and reasons are kept, and the clean log is the log without them.
"""

import math
from datetime import UTC, datetime, timedelta, timezone
from typing import Final

import ibis
import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa

from crm_pipelines import columns as c
from crm_pipelines.config import InteractionsSpec
from crm_pipelines.errors import UserError

REASONS: Final = (
    "missing_customer",
    "missing_item",
    "missing_timestamp",
    "outside_window",
    "missing_behaviour",
    "missing_text",
    "duplicate",
    "repeated_pair",
)
"""Why a row is dropped, in the order in which the reasons are tested."""

STEP: Final = "step"
REASON: Final = "reason"
ROWS: Final = "rows"

_WHY: Final = "_reason"


def clean_interactions(interactions: ir.Table, spec: InteractionsSpec) -> tuple[ir.Table, pd.DataFrame]:
    """Drop every row that has a reason against it.

    Args:
        interactions: canonical interactions; ``row`` is unique.
        spec: states the window, whether text is required and whether only first ratings count.

    Returns:
        The valid rows in ``(timestamp, row)`` order (an expression, evaluated when it is saved), and the report:
        one line ``rows_in, all``, one ``dropped, <reason>`` per reason of `REASONS`, and ``rows_out, valid``.

    Raises:
        UserError: no row is left.
    """
    rows = interactions.select(*c.INTERACTION_COLUMNS)
    faulty = _judge(rows, spec)
    report = _report(rows, faulty, spec)
    return _without(rows, faulty).order_by(c.TIMESTAMP, c.ROW), report


def _judge(rows: ir.Table, spec: InteractionsSpec) -> pa.Table:
    """The faulty rows, each once: ``row`` and the first reason against it."""
    is_context = rows[c.BEHAVIOUR].isin(spec.context).fill_null(False) if spec.context else ibis.literal(False)
    text_is_due = ~is_context if spec.require_text else ibis.literal(False)
    judged = rows.mutate(
        ibis.cases(
            (_is_missing(rows, c.CUSTOMER_ID), "missing_customer"),
            (_is_missing(rows, c.ITEM_ID), "missing_item"),
            (rows[c.TIMESTAMP].isnull(), "missing_timestamp"),
            (_is_outside_window(rows, spec), "outside_window"),
            (_is_missing(rows, c.BEHAVIOUR), "missing_behaviour"),
            (_is_missing(rows, c.TEXT) & text_is_due, "missing_text"),
            else_=ibis.null("string"),
        ).name(_WHY)
    )
    faulty = judged.filter(judged[_WHY].notnull()).select(c.ROW, _WHY).to_pyarrow()
    valid = judged.filter(judged[_WHY].isnull()).drop(_WHY)
    exact = (c.CUSTOMER_ID, c.ITEM_ID, c.TIMESTAMP, c.BEHAVIOUR, c.VALUE, c.TEXT)
    duplicates = _all_but_first(valid, "duplicate", exact, (c.ROW,))
    faulty = pa.concat_tables([faulty, duplicates.cast(faulty.schema)])
    if spec.one_rating_per_pair:
        # Context events are no ratings: they neither are one too many nor make another so.
        rated = valid.filter(~valid[c.BEHAVIOUR].isin(spec.context).fill_null(False)) if spec.context else valid
        pair = (c.CUSTOMER_ID, c.ITEM_ID)
        repeated = _all_but_first(_without(rated, duplicates), "repeated_pair", pair, (c.TIMESTAMP, c.ROW))
        faulty = pa.concat_tables([faulty, repeated.cast(faulty.schema)])
    return faulty


def _without(rows: ir.Table, faulty: pa.Table) -> ir.Table:
    """The rows whose numbers are not among the faulty."""
    return rows.anti_join(ibis.memtable(faulty.select([c.ROW])), c.ROW) if len(faulty) else rows


def _all_but_first(rows: ir.Table, reason: str, keys: tuple[str, ...], order: tuple[str, ...]) -> pa.Table:
    """Give ``reason`` to the rows that repeat the ``keys``, customer and item among them, of one earlier in ``order``.

    Repeats are rare: only rows of which another has the same hash are compared, instead of sorting them all.
    """
    time = rows[c.TIMESTAMP] if c.TIMESTAMP in keys else ibis.literal(0, "int64")
    halved = _hash(rows[c.CUSTOMER_ID], rows[c.ITEM_ID], time) >> 1
    hashed = rows.mutate(_hash=halved.cast(dt.Int64(nullable=False)))  # a cast to its own type would be left out
    met = hashed.group_by("_hash").aggregate(n=lambda t: t.count())
    several = met.filter(met["n"] > 1).select("_hash").to_pyarrow()
    alike = hashed.semi_join(ibis.memtable(several), "_hash")
    window = ibis.window(group_by=list(keys), order_by=list(order))
    ranked = alike.mutate(_rank=ibis.row_number().over(window))  # from 0
    repeats = ranked.filter(ranked["_rank"] > 0)
    return repeats.select(c.ROW, ibis.literal(reason).name(_WHY)).to_pyarrow()


@ibis.udf.scalar.builtin(name="hash")  # type: ignore[untyped-decorator]
def _hash(customer: str, item: str, time: int) -> dt.int64:
    """The engine's own hash of several values: 64 bits without a sign on DuckDB, 32 with one on Spark."""


def _is_missing(rows: ir.Table, column: str) -> ir.BooleanValue:
    """Null, empty or only spaces."""
    values = rows[column]
    # Not strip(): its character list is written with escapes that Spark reads as letters.
    return values.isnull() | (values.replace(" ", "") == "")


def _is_outside_window(rows: ir.Table, spec: InteractionsSpec) -> ir.BooleanValue:
    """Before the window's start, or at or after its end; never for a window without bounds."""
    timestamp = rows[c.TIMESTAMP]
    outside: ir.BooleanValue = ibis.literal(False)
    if spec.window.start is not None:
        outside = outside | (timestamp < _to_seconds(spec.window.start, spec))
    if spec.window.end is not None:
        outside = outside | (timestamp >= _to_seconds(spec.window.end, spec))
    return outside


def _to_seconds(moment: datetime, spec: InteractionsSpec) -> int:
    """UTC seconds of a bound; one written without a zone is local to the source."""
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=timezone(timedelta(hours=spec.utc_offset_hours)))
    return math.ceil(moment.astimezone(UTC).timestamp())


def _report(rows: ir.Table, faulty: pa.Table, spec: InteractionsSpec) -> pd.DataFrame:
    """Count the rows per reason; stop if none is valid."""
    found = faulty[_WHY].value_counts().to_pylist()
    counts = {str(entry["values"]): int(entry["counts"]) for entry in found}
    rows_in = int(rows.count().to_pyarrow().as_py())
    rows_out = rows_in - len(faulty)
    if rows_in == 0:
        raise UserError(f"{spec.file}: the interactions hold no rows; check that this is the right file")
    if rows_out == 0:
        listed = ", ".join(f"{reason}: {counts[reason]}" for reason in REASONS if reason in counts)
        raise UserError(
            f"{spec.file}: none of the {rows_in} interactions is valid ({listed}); "
            "check the columns, labels, timestamp_format and window of this source"
        )
    lines = [("rows_in", "all", rows_in)]
    lines += [("dropped", reason, counts.get(reason, 0)) for reason in REASONS]
    lines += [("rows_out", "valid", rows_out)]
    return pd.DataFrame(lines, columns=[STEP, REASON, ROWS])


def summarise_cleaning(report: pd.DataFrame) -> str:
    """The report of ``clean_interactions`` in one line: rows kept, and dropped rows by reason."""
    rows = report.groupby("step")["rows"].sum()
    dropped = report[(report["step"] == "dropped") & (report["rows"] > 0)]
    reasons = ", ".join(f"{row.rows:,} {str(row.reason).replace('_', ' ')}" for row in dropped.itertuples())
    return f"kept {rows['rows_out']:,} of {rows['rows_in']:,} rows" + (f"; dropped: {reasons}" if reasons else "")
