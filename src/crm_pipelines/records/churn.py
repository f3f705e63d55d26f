"""Churn as one defines it, looked for in a log of interactions: customers at reference dates, step by step.

A record is a customer at a reference date: what was done in each step before it, the customer's attributes, and whether
nothing of what counts followed within the given days, which is churn. The last reference date lies that many days
before the end of the log, each earlier one as many before the next, so that the outcomes of one are known at the next.
"""

from collections.abc import Sequence
from typing import Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa

from crm_pipelines import columns as c
from crm_pipelines.config import ChurnSpec, EntitySpec
from crm_pipelines.errors import UserError
from crm_pipelines.records.layout import Layout
from crm_pipelines.sources.records import RecordTables

DAY: Final = 86_400
CLASSES: Final = ("stays", "leaves")
TOTALS: Final = (
    *("recency_days", "tenure_days", "days_active", "events_total", "events_last_step", "items_different"),
    *("days_between_events", "recency_per_gap"),
)
AMOUNT_SUM: Final = "value"
"""Channel of the sum of ``value``, where the log has any."""


def churn_records(
    log: pd.DataFrame, customers: pd.DataFrame, spec: ChurnSpec, attributes: EntitySpec, today: bool = False
) -> RecordTables:
    """Records of everybody in the audience at each reference date.

    Args:
        log: ``customer_id, item_id, timestamp, behaviour, value`` of valid events, in any order.
        customers: ``customer_id`` and the declared attributes.
        spec: what churn is.
        attributes: which attribute is what.
        today: of one moment only, the end of the log, so that nothing is known yet of the outcome.

    Returns:
        Records, their layout, and what was counted: ``outside_the_audience`` and ``reference_dates``.

    Raises:
        UserError: a behaviour or attribute that there is none of, a log too short, or an audience of nobody.
    """
    behaviours = sorted(log[c.BEHAVIOUR].unique())
    unknown = [name for name in spec.behaviours if name not in behaviours]
    if unknown:
        raise UserError(f"'churn.behaviours' names '{unknown[0]}', which the log never holds: {', '.join(behaviours)}")
    missing = [name for name in spec.audience.attributes if name not in customers.columns]
    if missing:
        raise UserError(f"'churn.audience.attributes' names '{missing[0]}', which is no attribute of the customers")
    log = log.sort_values(c.TIMESTAMP, kind="stable")
    time = log[c.TIMESTAMP].to_numpy(dtype=np.int64)
    first, end = int(time[0]), int(time[-1]) + 1
    layout = _layout(log, behaviours, spec, attributes)
    if today:
        now, left_out = _at(log, end, 0, spec, layout, customers)
        if now.empty:
            raise UserError("nobody belongs to the audience today; widen 'churn.audience'")
        now[c.LABEL] = None
        return _tables(now, layout, {"outside_the_audience": left_out})
    days = round(spec.within_days * DAY)
    references = [end - days * (back + 1) for back in reversed(range(spec.snapshots))]
    references = [moment for moment in references if moment - first >= days] or references[-1:]
    if references[-1] <= first:
        raise UserError(
            f"the log covers {(end - first) / DAY:.0f} days, which leaves no history before the {spec.within_days:g} "
            "days of the outcome; give a longer log or a smaller 'churn.within_days'"
        )
    parts, outside = [], 0
    for moment in references:
        part, left_out = _at(log, moment, days, spec, layout, customers)
        parts.append(part)
        outside += left_out
    table = pd.concat(parts, ignore_index=True)
    if table.empty:
        raise UserError("nobody belongs to the audience at any reference date; widen 'churn.audience'")
    return _tables(table, layout, {"reference_dates": len(references), "outside_the_audience": outside})


def _layout(log: pd.DataFrame, behaviours: Sequence[str], spec: ChurnSpec, attributes: EntitySpec) -> Layout:
    has_value = bool(log[c.VALUE].notna().any())
    return Layout(
        classes=CLASSES,
        numeric=(*TOTALS, *attributes.numeric),
        categorical=attributes.categorical,
        sensitive=attributes.sensitive,
        channels=(*behaviours, AMOUNT_SUM) if has_value else tuple(behaviours),
        steps=tuple(f"step -{back}" for back in range(spec.steps, 0, -1)),
        snapshots=True,
    )


def _tables(table: pd.DataFrame, layout: Layout, notes: dict[str, int]) -> RecordTables:
    table[c.ROW] = np.arange(1, len(table) + 1)
    columns = table[[*c.RECORD_COLUMNS, *layout.columns]]
    texts = dict.fromkeys((c.RECORD_ID, c.CUSTOMER_ID, c.LABEL, *layout.categorical, *layout.sensitive), pa.string())
    found = pa.Table.from_pandas(columns, preserve_index=False)
    schema = pa.schema([pa.field(each.name, texts.get(each.name, each.type)) for each in found.schema])
    return RecordTables(ibis.memtable(found.cast(schema)), layout, notes)


def _at(
    log: pd.DataFrame, reference: int, days: int, spec: ChurnSpec, layout: Layout, customers: pd.DataFrame
) -> tuple[pd.DataFrame, int]:
    """Records at one reference date (UTC seconds), and how many customers with a past were left out."""
    time = log[c.TIMESTAMP].to_numpy(dtype=np.int64)
    cut = int(np.searchsorted(time, reference))
    past = log.iloc[:cut]
    ahead = log.iloc[cut : int(np.searchsorted(time, reference + days))]
    if spec.behaviours:
        ahead = ahead[ahead[c.BEHAVIOUR].isin(spec.behaviours)]
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
    frame = totals.join(_steps(past, age.to_numpy(), totals, spec, layout))
    frame = frame.join(customers.drop_duplicates(c.CUSTOMER_ID).set_index(c.CUSTOMER_ID), how="left").reset_index()
    belongs = frame["events_total"] >= spec.audience.min_events
    if spec.audience.active_within_days is not None:
        belongs &= frame["recency_days"] <= spec.audience.active_within_days
    for name, values in spec.audience.attributes.items():
        belongs &= frame[name].astype(str).isin(values)
    kept = frame[belongs].copy()
    stays = kept[c.CUSTOMER_ID].isin(ahead[c.CUSTOMER_ID])
    kept[c.LABEL] = np.where(stays, *CLASSES)
    day = pd.Timestamp(reference, unit="s", tz="UTC").strftime("%Y-%m-%d")
    kept[c.RECORD_ID] = kept[c.CUSTOMER_ID] + "@" + day
    kept[c.AMOUNT] = np.nan
    kept[c.POSITION] = reference
    numbers = [*layout.numeric, *layout.sequence_columns, c.AMOUNT]
    kept[numbers] = kept[numbers].astype(np.float64)
    return kept, int((~belongs).sum())


def _steps(past: pd.DataFrame, age: np.ndarray, totals: pd.DataFrame, spec: ChurnSpec, layout: Layout) -> pd.DataFrame:
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
