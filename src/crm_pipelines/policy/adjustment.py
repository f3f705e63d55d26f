"""A plan adjusted by the risk of churn: paper B's integration (equations 8 to 10) under the rules of a CRM team.

The paper adds "retention actions" to the plan where the probability of churn exceeds a threshold, scaled by a strength
alpha through a function f that it does not give. Here f is the share of the plan's steps that retention actions take:
(P - t) / (1 - t) of them, times alpha, rounded up. So a customer just above the threshold t gets one, and at alpha = 1
only certain churn changes the whole plan. Which ones: those of highest expected value,

    value x P x effect - cost,

that the customer is eligible for, each once. With ``threshold: expected_value`` t is, for each customer, the
probability from which the best action pays.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.attributes import check_spelling, is_among
from crm_pipelines.config import PolicyParameters
from crm_pipelines.errors import UserError
from crm_pipelines.sequences.preparation import STEPS

Floats = NDArray[np.float64]
NOBODY: Final = -1
"""Stands for a step of the original plan in `Adjusted.action`."""

PLANNED, ADJUSTED, FORBIDDEN, CAPPED, BUDGET_SPENT, UNKNOWN = (
    "as planned",
    "adjusted",
    "do not contact",
    "contacted often enough",
    "adjustment over budget",
    "churn unknown",
)


class Adjusted(NamedTuple):
    """What becomes of n plans.

    Attributes:
        action: (n, 3) number of the retention action at each step; `NOBODY` for one of the original plan's.
        step: (n, 3) which step of the original plan stands there, `NOBODY` where a retention action does.
        allowed: (n,) how many of the steps may be carried out.
        why: (n,) what was done, in words.
        cost: (n,) of the retention actions among the steps allowed.
        value: (n,) expected value of the first of them.
    """

    action: NDArray[np.int64]
    step: NDArray[np.int64]
    allowed: NDArray[np.int64]
    why: NDArray[np.object_]
    cost: Floats
    value: Floats


def retention_actions(policy: PolicyParameters) -> tuple[str, ...]:
    """Names of the retention actions, in the order of the catalogue."""
    return tuple(name for name, action in policy.actions.items() if action.kind == "retention")


def recommendation(policy: PolicyParameters) -> str:
    """Name of the action that carries the items."""
    return next(name for name, action in policy.actions.items() if action.kind == "recommend")


def eligible(customers: pd.DataFrame, policy: PolicyParameters) -> NDArray[np.bool_]:
    """(n, R) which retention actions each customer may get.

    Raises:
        UserError: an action asks for an attribute that customers do not have, or for a value that they write otherwise.
    """
    columns = [
        _matches(customers, policy.actions[name].attributes, f"policy.actions.{name}.attributes")
        for name in retention_actions(policy)
    ]
    return np.column_stack(columns)


def forbidden(customers: pd.DataFrame, rules: Mapping[str, tuple[str, ...]]) -> NDArray[np.bool_]:
    """(n,) who may not be contacted; a missing attribute forbids, since nobody has said yes.

    Args:
        customers: n rows of attributes.
        rules: attribute -> values that forbid.

    Raises:
        UserError: a rule asks for an attribute that customers do not have, or for a value that they write otherwise.
    """
    found = np.zeros(len(customers), dtype=bool)
    for name, values in rules.items():
        column = _column(customers, name, "do_not_contact")
        check_spelling(column, values, f"do_not_contact.{name}")
        found |= (column.isna() | is_among(column, values)).to_numpy(dtype=bool)
    return found


def _matches(customers: pd.DataFrame, wanted: Mapping[str, tuple[str, ...]], where: str) -> NDArray[np.bool_]:
    found = np.ones(len(customers), dtype=bool)
    for name, values in wanted.items():
        column = _column(customers, name, where)
        check_spelling(column, values, f"{where}.{name}")
        found &= is_among(column, values).to_numpy(dtype=bool)
    return found


def _column(customers: pd.DataFrame, name: str, where: str) -> "pd.Series[str]":
    if name not in customers.columns:
        known = ", ".join(str(column) for column in customers.columns) or "none"
        raise UserError(f"'{where}' names '{name}', which is no attribute of the customers; there are: {known}")
    return customers[name]


def expected_values(probability: Floats, value: Floats, effects: Floats, costs: Floats) -> Floats:
    """(n, R) value x P x effect - cost of each retention action.

    Args:
        probability, value: (n,). effects: (n, R) or (R,), of each action. costs: (R,).
    """
    found: Floats = value[:, None] * probability[:, None] * effects - costs
    return found


def thresholds(
    policy: PolicyParameters, value: Floats, effects: Floats, costs: Floats, may: NDArray[np.bool_]
) -> Floats:
    """(n,) probability from which each customer's plan changes; 1 for whom no action ever pays."""
    if policy.threshold != "expected_value":
        return np.full(len(value), float(policy.threshold))
    gain = value[:, None] * np.broadcast_to(effects, may.shape)
    least = np.divide(costs, gain, out=np.full(may.shape, np.inf), where=may & (gain > 0))
    return np.asarray(np.minimum(least.min(axis=1), 1.0))


def adjust(
    probability: Floats,
    value: Floats,
    effects: Floats,
    may: NDArray[np.bool_],
    blocked: NDArray[np.bool_],
    contacts: NDArray[np.int64],
    policy: PolicyParameters,
) -> Adjusted:
    """Put retention actions into plans, under every rule.

    The budget goes to the plans in which the first retention action has the highest expected value for what it costs.

    Args:
        probability: (n,) of churn, nan where unknown. value: (n,) of a customer who stays.
        effects: (n, R) or (R,) share of churners whom each action keeps.
        may: (n, R) who is eligible for what. blocked: (n,) who may not be contacted.
        contacts: (n,) contacts each has had within the days of the cap.
        policy: threshold, strength, mode, costs and rules.
    """
    names = retention_actions(policy)
    n = len(probability)
    costs = np.array([policy.actions[name].cost for name in names])
    known = ~np.isnan(probability)
    p = np.where(known, probability, 0.0)
    worth = np.where(may, expected_values(p, value, effects, costs), -np.inf)
    order = np.argsort(-worth, axis=1, kind="stable")
    cut = thresholds(policy, value, effects, costs, may)
    over = np.divide(p - cut, 1 - cut, out=np.zeros(n), where=cut < 1)
    wanted = np.clip(np.ceil(policy.strength * STEPS * over - 1e-9), 0, STEPS).astype(np.int64)
    paying = may.sum(axis=1)
    if policy.threshold == "expected_value":
        paying = (worth > 0).sum(axis=1)
    count = np.where(known & (p > cut), np.minimum(wanted, paying), 0)
    allowed = np.where(blocked, 0, np.clip(policy.most_contacts - contacts, 0, STEPS)).astype(np.int64)
    place = np.arange(STEPS)
    padded = np.full((n, STEPS), NOBODY, dtype=np.int64)
    padded[:, : min(STEPS, len(names))] = order[:, :STEPS]
    best = np.where(count > 0, worth.max(axis=1, initial=-np.inf), 0.0)

    def spent(steps: NDArray[np.int64]) -> Floats:
        inside = (place < np.minimum(steps, allowed)[:, None]) & (padded >= 0)
        found: Floats = (costs[np.maximum(padded, 0)] * inside).sum(axis=1)
        return found

    over_budget = np.zeros(n, dtype=bool)
    if policy.budget is not None:
        bill = spent(count)
        ranked = np.argsort(-best / np.maximum(bill, 1e-12), kind="stable")
        ranked = ranked[bill[ranked] > 0]
        over_budget[ranked] = np.cumsum(bill[ranked]) > policy.budget
        count = np.where(over_budget, 0, count)
    retention = place < count[:, None]
    shift = 0 if policy.mode == "replace" else count[:, None]
    action = np.where(retention, padded, NOBODY)
    step = np.where(retention, NOBODY, place - shift)
    why = np.full(n, PLANNED, dtype=object)
    why[count > 0] = ADJUSTED
    why[over_budget] = BUDGET_SPENT
    why[~known] = UNKNOWN
    why[allowed == 0] = CAPPED
    why[blocked] = FORBIDDEN
    return Adjusted(action, step, allowed, why, spent(count), np.where(count > 0, best, 0.0))


def hold_out(customer_ids: NDArray[np.str_], share: float, seed: int) -> NDArray[np.bool_]:
    """(n,) who is held out: a share of all, the same for the same ids in any order.

    Exactly ``round(share x n)`` of them: those whose hash is lowest. So whoever is held out stays so when others come
    or go, but for the few at the border.
    """
    n = round(share * len(customer_ids))
    marks = [hashlib.blake2b(f"{seed}:{name}".encode(), digest_size=8).digest() for name in customer_ids]
    found = np.zeros(len(customer_ids), dtype=bool)
    found[np.argsort(np.frombuffer(b"".join(marks), dtype=">u8"), kind="stable")[:n]] = True
    return found
