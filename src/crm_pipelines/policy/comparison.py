"""What the policy is worth beside leaving plans alone and a discount for everybody, at the same budget.

Effects are learnt on one half of the customers and the policy is valued on the other, and the other way round, so that
no contact is used to choose what it is counted for.
"""

from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.config import PolicyParameters
from crm_pipelines.policy.adjustment import Adjusted, adjust, recommendation, retention_actions
from crm_pipelines.policy.contacts import Effects, learn_effects, policy_value

Floats = NDArray[np.float64]
POLICY_COLUMNS: Final = ("policy", "value", "low", "high", "cost_per_contact", "matched", "n")
ADJUSTED_BY_RISK, UNADJUSTED, FOR_EVERYBODY = "adjusted by risk", "no adjustment", "{} for everyone"


def effects_of(contacts: pd.DataFrame, at_risk: NDArray[np.bool_], policy: PolicyParameters) -> Effects:
    """Effects of the retention actions on customers at risk; the catalogue's where the log tells nothing.

    Args:
        contacts: with ``action``; and ``chance, spend`` where outcomes are known.
        at_risk: (contacts,) whose probability of churn is above the threshold.
    """
    names = retention_actions(policy)
    prior = np.array([policy.actions[name].effect for name in names])
    if not policy.learn_effects or not {"chance", "spend"} <= set(contacts.columns):
        return Effects(prior, np.zeros(len(names), dtype=np.int64))
    return learn_effects(contacts[at_risk], names, prior, recommendation(policy))


def first_actions(found: Adjusted, policy: PolicyParameters) -> NDArray[np.str_]:
    """(n,) name of the first action of each plan."""
    names = np.array([*retention_actions(policy), recommendation(policy)])
    return names[found.action[:, 0]]  # -1 is the last: a step of the original plan recommends


def compare_policies(
    contacts: pd.DataFrame, risk: pd.Series, value: pd.Series, may: pd.DataFrame, policy: PolicyParameters
) -> pd.DataFrame:
    """Value of one contact under each policy, by inverse propensity.

    Every policy spends the same on retention: the given budget, or what the adjusted plans take where none is given;
    the discount goes to customers in a random order until it is spent.

    Args:
        contacts: ``customer_id, action, chance, spend``, after the moment that ``risk`` is of.
        risk: probability of churn by customer id. value: worth by customer id. may: eligibility by customer id, a
            column for each retention action.
        policy: the policy.

    Returns:
        `POLICY_COLUMNS`, a row for each policy; no rows where nothing was logged with chances and outcomes.
    """
    if not {"chance", "spend"} <= set(contacts.columns):
        return pd.DataFrame(columns=list(POLICY_COLUMNS))
    contacts = contacts[contacts["customer_id"].isin(risk.index)].reset_index(drop=True)
    if contacts.empty:
        return pd.DataFrame(columns=list(POLICY_COLUMNS))
    ids = np.asarray(risk.index, dtype=str)
    draw = np.random.default_rng(policy.seed)
    half = draw.permutation(len(ids)) % 2
    names = retention_actions(policy)
    one = policy.model_copy(update={"budget": None if policy.budget is None else policy.budget / 2})
    everybody = min(names, key=lambda name: (name != "discount", -policy.actions[name].cost))
    chosen = {ADJUSTED_BY_RISK: {}, UNADJUSTED: {}, FOR_EVERYBODY.format(everybody): {}}  # type: dict[str, dict[str, str]]
    threshold = 0.5 if policy.threshold == "expected_value" else float(policy.threshold)
    spent = dict.fromkeys(chosen, 0.0)
    for side in (0, 1):
        learnt = contacts[contacts["customer_id"].isin(ids[half != side])]
        at_risk = learnt["customer_id"].map(risk).to_numpy(dtype=np.float64) > threshold
        effects = effects_of(learnt, at_risk, policy).share
        mine = ids[half == side]
        found = adjust(
            risk[mine].to_numpy(dtype=np.float64),
            value[mine].to_numpy(dtype=np.float64),
            effects,
            may.loc[mine].to_numpy(dtype=bool),
            np.zeros(len(mine), dtype=bool),
            np.zeros(len(mine), dtype=np.int64),
            one,
        )
        first = first_actions(found, policy)
        costs = np.array([policy.actions[name].cost if name in names else 0.0 for name in first])
        budget = float(costs.sum()) if one.budget is None else one.budget
        order = draw.permutation(len(mine))
        price = policy.actions[everybody].cost
        reached = order[: int(budget / price + 1e-9)] if price else order
        blanket = np.full(len(mine), recommendation(policy), dtype=object)
        blanket[reached] = everybody
        chosen[ADJUSTED_BY_RISK] |= dict(zip(mine, first, strict=True))
        chosen[UNADJUSTED] |= dict.fromkeys(mine, recommendation(policy))
        chosen[FOR_EVERYBODY.format(everybody)] |= dict(zip(mine, blanket, strict=True))
        spent[ADJUSTED_BY_RISK] += float(costs.sum())
        spent[FOR_EVERYBODY.format(everybody)] += price * len(reached)
    prices = {name: action.cost for name, action in policy.actions.items()}
    rows = []
    for name, by_customer in chosen.items():
        actions = contacts["customer_id"].map(by_customer).to_numpy(dtype=str)
        estimate = policy_value(contacts, actions, prices, seed=policy.seed)
        rows.append(
            (name, estimate.value, estimate.low, estimate.high, spent[name] / len(ids), estimate.matched, estimate.n)
        )
    return pd.DataFrame(rows, columns=list(POLICY_COLUMNS))
