"""The table for use: each customer's plan before and after the risk of churn was taken into account."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.columns import CUSTOMER_ID, MODEL
from crm_pipelines.config import EntitySpec, PolicyParameters
from crm_pipelines.errors import UserError
from crm_pipelines.policy import adjustment
from crm_pipelines.policy.comparison import compare_policies, evidence_of, judge, known_of
from crm_pipelines.policy.contacts import recent_contacts
from crm_pipelines.sequences.preparation import STEPS

RECORDS_ONLY: Final = "records only"
"""``data`` of a customer of whom there is no log."""
BEYOND: Final = "not among those planned for"
"""``decision`` for who was active too long ago to be among the ``customers`` of the plans' parameters."""


class Decisions(NamedTuple):
    """What is decided.

    Attributes:
        plans: one row per customer, in the order of their ids.
        policy: what the policy is worth (``comparison.POLICY_COLUMNS``).
        effects: ``action, effect, contacts``: which share of churners retention actions are taken to keep, over all
            customers, and how many contacts that rests on.
    """

    plans: pd.DataFrame
    policy: pd.DataFrame
    effects: pd.DataFrame


def engagement_plans(
    item_plans: pd.DataFrame,
    churn_scores: pd.DataFrame,
    contacts: pd.DataFrame,
    customers: pd.DataFrame,
    log: pd.DataFrame,
    attributes: EntitySpec,
    now: int,
    bands: Mapping[str, float],
    policy: PolicyParameters,
    do_not_contact: Mapping[str, tuple[str, ...]],
) -> Decisions:
    """Join items and churn by the policy.

    Args:
        item_plans: of `benchmark.plans.item_plans`. churn_scores: ``customer_id, churn_probability, churn_model``.
        contacts: of `contacts.read_contacts`; the latest before ``now`` count for the cap, and all of them teach what
            actions do and what the policy is worth where their chances and outcomes are known.
        customers: ``customer_id`` and attributes.
        log: ``customer_id, timestamp, behaviour`` of interactions; no rows where the source has no times.
        attributes: which attribute of the customers is what.
        now: UTC seconds; 0 where the source has no times.
        bands: name -> probability below which a customer belongs to it.
        policy: the policy.
        do_not_contact: attribute -> values that forbid any contact.

    Raises:
        UserError: a rule names an attribute that customers do not have, or the value of a customer is not a number.
    """
    table = item_plans.merge(churn_scores, on=CUSTOMER_ID, how="outer")
    table = table.sort_values(CUSTOMER_ID, kind="stable").reset_index(drop=True)
    table["events"] = table["events"].fillna(0).astype("int64")
    table["data"] = table["data"].fillna(RECORDS_ONLY)
    ids = table[CUSTOMER_ID].to_numpy(dtype=str)
    known = customers.drop_duplicates(CUSTOMER_ID).set_index(CUSTOMER_ID).reindex(ids).reset_index(drop=True)
    probability = table["churn_probability"].to_numpy(dtype=np.float64)
    declared = _value(known, len(table), policy)
    may = adjustment.eligible(known, policy)
    names = adjustment.retention_actions(policy)
    evidence = evidence_of(contacts, customers, log, attributes)
    model = evidence.model(policy) if evidence is not None else None
    judged = judge(None, table, probability, declared, policy)
    if model is not None:
        as_of_now = known_of(ids, np.full(len(ids), now), customers, log, attributes)[0]
        judged = judge(model, as_of_now, probability, declared, policy)
    held = adjustment.hold_out(ids, policy.hold_out, policy.seed)
    found = adjustment.adjust(
        judged.risk,
        judged.value,
        judged.effects,
        may,
        adjustment.forbidden(known, do_not_contact) | held,
        recent_contacts(contacts, ids, now, policy.within_days),
        policy,
    )
    recommend = adjustment.recommendation(policy)
    before = np.column_stack([_named(recommend, table[f"item_{step}"]) for step in range(1, STEPS + 1)])
    table["churn_band"] = band_of(probability, bands)
    table["value"] = judged.value
    for step in range(STEPS):
        table[f"before_{step + 1}"] = before[:, step]
    after = _after(found, before, np.asarray(names, dtype=object))
    for step in range(STEPS):
        table[f"after_{step + 1}"] = after[:, step]
    unplanned = (before == "").all(axis=1)
    nothing = (found.why == adjustment.PLANNED) & unplanned
    # Who has a history and no items, while others have some, came after as many customers as items are sought for.
    beyond = nothing & ~unplanned.all() & (table["events"] > 0).to_numpy()
    table["decision"] = np.select([held, beyond, nothing], ["held out", BEYOND, "no items to plan with"], found.why)
    table["retention_cost"], table["expected_value"] = found.cost, found.value
    table["hold_out"] = held
    columns = dict(zip(names, may.T, strict=True))
    risk, value = pd.Series(probability, index=ids), pd.Series(declared, index=ids)
    compared = compare_policies(evidence, now, risk, value, pd.DataFrame(columns, index=ids), policy)
    weight = np.nan_to_num(judged.risk)[:, None]
    kept = (judged.effects * weight).sum(axis=0) / max(float(weight.sum()), 1e-12)
    count = contacts["action"].value_counts().reindex(list(names)).fillna(0) if model is not None else 0
    learnt = pd.DataFrame({"action": names, "effect": kept, "contacts": np.asarray(count, dtype=np.int64)})
    return Decisions(table.rename(columns={MODEL: "item_model"}), compared, learnt)


def _value(attributes: pd.DataFrame, n: int, policy: PolicyParameters) -> NDArray[np.float64]:
    """(n,) worth of each customer; the common one where the attribute is missing."""
    if policy.value_column is None:
        return np.full(n, policy.value)
    if policy.value_column not in attributes.columns:
        raise UserError(f"'policy.value_column' names '{policy.value_column}', which is no attribute of the customers")
    found = pd.to_numeric(attributes[policy.value_column], errors="coerce")
    return np.asarray(found.fillna(policy.value), dtype=np.float64)


def band_of(probability: NDArray[np.float64], bands: Mapping[str, float]) -> list[str]:
    """Name of the band that each probability (n,) belongs to; empty where it is nan."""
    names = list(bands)
    at = np.searchsorted(np.asarray(list(bands.values())), probability, side="right")
    return ["" if np.isnan(p) else names[min(int(a), len(names) - 1)] for p, a in zip(probability, at, strict=True)]


def _named(recommend: str, items: "pd.Series[str]") -> NDArray[np.object_]:
    """``recommend 123``; nothing where no item is planned."""
    known = items.fillna("").astype(str)
    return np.asarray([f"{recommend} {item}" if item else "" for item in known], dtype=object)


def _after(found: adjustment.Adjusted, before: NDArray[np.object_], names: NDArray[np.object_]) -> NDArray[np.object_]:
    """(n, 3) the steps that may be carried out, by name."""
    place = np.arange(STEPS)
    planned = np.take_along_axis(before, np.clip(found.step, 0, STEPS - 1), axis=1)
    steps = np.where(found.action >= 0, names[np.maximum(found.action, 0)], planned)
    return np.where(place < found.allowed[:, None], steps, "")
