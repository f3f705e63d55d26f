"""Customers at reference dates, looked up in a log: an outcome as one defines it, and what was done before it.

A record is a customer at a reference date: what was done in each step before it, the customer's attributes, and whether
what counts followed within the given days. That nothing follows is churn, that something does is a purchase. The last
reference date lies that many days before the end of the log, so that its outcomes are known.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.attributes import check_spelling, is_among
from crm_pipelines.config import EntitySpec, OutcomeSpec
from crm_pipelines.errors import UserError
from crm_pipelines.records.layout import Layout
from crm_pipelines.sources.records import RecordTables

DAY: Final = 86_400
TOTALS: Final = (
    *("recency_days", "tenure_days", "days_active", "events_total", "events_last_step", "items_different"),
    *("days_between_events", "recency_per_gap"),
)
CUSTOMERS_AT_ONCE: Final = 100_000
AMOUNT_SUM: Final = "value"
"""Channel of the sum of ``value``, where the log has any."""


class MoreColumns(Protocol):
    """Further numeric columns of a record."""

    @property
    def names(self) -> tuple[str, ...]:
        """Their names."""
        ...

    def at(self, reference: int, customers: pd.Index) -> NDArray[np.float64]:
        """(n, columns) of customers (n ids), from what came before ``reference`` (UTC seconds); nan where missing."""
        ...


class Amounts(Protocol):
    """The amount that follows a record."""

    def next_amount(self, reference: int, days: float, customers: pd.Index) -> NDArray[np.float64]:
        """(n,) of customers within so many days from ``reference``; nan where nothing followed."""
        ...


@dataclass(frozen=True)
class Snapshots:
    """Where records of a log are taken, and which column of them is what.

    Attributes:
        references: UTC seconds, ascending.
        first, end: of the log; ``end`` is after its last event.
        layout: of the records.
    """

    references: tuple[int, ...]
    first: int
    end: int
    layout: Layout


def plan_snapshots(
    log: pd.DataFrame,
    customers: pd.DataFrame,
    spec: OutcomeSpec,
    attributes: EntitySpec,
    more: Sequence[MoreColumns] = (),
) -> Snapshots:
    """Reference dates and layout of the records of a log.

    Args:
        log: ``customer_id, item_id, timestamp, behaviour, value`` of valid events, in any order.
        customers: ``customer_id`` and the declared attributes.
        spec: what the outcome is.
        attributes: which attribute is what.
        more: what else is known of a customer.

    Raises:
        UserError: a behaviour or attribute that there is none of, an attribute called as what is computed, or a log
            too short.
    """
    layout = plan_layout(log[c.BEHAVIOUR].unique(), bool(log[c.VALUE].notna().any()), customers, spec, attributes, more)
    first, end = int(log[c.TIMESTAMP].min()), int(log[c.TIMESTAMP].max()) + 1
    days, apart = round(spec.within_days * DAY), round(spec.days_apart * DAY)
    references = [end - days - apart * back for back in reversed(range(spec.snapshots))]
    references = [moment for moment in references if moment - first >= days] or references[-1:]
    if references[-1] <= first:
        raise UserError(
            f"the log covers {(end - first) / DAY:.0f} days, which leaves no history before the {spec.within_days:g} "
            f"days of the outcome; give a longer log or a smaller '{spec.block}.within_days'"
        )
    return Snapshots(tuple(references), first, end, layout)


def plan_layout(
    behaviours: Iterable[str],
    has_value: bool,
    customers: pd.DataFrame,
    spec: OutcomeSpec,
    attributes: EntitySpec,
    more: Sequence[MoreColumns] = (),
) -> Layout:
    """Layout of the records of a log with some behaviours, and values or none; see `plan_snapshots`."""
    behaviours = sorted(behaviours)
    unknown = [name for name in spec.behaviours if name not in behaviours]
    if unknown:
        raise UserError(
            f"'{spec.block}.behaviours' names '{unknown[0]}', which the log never holds: {', '.join(behaviours)}"
        )
    steps = tuple(f"step -{back}" for back in range(spec.steps, 0, -1))
    channels = (*behaviours, AMOUNT_SUM) if has_value else tuple(behaviours)
    own = (*c.RECORD_COLUMNS, *TOTALS, *(name for each in more for name in each.names))
    own += tuple(c.step_column(channel, step) for channel in channels for step in steps)
    taken = [name for name in attributes.columns if name in own]
    if taken:
        raise UserError(
            f"'customers' declares '{taken[0]}', which is the name of what is computed of each customer for "
            f"'{spec.block}'; rename that column in the file and the block, or leave it out"
        )
    missing = [name for name in spec.audience.attributes if name not in customers.columns]
    if missing:
        raise UserError(f"'{spec.block}.audience.attributes' names '{missing[0]}', which is no attribute of customers")
    for name, values in spec.audience.attributes.items():
        check_spelling(customers[name], values, f"{spec.block}.audience.attributes.{name}")
    return Layout(
        classes=spec.classes,
        numeric=(*TOTALS, *(name for each in more for name in each.names), *attributes.numeric),
        categorical=attributes.categorical,
        sensitive=attributes.sensitive,
        channels=channels,
        steps=steps,
        snapshots=True,
    )


def snapshot_records(
    log: pd.DataFrame,
    customers: pd.DataFrame,
    spec: OutcomeSpec,
    attributes: EntitySpec,
    more: Sequence[MoreColumns] = (),
    amounts: Amounts | None = None,
) -> RecordTables:
    """Records of everybody in the audience at each reference date.

    Args:
        log, customers, spec, attributes, more: see `plan_snapshots`.
        amounts: what a record's outcome was worth.

    Returns:
        Records, their layout, and what was counted: ``outside_the_audience`` and ``reference_dates``.

    Raises:
        UserError: see `plan_snapshots`; or an audience of nobody.
    """
    plan = plan_snapshots(log, customers, spec, attributes, more)
    log = log.sort_values(c.TIMESTAMP, kind="stable")
    days = round(spec.within_days * DAY)
    parts, outside = [], 0
    for moment in plan.references:
        known = customers_at(log, moment, spec, plan.layout, customers, more)
        belongs = in_audience(known, spec)
        part = known[belongs].copy()
        occurs = part[c.CUSTOMER_ID].isin(_who_acts(log, moment, moment + days, spec))
        part[c.LABEL] = np.where(occurs != spec.positive_if_silent, plan.layout.classes[1], plan.layout.classes[0])
        if amounts is not None:
            part[c.AMOUNT] = amounts.next_amount(moment, spec.within_days, pd.Index(part[c.CUSTOMER_ID]))
        parts.append(part)
        outside += int((~belongs).sum())
    table = pd.concat(parts, ignore_index=True)
    if table.empty:
        raise UserError(f"nobody belongs to the audience at any reference date; widen '{spec.block}.audience'")
    notes = {"reference_dates": len(plan.references), "outside_the_audience": outside}
    return _tables(table, plan.layout.model_copy(update={"has_amount": amounts is not None}), notes)


def today_records(
    events: ir.Table,
    customers: pd.DataFrame,
    spec: OutcomeSpec,
    attributes: EntitySpec,
    at_once: int = CUSTOMERS_AT_ONCE,
) -> RecordTables:
    """Records of the audience at the end of the log, when nothing is known yet of the outcome.

    Args:
        events: as the log of `plan_snapshots`, with ``row``; may be too short for an outcome.
        customers, spec, attributes: see `plan_snapshots`.
        at_once: customers whose events are in memory together; the records are the same for any number.

    Raises:
        UserError: an attribute that there is none of, or an audience of nobody.
    """
    told = events.aggregate(last=events[c.TIMESTAMP].max(), values=events[c.VALUE].count()).to_pandas().iloc[0]
    seen = events.select(c.BEHAVIOUR).distinct().to_pandas()[c.BEHAVIOUR]
    behaviours = {*seen, *spec.behaviours}  # of a short log: what is asked about may not have happened lately
    layout = plan_layout(behaviours, bool(told["values"]), customers, spec, attributes)
    profiles = customers.drop_duplicates(c.CUSTOMER_ID)
    parts, outside, first = [], 0, 1
    for log, low, high in _by_customers(events, at_once):
        mine = profiles[(profiles[c.CUSTOMER_ID] >= low) & (profiles[c.CUSTOMER_ID] <= high)]
        known = customers_at(log, int(told["last"]) + 1, spec, layout, mine)
        belongs = in_audience(known, spec)
        parts.append(_arrow(known[belongs].assign(**{c.LABEL: None}), layout, first))
        outside += int((~belongs).sum())
        first += len(parts[-1])
    if first == 1:
        raise UserError(f"nobody belongs to the audience today; widen '{spec.block}.audience'")
    return RecordTables(ibis.memtable(pa.concat_tables(parts)), layout, {"outside_the_audience": outside})


def _by_customers(events: ir.Table, at_once: int) -> Iterator[tuple[pd.DataFrame, str, str]]:
    """Events of some customers, in the order of time, and the first and the last of their ids."""
    ids = np.sort(events.select(c.CUSTOMER_ID).distinct().to_pandas()[c.CUSTOMER_ID].to_numpy(dtype=object))
    names = [c.CUSTOMER_ID, c.ITEM_ID, c.TIMESTAMP, c.BEHAVIOUR, c.VALUE]
    for first in range(0, len(ids), at_once):
        low, high = str(ids[first]), str(ids[min(first + at_once, len(ids)) - 1])
        part = events.filter(events[c.CUSTOMER_ID].between(low, high))
        yield part.order_by(c.TIMESTAMP, c.ROW).select(*names).to_pandas(), low, high


def _tables(table: pd.DataFrame, layout: Layout, notes: dict[str, int]) -> RecordTables:
    return RecordTables(ibis.memtable(_arrow(table, layout, 1)), layout, notes)


def _arrow(table: pd.DataFrame, layout: Layout, first: int) -> pa.Table:
    """Records in their columns, numbered from ``first``; texts are texts, whether there is any or not."""
    table[c.ROW] = np.arange(first, first + len(table))
    columns = table[[*c.RECORD_COLUMNS, *layout.columns]]
    texts = dict.fromkeys((c.RECORD_ID, c.CUSTOMER_ID, c.LABEL, *layout.categorical, *layout.sensitive), pa.string())
    found = pa.Table.from_pandas(columns, preserve_index=False)
    schema = pa.schema([pa.field(each.name, texts.get(each.name, each.type)) for each in found.schema])
    return found.cast(schema).replace_schema_metadata(None)


def customers_at(
    log: pd.DataFrame,
    reference: int,
    spec: OutcomeSpec,
    layout: Layout,
    customers: pd.DataFrame,
    more: Sequence[MoreColumns] = (),
) -> pd.DataFrame:
    """What is known at ``reference`` (UTC seconds) of everybody with a past, without an outcome.

    Args:
        log: in the order of time.
        reference: nothing from here on is read.
        spec: the steps.
        layout: of the records.
        customers, more: see `plan_snapshots`.

    Returns:
        The columns of a table of records but ``label`` and ``row``; ``amount`` is nan.
    """
    time = log[c.TIMESTAMP].to_numpy(dtype=np.int64)
    past = log.iloc[: int(np.searchsorted(time, reference))]
    age = (reference - past[c.TIMESTAMP]) / DAY
    by = past.assign(age=age, day=past[c.TIMESTAMP] // DAY).groupby(c.CUSTOMER_ID)
    totals = by.agg(
        recency_days=("age", "min"),
        tenure_days=("age", "max"),
        days_active=("day", "nunique"),
        events_total=("age", "size"),
        items_different=(c.ITEM_ID, "nunique"),
    )
    recent = past[(age <= spec.step_days).to_numpy()].groupby(c.CUSTOMER_ID).size()
    totals["events_last_step"] = recent.reindex(totals.index).fillna(0)
    gap = (totals["tenure_days"] - totals["recency_days"]) / (totals["days_active"] - 1).replace(0, np.nan)
    totals["days_between_events"] = gap
    totals["recency_per_gap"] = totals["recency_days"] / gap.replace(0, np.nan)
    for each in more:
        found = pd.DataFrame(each.at(reference, totals.index), index=totals.index, columns=list(each.names))
        totals = totals.join(found)
    frame = totals.join(_steps(past, age.to_numpy(), totals, spec, layout))
    frame = frame.join(customers.drop_duplicates(c.CUSTOMER_ID).set_index(c.CUSTOMER_ID), how="left").reset_index()
    day = pd.Timestamp(reference, unit="s", tz="UTC").strftime("%Y-%m-%d")
    frame[c.RECORD_ID] = frame[c.CUSTOMER_ID] + "@" + day
    frame[c.AMOUNT] = np.nan
    frame[c.POSITION] = reference
    numbers = [*layout.numeric, *layout.sequence_columns, c.AMOUNT]
    frame[numbers] = frame[numbers].astype(np.float64)
    return frame


def in_audience(known: pd.DataFrame, spec: OutcomeSpec) -> pd.Series:
    """Whether each customer of `customers_at` belongs to the audience."""
    belongs = known["events_total"] >= spec.audience.min_events
    if spec.audience.active_within_days is not None:
        belongs &= known["recency_days"] <= spec.audience.active_within_days
    for name, values in spec.audience.attributes.items():
        belongs &= is_among(known[name], values)
    return belongs


def _who_acts(log: pd.DataFrame, start: int, end: int, spec: OutcomeSpec) -> Any:
    """Customers with an event that counts in [start, end)."""
    time = log[c.TIMESTAMP].to_numpy(dtype=np.int64)
    ahead = log.iloc[int(np.searchsorted(time, start)) : int(np.searchsorted(time, end))]
    if spec.behaviours:
        ahead = ahead[ahead[c.BEHAVIOUR].isin(spec.behaviours)]
    return ahead[c.CUSTOMER_ID].unique()


def _steps(
    past: pd.DataFrame, age: NDArray[np.float64], totals: pd.DataFrame, spec: OutcomeSpec, layout: Layout
) -> pd.DataFrame:
    """``<channel>@<step>`` of each customer: 0 in a step without an event, blank in one before the first event."""
    back = np.floor(age / spec.step_days).astype(np.int64)  # 0 is the step up to the reference date
    inside = back < spec.steps
    rows = totals.index.get_indexer(pd.Index(past[c.CUSTOMER_ID]))[inside]
    place = (spec.steps - 1 - back)[inside]
    values = np.zeros((len(totals), spec.steps, len(layout.channels)))
    for number, channel in enumerate(layout.channels):
        if channel == AMOUNT_SUM:
            amounts = past[c.VALUE].fillna(0.0).to_numpy(dtype=np.float64)[inside]
        else:
            amounts = (past[c.BEHAVIOUR] == channel).to_numpy(dtype=np.float64)[inside]
        np.add.at(values[:, :, number], (rows, place), amounts)
    begun = np.minimum(np.floor(totals["tenure_days"].to_numpy() / spec.step_days), spec.steps - 1)
    before = np.arange(spec.steps) < (spec.steps - 1 - begun)[:, None]
    values[before] = np.nan
    return pd.DataFrame(values.reshape(len(totals), -1), index=totals.index, columns=list(layout.sequence_columns))
