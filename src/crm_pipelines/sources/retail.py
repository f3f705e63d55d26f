"""UCI "Online retail" (Chen 2015): lines of invoices to customers at reference dates, week by week.

A record is a customer at a reference date: what was bought and returned in the weeks before it, and whether nothing
was bought within ``label_days`` after it, which is the risk. The last reference date lies ``label_days`` before the
end of the log, each earlier one ``label_days`` before the next, so that the outcomes of one date are known at the next.
See docs/sources.md.
"""

from datetime import UTC, datetime
from typing import Final

import ibis
import ibis.expr.types as ir

from crm_pipelines import columns as c
from crm_pipelines.config import RecordsSpec
from crm_pipelines.errors import UserError
from crm_pipelines.records.layout import Layout
from crm_pipelines.sources import cells, timestamps
from crm_pipelines.sources.raw import RawFolder, RawTable
from crm_pipelines.sources.records import RecordTables

COLUMNS: Final = ("InvoiceNo", "StockCode", "Quantity", "InvoiceDate", "UnitPrice", "CustomerID", "Country")
DAY: Final = 86_400
WEEK: Final = 7 * DAY
CHANNELS: Final = ("orders", "units", "spend", "returns")
NUMERIC: Final = (
    *("recency_days", "tenure_days", "orders_total", "units_total", "spend_total", "returns_total", "return_lines"),
    *("items_different", "days_active", "spend_per_order", "units_per_order", "price_mean", "return_share"),
    *("orders_30_days", "orders_90_days", "spend_30_days", "spend_90_days", "days_between_orders"),
    *("recency_per_gap", "lines_total"),
)
Lines = tuple[tuple[str, str, int], ...]
REASONS: Final = ("missing_customer", "missing_date", "missing_amount", "not_a_price", "duplicate")
"""Why a line is dropped, in the order in which the reasons are tested."""


def read(raw: RawFolder, spec: RecordsSpec, where: str) -> RecordTables:
    """Read the lines of invoices and make records of them.

    Raises:
        UserError: a column is missing, a cell cannot be read, no line is valid, or the log is too short for the first
            reference date.
    """
    found = raw.read(spec.file)
    found.require(COLUMNS, f"the reader 'retail' of {where}")
    declared = [name for name in ("id", "label", "numeric", "channels", "amount", "date") if getattr(spec, name)]
    if declared:
        raise UserError(
            f"{where}: reader 'retail' makes its own columns; remove '{declared[0]}' or choose reader 'records'"
        )
    lines, counted, notes = _lines(found, spec)
    first, last = notes.pop("first"), notes.pop("last")
    days = spec.label_days * DAY
    end = last // DAY * DAY
    references = [end - days * (back + 1) for back in reversed(range(spec.snapshots))]
    references = [moment for moment in references if moment - first >= days] or references[-1:]
    if references[-1] - first < WEEK:
        raise UserError(
            f"{spec.file}: the log covers {(last - first) / DAY:.0f} days, which leaves no week of history before the "
            f"{spec.label_days} days of the outcome; give a longer log or a smaller 'label_days' in {where}"
        )
    steps = tuple(f"week -{back}" for back in range(spec.weeks, 0, -1))
    layout = Layout(
        classes=_classes(spec),
        numeric=NUMERIC,
        categorical=("country",),
        groups=spec.groups,
        channels=CHANNELS,
        steps=steps,
        has_amount=True,
        snapshots=True,
    )
    parts = [_records(lines, moment, days, layout) for moment in references]
    table = ibis.union(*parts, distinct=False) if len(parts) > 1 else parts[0]
    order = ibis.window(order_by=[table[c.POSITION], table[c.CUSTOMER_ID]])
    table = table.mutate(**{c.ROW: (ibis.row_number().over(order) + 1).cast("int64")})
    notes["reference_dates"] = len(references)
    return RecordTables(table.select(*c.RECORD_COLUMNS, *layout.columns).cache(), layout, notes, counted)


def read_log(raw: RawFolder, spec: RecordsSpec, where: str) -> tuple[ir.Table, ir.Table, Lines]:
    """The valid lines of invoices as a log of interactions, of which ``buy`` and ``return`` are the behaviours.

    Returns:
        ``customer_id, item_id, timestamp, behaviour, value`` (of the line; negative for returns); ``customer_id,
        country`` of every customer; and ``step, reason, rows`` of all lines.

    Raises:
        UserError: a column is missing, a cell cannot be read, or no line is valid.
    """
    found = raw.read(spec.file)
    found.require(COLUMNS, f"the reader 'retail' of {where}")
    lines, counted, _ = _lines(found, spec)
    log = lines.select(
        **{
            c.CUSTOMER_ID: lines.customer,
            c.ITEM_ID: lines.item,
            c.TIMESTAMP: lines.time,
            c.BEHAVIOUR: lines.is_return.ifelse("return", "buy"),
            c.VALUE: (lines.units * lines.price).cast("float64"),
        }
    )
    customers = lines.group_by(lines.customer.name(c.CUSTOMER_ID)).agg(country=lines.country.min())
    return log, customers, counted


def _classes(spec: RecordsSpec) -> tuple[str, str]:
    """Classes by the raw labels ``0`` (bought again) and ``1`` (did not)."""
    if set(spec.classes) != {"0", "1"}:
        raise UserError("reader 'retail': 'classes' must name the raw labels \"0\" (bought again) and \"1\" (did not)")
    return spec.classes["0"], spec.classes["1"]


def _lines(found: RawTable, spec: RecordsSpec) -> tuple[ir.Table, Lines, dict[str, int]]:
    """Valid lines (customer, time, invoice, item, units, price, is_return, country), their count by reason, notes."""
    raw = found.table
    text = {name: cells.trimmed(raw[name]) for name in COLUMNS}
    seconds = timestamps.to_seconds(text["InvoiceDate"], _format(spec), spec.utc_offset_hours)
    rules = [
        timestamps.rule("InvoiceDate", text["InvoiceDate"], seconds, _format(spec)),
        *(cells.number_rule(name, raw[name]) for name in ("Quantity", "UnitPrice")),
    ]
    answers, unreadable = cells.inspect(found, rules, "drop" if spec.unreadable == "blank" else "stop", {})
    lines = raw.select(
        customer=text["CustomerID"].re_replace(r"\.0+$", ""),
        time=seconds,
        invoice=text["InvoiceNo"],
        item=text["StockCode"],
        units=cells.number(raw["Quantity"]),
        price=cells.number(raw["UnitPrice"]),
        country=text["Country"],
        row=found.row(),
    )
    exact = ("customer", "time", "invoice", "item", "units", "price")
    again = ibis.row_number().over(ibis.window(group_by=list(exact), order_by="row")) > 0
    lines = lines.mutate(
        why=ibis.cases(
            (lines.customer.isnull(), "missing_customer"),
            (lines.time.isnull(), "missing_date"),
            (lines.units.isnull() | lines.price.isnull() | (lines.units == 0), "missing_amount"),
            (lines.price <= 0, "not_a_price"),
            (again, "duplicate"),
            else_=ibis.null("string"),
        )
    )
    found_reasons = lines.group_by("why").agg(n=lines.count()).execute()
    pairs = zip(found_reasons.why, found_reasons.n, strict=True)
    counts = {why if isinstance(why, str) else None: int(n) for why, n in pairs}
    valid = lines.filter(lines.why.isnull()).drop("why")
    # Read once: three reference dates with their weeks would otherwise scan the file a dozen times.
    valid = valid.mutate(is_return=(valid.units < 0) | valid.invoice.upper().startswith("C")).cache()
    if not counts.get(None):
        listed = ", ".join(f"{reason}: {counts[reason]}" for reason in REASONS if reason in counts)
        raise UserError(f"{found.file}: none of the {answers['rows']} lines is valid ({listed}); check the columns")
    measured = valid.aggregate(
        first=valid.time.min(), last=valid.time.max(), returns=valid.is_return.sum(), customers=valid.customer.nunique()
    ).execute()
    notes = {name: int(measured[name][0]) for name in ("first", "last", "returns", "customers")}
    report = (
        ("lines_in", "all", int(answers["rows"])),
        *(("lines_dropped", reason, counts.get(reason, 0)) for reason in REASONS),
        ("lines_out", "valid", counts[None]),
    )
    return valid, report, {**notes, **unreadable}


def _format(spec: RecordsSpec) -> str:
    """ISO unless the block says otherwise (other copies have ``%m/%d/%Y %H:%M``)."""
    return timestamps.ISO if spec.timestamp_format == timestamps.SECONDS else spec.timestamp_format


def _records(lines: ir.Table, reference: int, days: int, layout: Layout) -> ir.Table:
    """One record per customer who bought before ``reference`` (UTC seconds)."""
    past = lines.filter(lines.time < reference)
    sale = ~past.is_return
    value = past.units * past.price
    age = (ibis.literal(reference) - past.time) / DAY
    totals = past.group_by("customer").agg(
        recency_days=age.min(where=sale),
        tenure_days=age.max(where=sale),
        orders_total=past.invoice.nunique(where=sale).cast("float64"),
        units_total=past.units.sum(where=sale),
        spend_total=_cents(value.sum(where=sale)),
        returns_total=_cents((-value).sum(where=~sale)),
        return_lines=(~sale).sum().cast("float64"),
        lines_total=sale.sum().cast("float64"),
        items_different=past.item.nunique(where=sale).cast("float64"),
        days_active=(past.time // DAY).nunique(where=sale).cast("float64"),
        prices=_cents(past.price.sum(where=sale)),
        orders_30_days=past.invoice.nunique(where=sale & (age <= 30)).cast("float64"),
        orders_90_days=past.invoice.nunique(where=sale & (age <= 90)).cast("float64"),
        spend_30_days=_cents(value.sum(where=sale & (age <= 30))),
        spend_90_days=_cents(value.sum(where=sale & (age <= 90))),
        country=past.country.min(),
    )
    totals = totals.filter(totals.orders_total > 0)
    gap = (totals.tenure_days - totals.recency_days) / (totals.days_active - 1).nullif(0)
    totals = totals.mutate(
        spend_per_order=totals.spend_total / totals.orders_total,
        units_per_order=totals.units_total / totals.orders_total,
        price_mean=totals.prices / totals.lines_total,
        return_share=totals.returns_total / totals.spend_total,
        days_between_orders=gap,
        recency_per_gap=totals.recency_days / gap.nullif(0),
    )
    ahead = lines.filter((lines.time >= reference) & (lines.time < reference + days) & ~lines.is_return)
    bought = ahead.group_by("customer").agg(next_amount=_cents((ahead.units * ahead.price).sum()))
    joined = totals.left_join(bought, "customer").drop("customer_right")
    joined = joined.left_join(_weeks(past, reference, layout), "customer").drop("customer_right")
    # A week without a line is a week without orders; one before the first order is no part of the history.
    cells_of = {}
    for back, step in zip(range(len(layout.steps), 0, -1), layout.steps, strict=True):
        known = joined.tenure_days > 7 * (back - 1)
        for channel in CHANNELS:
            name = c.step_column(channel, step)
            cells_of[name] = known.ifelse(joined[name].fill_null(0.0), ibis.null("float64"))
    stays, leaves = layout.classes
    return joined.mutate(
        **cells_of,
        **{
            c.RECORD_ID: joined.customer + ibis.literal(f"@{_day(reference)}"),
            c.CUSTOMER_ID: joined.customer,
            c.LABEL: joined.next_amount.isnull().ifelse(leaves, stays),
            c.AMOUNT: joined.next_amount.fill_null(0.0),
            c.POSITION: ibis.literal(reference, type="int64"),
        },
    ).select(c.RECORD_ID, c.CUSTOMER_ID, c.LABEL, c.AMOUNT, c.POSITION, *layout.columns)


def _weeks(past: ir.Table, reference: int, layout: Layout) -> ir.Table:
    """What each customer did in each week: ``customer`` and ``<channel>@<step>``, null for a week without a line."""
    back = ((ibis.literal(reference) - 1 - past.time) // WEEK + 1).cast("int64")  # 1 is the week up to the reference
    lines = past.mutate(back=back).filter(back <= len(layout.steps))
    value = lines.units * lines.price
    sale = ~lines.is_return
    weekly = lines.group_by("customer", "back").agg(
        orders=lines.invoice.nunique(where=sale).cast("float64"),
        units=lines.units.sum(where=sale),
        spend=_cents(value.sum(where=sale)),
        returns=_cents((-value).sum(where=~sale)),
    )
    wide = {
        c.step_column(channel, step): weekly[channel].max(where=weekly.back == number)
        for number, step in zip(range(len(layout.steps), 0, -1), layout.steps, strict=True)
        for channel in CHANNELS
    }
    return weekly.group_by("customer").agg(**wide)


def _cents(amount: ir.FloatingValue) -> ir.FloatingValue:
    """A sum in whole cents, 0 for none, so that it does not depend on the order in which an engine adds."""
    return amount.fill_null(0.0).round(2)


def _day(seconds: int) -> str:
    return f"{datetime.fromtimestamp(seconds, tz=UTC):%Y-%m-%d}"
