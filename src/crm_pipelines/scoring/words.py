"""Reasons in plain words."""

from typing import Final

import numpy as np
import pandas as pd

from crm_pipelines.benchmark.occlusion import Feature
from crm_pipelines.config import ChurnSpec
from crm_pipelines.records.inputs import RecordInputs

TOTALS: Final = {
    "recency_days": "last seen {} days ago",
    "tenure_days": "first seen {} days ago",
    "days_active": "active on {} days",
    "items_different": "{} different items",
    "days_between_events": "usually {} days between visits",
    "recency_per_gap": "silent {} times as long as usual",
}
"""Totals of a record of churn (`records.snapshots.TOTALS`) as they are said."""
LAST_STEP: Final = "events_last_step"
ALL_EVENTS: Final = "events_total"


class Phrases:
    """Says what raises a customer's risk; see `records.score`.

    Args:
        churn: how churn is looked for in the log, for records that were made of it; None for a table of records.
    """

    def __init__(self, churn: ChurnSpec | None) -> None:
        self.step_days = churn.step_days if churn is not None else None

    def __call__(self, feature: Feature, record: int, step: int, inputs: RecordInputs, table: pd.DataFrame) -> str:
        """The reason for one feature of one record."""
        if feature.kind == "category":
            value = table[feature.name].iloc[record]
            return f"{feature.name} is {'unknown' if pd.isna(value) else value}"
        if feature.kind == "channel":
            return self._channel(feature, record, step, inputs)
        value = float(inputs.numeric[record, feature.position])
        if np.isnan(value):
            return f"{spoken(feature.name)} is unknown"
        if feature.name == LAST_STEP and self.step_days is not None:
            return f"{_events(value)} in the last {number(self.step_days)} days"
        if feature.name == ALL_EVENTS and self.step_days is not None:
            return f"{_events(value)} in all"
        if feature.name in TOTALS:
            return TOTALS[feature.name].format(number(value))
        return f"{spoken(feature.name)} is {number(value)}"

    def _channel(self, feature: Feature, record: int, step: int, inputs: RecordInputs) -> str:
        values = inputs.sequence[record, :, feature.position]
        if self.step_days is not None:
            days = number(self.step_days * int((~np.isnan(values)).sum()))
            return f"{number(float(np.nansum(values)))} of '{feature.name}' in {days} days"
        value = float(values[step]) if len(values) else float("nan")
        told = "unknown" if np.isnan(value) else number(value)
        return f"{spoken(feature.name)} is {told} in {inputs.step_names[step]}"


def _events(value: float) -> str:
    return "no event" if value == 0 else "1 event" if value == 1 else f"{number(value)} events"


def spoken(name: str) -> str:
    """A column's name as words."""
    return name.replace("_", " ")


def number(value: float) -> str:
    """``12``, ``1,250``, ``0.4``: no more digits than are said; a second more than 56 days is ``56``."""
    if value == round(value) or abs(value) >= 100 or (abs(value) >= 1 and round(value, 1) == round(value)):
        return f"{value:,.0f}"
    return f"{value:.1f}" if abs(value) >= 1 else f"{value:.2g}"


def days_ago(days: "pd.Series[float]") -> "pd.Series[str]":
    """``last event 3 days ago``; empty without one."""
    whole = days.round(0)
    told = "last event " + whole.fillna(0).astype("int64").astype(str) + " days ago"
    told = told.where(whole != 1, "last event 1 day ago").where(whole > 0, "last event today")
    return told.where(days.notna(), "")
