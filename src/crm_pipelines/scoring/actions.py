"""One row per customer: what every system says, the plan that follows, and why."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd

from crm_pipelines.benchmark.plans import before_of
from crm_pipelines.columns import CUSTOMER_ID, PROBABILITY_PREFIX
from crm_pipelines.policy.adjustment import ADJUSTED
from crm_pipelines.policy.plans import RECORDS_ONLY, band_of
from crm_pipelines.scoring.behaviour import BASIS, CONTEXT, EVENTS, SEGMENT, UNUSUAL
from crm_pipelines.scoring.words import days_ago
from crm_pipelines.sequences.preparation import STEPS

ENOUGH: Final = "enough"
LOW, MEDIUM, HIGH = "low", "medium", "high"
ODD: Final = 0.1
"""Share of a customer's inputs outside what training held from which the scores deserve little confidence."""
UNDECIDED: Final = (0.35, 0.65)
"""Between these probabilities it is a toss-up."""
LIKELY: Final = 0.5
AT_ONCE: Final = 100_000
"""Customers whose reasons are put into words together."""

TOLD: Final = ("segment", "themes", "top_products")
MEASURED: Final = ("sentiment_now", "sentiment_trend", "purchase_probability")
OPTIONAL: Final = (TOLD[0], *MEASURED, *TOLD[1:])
"""Columns that other stages fill where they have been run (`extras`): texts, and numbers."""
COLUMNS: Final = (
    *(CUSTOMER_ID, "events", "days_since_last", "data", "confidence"),
    *("churn_probability", "churn_low", "churn_high", "churn_band"),
    *("risk", "risk_low", "risk_high", "risk_band", "amount_low", "amount_median", "amount_high"),
    *OPTIONAL,
    *(f"action_{step}" for step in range(1, STEPS + 1)),
    *(f"item_{step}" for step in range(1, STEPS + 1)),
    *("decision", "expected_value", "retention_cost"),
    *("reason_1", "reason_2", "reason_3"),
    "hold_out",
)
"""Columns that are always there, in this order; ``p_<behaviour>`` and the item they are of follow the first five."""


def customer_actions(
    plans: pd.DataFrame,
    behaviour: pd.DataFrame,
    churn: pd.DataFrame,
    risk: pd.DataFrame,
    last_seen: "pd.Series[float]",
    extras: pd.DataFrame,
    bands: Mapping[str, float],
    reasons: int,
) -> pd.DataFrame:
    """Join what was found of each customer; a system that is missing leaves its columns empty.

    Args:
        plans: of `policy.plans.engagement_plans`, a row for every customer.
        behaviour, churn, risk: of the systems, a row for each customer they know; without rows where one is missing.
        last_seen: days since the last event, by customer.
        extras: ``customer_id`` and any of `OPTIONAL`.
        bands: name -> risk below which a record belongs to it.
        reasons: most reasons given.
    """
    of_items = {f"reason_{step}": f"item_reason_{step}" for step in range(1, STEPS + 1)}
    table = plans.rename(columns=of_items).merge(
        behaviour.drop(columns=[EVENTS], errors="ignore"), on=CUSTOMER_ID, how="left"
    )
    names = {"low": "churn_low", "high": "churn_high", "reasons": "_churn", "data": "_churn_data"}
    names |= {"unusual": "_odd_1", "contradicted": "_doubt_1"}
    table = table.merge(churn.rename(columns=names)[[CUSTOMER_ID, *names.values()]], on=CUSTOMER_ID, how="left")
    names = {"low": "risk_low", "high": "risk_high", "reasons": "_risk", "data": "_risk_data"}
    names |= {"unusual": "_odd_2", "contradicted": "_doubt_2"}
    kept = ["risk", "amount_low", "amount_median", "amount_high"]
    table = table.merge(risk.rename(columns=names)[[CUSTOMER_ID, *kept, *names.values()]], on=CUSTOMER_ID, how="left")
    table["risk_band"] = band_of(table["risk"].to_numpy(dtype=np.float64), bands)
    table["days_since_last"] = table[CUSTOMER_ID].map(last_seen).round(1)
    for name in OPTIONAL:
        if name not in table:
            table[name] = pd.Series(index=table.index, dtype="float64" if name in MEASURED else "object")
    for name in set(extras.columns) & set(OPTIONAL):
        told = table[CUSTOMER_ID].map(extras.drop_duplicates(CUSTOMER_ID).set_index(CUSTOMER_ID)[name])
        table[name] = told.where(told.notna(), table[name])
    for name in TOLD:
        table[name] = table[name].astype("object").where(table[name].notna(), "")
    table["data"] = _data(table)
    table["confidence"] = _confidence(table)
    table = table.join(_reason_columns(table, reasons))
    for step in range(1, STEPS + 1):
        table[f"action_{step}"] = table[f"after_{step}"]
    chances = [name for name in behaviour.columns if name.startswith(PROBABILITY_PREFIX)]
    context = [name for name in (CONTEXT, BASIS) if name in table]
    for name in context:
        table[name] = table[name].fillna("")
    order = [*COLUMNS[:5], *chances, *context, *COLUMNS[5:]]
    return table[order].sort_values(CUSTOMER_ID, kind="stable", ignore_index=True)


CONTACT_COLUMNS: Final = (
    *(CUSTOMER_ID, "action_1", "churn_probability", "churn_band", "risk", "expected_value", "confidence"),
    *("reason_1", "reason_2"),
)


def contact_list(actions: pd.DataFrame, most: int = 100) -> pd.DataFrame:
    """`CONTACT_COLUMNS` of whom to contact first: of highest expected value, then likeliest to leave.

    Args:
        actions: of `customer_actions`. most: rows.
    """
    may = actions[(actions["action_1"] != "") & ~actions["hold_out"]]
    order = ["expected_value", "churn_probability", "risk", CUSTOMER_ID]
    ranked = may.sort_values(order, ascending=[False, False, False, True], kind="stable", na_position="last")
    return ranked.head(most)[list(CONTACT_COLUMNS)].reset_index(drop=True)


def empty_records() -> pd.DataFrame:
    """What stands in for churn or risk where there is none."""
    from crm_pipelines.scoring import records

    texts = (CUSTOMER_ID, "record_id", "data", "reasons")
    return pd.DataFrame({name: pd.Series(dtype="str" if name in texts else "float64") for name in records.COLUMNS})


def empty_behaviour() -> pd.DataFrame:
    """What stands in for behaviours where there is no model of them."""
    return pd.DataFrame({CUSTOMER_ID: pd.Series(dtype="str"), SEGMENT: pd.Series(dtype="str"), UNUSUAL: []})


def _data(table: pd.DataFrame) -> "pd.Series[str]":
    """`ENOUGH`, or what is short: the first that any system says."""
    found = table["data"].fillna("").astype(str)
    records_only = found == RECORDS_ONLY
    for name in ("_churn_data", "_risk_data"):
        said = table[name].fillna("").astype(str)
        found = found.mask(records_only & (said != ""), said)
        found = found.mask((found == ENOUGH) & (said != "") & (said != ENOUGH), said)
    return found.replace("", "nothing is known")


def _confidence(table: pd.DataFrame) -> list[str]:
    """`LOW` where data are short, inputs unlike those of training, or outcomes of those scored alike say otherwise than
    the probability; `HIGH` where churn is no toss-up.
    """
    odd = np.nanmax(
        np.column_stack(
            [
                pd.to_numeric(table[name], errors="coerce").to_numpy(dtype=np.float64)
                if name in table
                else np.full(len(table), np.nan)
                for name in (UNUSUAL, "_odd_1", "_odd_2")
            ]
            + [np.zeros(len(table))]
        ),
        axis=1,
    )
    chance = table["churn_probability"].fillna(table["risk"]).to_numpy(dtype=np.float64)
    contradicted = (table[["_doubt_1", "_doubt_2"]].astype("float64") > 0).any(axis=1).to_numpy()
    short = (table["data"] != ENOUGH).to_numpy() | (odd > ODD) | contradicted
    decided = ~np.isnan(chance) & ((chance < UNDECIDED[0]) | (chance > UNDECIDED[1]))
    return [str(level) for level in np.select([short, decided], [LOW, HIGH], MEDIUM)]


def _reason_columns(table: pd.DataFrame, most: int) -> pd.DataFrame:
    """The reasons side by side, empty where there are fewer; lists of words are made for some customers at a time."""
    parts = []
    for first in range(0, max(len(table), 1), AT_ONCE):
        words = _reasons(table.iloc[first : first + AT_ONCE], most)
        columns = {
            f"reason_{place + 1}": pd.Series([each[place] if place < len(each) else "" for each in words], dtype="str")
            for place in range(3)
        }
        parts.append(pd.DataFrame(columns))
    return pd.concat(parts, ignore_index=True).set_index(table.index)


def _reasons(table: pd.DataFrame, most: int) -> list[list[str]]:
    """Up to ``most`` of each customer: of leaving where that is likely, of the plan, of risk, then plain facts."""
    likely = (table["churn_probability"] > LIKELY).to_numpy() | (table["decision"] == ADJUSTED).to_numpy()
    plan = _plan_words(table)
    facts = zip(days_ago(table["days_since_last"]), _counted(table["events"]), strict=True)
    found = []
    rows = zip(likely, _split(table["_churn"]), plan, _split(table["_risk"]), facts, strict=True)
    for leaves, churn, planned, risk, told in rows:
        order: Sequence[str] = [*churn, *planned] if leaves else [*planned, *churn]
        found.append(
            list(dict.fromkeys(word for word in (*order[:2], *risk[:1], *order[2:], *risk[1:], *told) if word))[:most]
        )
    return found


def _plan_words(table: pd.DataFrame) -> list[list[str]]:
    """Why the first item is planned: the past event that speaks for it most."""
    first = [before_of(str(why)) for why in table["item_reason_1"].fillna("")]
    return [
        [f"comes back to {item}" if before == item else f"{item} often follows {before}"] if item and before else []
        for item, before in zip(table["item_1"].fillna(""), first, strict=True)
    ]


def _counted(events: "pd.Series[Any]") -> list[str]:
    return ["1 event in the log" if n == 1 else f"{int(n):,} events in the log" if n else "" for n in events.fillna(0)]


def _split(column: "pd.Series[Any]") -> list[list[str]]:
    return [str(text).split(" | ") if isinstance(text, str) and text else [] for text in column]
