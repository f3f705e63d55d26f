"""Today's customers on the page: how many of each kind, never who. The rows themselves stay in their files."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import pandas as pd

from crm_pipelines.reporting import sections
from crm_pipelines.reporting.charts import ClassBar, class_bars
from crm_pipelines.reporting.formatting import count, number
from crm_pipelines.reporting.results import ScoringResults
from crm_pipelines.reporting.view import Cell, Head, Label, Row, Table

DRIFT_SHOWN: Final = 20
COUNTED: Final = {
    "decision": "What is decided",
    "action_1": "First action",
    "churn_band": "Risk of churn",
    "risk_band": "Risk",
    "segment": "Segment",
    "confidence": "Confidence",
    "data": "Data behind a row",
}
"""Columns of ``customer_actions`` whose values are counted -> heading."""


@dataclass(frozen=True)
class ScoringView:
    """What the template shows of today's customers: counts, what first contacts are worth, and what drifted."""

    facts: tuple[tuple[str, str], ...]
    kinds: tuple[tuple[str, tuple[ClassBar, ...]], ...]
    contacts: Table | None
    drift: Table | None


def scoring_view(found: ScoringResults) -> ScoringView:
    """The view of today's customers."""
    keys = {
        "customers": "Customers", "with_plan": "With an action", "hold_out": "Held out", "with_churn": "With churn",
        "with_risk": "With a risk",
    }  # fmt: skip
    drift = found.overview.get("drift")
    moved = drift if isinstance(drift, Mapping) else {}
    facts = [(label, count(_number(found.overview, key))) for key, label in keys.items() if key in found.overview]
    facts += [(f"Drift, {level}", count(_number(moved, level))) for level in ("major", "moderate")]
    shown = ["system", "kind", "name", "measure", "value", "severity"]
    kinds = ((COUNTED[name], class_bars(found.counts[name])) for name in COUNTED if found.counts.get(name))
    return ScoringView(
        facts=tuple(facts),
        kinds=tuple((heading, bars) for heading, bars in kinds if len(bars) > 1),
        contacts=contact_table(found.contacts),
        drift=sections.plain_table(found.drift.head(DRIFT_SHOWN)[shown], "What drifted, the worst first"),
    )


def contact_table(contacts: pd.DataFrame) -> Table | None:
    """The list of contacts by its first action: how many, and the means of what is expected of them."""
    if contacts.empty:
        return None
    means = {"expected_value": ("Expected value", 2), "churn_probability": ("Churn", 3), "risk": ("Risk", 3)}
    columns = {name: head for name, head in means.items() if name in contacts and contacts[name].notna().any()}
    rows = [
        Row(
            Label(str(action).replace("_", " ") or "none"),
            (Cell(count(len(part))), *(Cell(number(part[name].mean(), columns[name][1])) for name in columns)),
        )
        for action, part in sorted(contacts.groupby("action_1"), key=lambda pair: -len(pair[1]))
    ]
    heads = (Head("Customers"), *(Head(label, "mean") for label, _ in columns.values()))
    return Table("Whom to contact first, by first action", "First action", heads, tuple(rows))


def _number(mapping: Mapping[str, Any], key: str) -> float | None:
    value = mapping.get(key)
    return float(value) if isinstance(value, int | float) else None
