"""What the policy is worth beside leaving plans alone and a discount for everybody, at the same budget.

Answers are learnt from one half of the customers and the policy is valued on the contacts of the other, and the other
way round, so that no contact is used to choose what it is counted for.
"""

from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.columns import CUSTOMER_ID
from crm_pipelines.config import EntitySpec, PolicyParameters
from crm_pipelines.errors import UserError
from crm_pipelines.policy.adjustment import Adjusted, adjust, recommendation, retention_actions
from crm_pipelines.policy.contacts import OUTCOMES, policy_value
from crm_pipelines.policy.response import ResponseModel, activity

Floats = NDArray[np.float64]
POLICY_COLUMNS: Final = ("policy", "value", "low", "high", "cost_per_contact", "matched", "n")
ADJUSTED_BY_RISK, UNADJUSTED, FOR_EVERYBODY = "adjusted by risk", "no adjustment", "{} for everyone"
LEAST_CONTACTS: Final = 30
LEAST_CUSTOMERS: Final = 50
MOST_CONTACTS: Final = 100_000
"""Contacts of every action in the catalogue, and customers, below which nothing is learnt from a log of contacts; and
how many contacts are enough to learn from and to value policies on."""


class Evidence(NamedTuple):
    """Logged contacts with known chances and outcomes, and what was known of their customers then.

    Attributes:
        contacts: ``customer_id, sent_at, action, chance, spend``, n rows.
        customers: n rows, as of the contact.
        numeric, categorical: their columns.
    """

    contacts: pd.DataFrame
    customers: pd.DataFrame
    numeric: tuple[str, ...]
    categorical: tuple[str, ...]

    def rows(self, chosen: NDArray[np.bool_]) -> "Evidence":
        """Some of the contacts (n,)."""
        return self._replace(
            contacts=self.contacts[chosen].reset_index(drop=True),
            customers=self.customers[chosen].reset_index(drop=True),
        )

    def model(self, policy: PolicyParameters) -> ResponseModel | None:
        """Answers to the actions of the catalogue; None where the contacts are too few to learn from."""
        names = (recommendation(policy), *retention_actions(policy))
        count = self.contacts["action"].value_counts().reindex(list(names)).fillna(0)
        lost = self.contacts["spend"] <= 0
        few = count.min() < LEAST_CONTACTS or self.contacts[CUSTOMER_ID].nunique() < LEAST_CUSTOMERS
        if few or lost.nunique() < 2:
            return None
        return ResponseModel(names, self.numeric, self.categorical).fit(
            self.customers,
            self.contacts["action"].to_numpy(dtype=str),
            self.contacts["spend"].to_numpy(dtype=np.float64),
            self.contacts["chance"].to_numpy(dtype=np.float64),
            self.contacts[CUSTOMER_ID].to_numpy(dtype=str),
        )


def known_of(
    customer_ids: NDArray[np.str_],
    moments: NDArray[np.int64],
    customers: pd.DataFrame,
    log: pd.DataFrame,
    spec: EntitySpec,
) -> tuple[pd.DataFrame, tuple[str, ...], tuple[str, ...]]:
    """(n) rows of what is known of customers at given moments, its numeric and its categorical columns.

    Args:
        customer_ids, moments: (n,). customers: ``customer_id`` and attributes. log: of interactions.
        spec: which attribute is what; sensitive ones are left out.

    Raises:
        UserError: an attribute is called as what is computed of the log.
    """
    past = activity(log, customer_ids, moments)
    attributes = customers.drop_duplicates(CUSTOMER_ID).set_index(CUSTOMER_ID).reindex(customer_ids)
    numeric = tuple(name for name in spec.numeric if name in attributes.columns)
    categorical = tuple(name for name in spec.categorical if name in attributes.columns)
    if taken := [name for name in (*numeric, *categorical) if name in past.columns]:
        raise UserError(
            f"'customers' declares '{taken[0]}', which is the name of what is computed of each customer for "
            "'contacts'; rename that column in the file and the block, or leave it out"
        )
    table = pd.concat([past, attributes[[*numeric, *categorical]].reset_index(drop=True)], axis=1)
    return table, (*past.columns, *numeric), categorical


def evidence_of(
    contacts: pd.DataFrame, customers: pd.DataFrame, log: pd.DataFrame, spec: EntitySpec
) -> Evidence | None:
    """The contacts with chances and outcomes, of a sample of customers where they are many; None without any."""
    if not set(OUTCOMES) <= set(contacts.columns) or contacts.empty or log.empty:
        return None
    contacts = _of_some(contacts).reset_index(drop=True)
    table, numeric, categorical = known_of(
        contacts[CUSTOMER_ID].to_numpy(dtype=str), contacts["sent_at"].to_numpy(dtype=np.int64), customers, log, spec
    )
    return Evidence(contacts, table, numeric, categorical)


def _of_some(contacts: pd.DataFrame) -> pd.DataFrame:
    """All contacts of so many customers, drawn at random, that about `MOST_CONTACTS` are left (decision 024)."""
    if len(contacts) <= MOST_CONTACTS:
        return contacts
    code, ids = pd.factorize(contacts[CUSTOMER_ID], sort=True)
    drawn = np.zeros(len(ids), dtype=bool)
    size = round(len(ids) * MOST_CONTACTS / len(contacts))
    drawn[np.random.default_rng(0).choice(len(ids), size, replace=False)] = True
    return contacts[drawn[code]]


class Judged(NamedTuple):
    """What a plan is adjusted by, for n customers.

    Attributes:
        risk: (n,) probability of churn, nan where unknown. effects: (n, R) share of churners whom each action keeps.
        value: (n,) of one who stays.
    """

    risk: Floats
    effects: Floats
    value: Floats


def judge(
    model: ResponseModel | None, table: pd.DataFrame, risk: Floats, value: Floats, policy: PolicyParameters
) -> Judged:
    """Risk, effects and value by what was learnt, or by churn and the catalogue where nothing was.

    With a threshold on the probability of churn, that of the churn model decides; ``expected_value`` asks what is lost
    without an action, which the answers to contacts tell better where there are any.

    Args:
        model: answers learnt. table: n customers as `known_of` has them.
        risk: (n,) of the churn model. value: (n,) as declared.
    """
    names = retention_actions(policy)
    if model is None or not policy.learn_effects:
        prior = np.array([policy.actions[name].effect for name in names])
        return Judged(risk, np.tile(prior, (len(risk), 1)), value)
    found = model.answers(table)
    base = found.lost[:, :1]
    effects = np.clip(1.0 - found.lost[:, 1:] / base, 0.0, 1.0)
    worth = value if policy.value_column is not None else found.worth
    return Judged(base[:, 0] if policy.threshold == "expected_value" else risk, effects, worth)


def first_actions(found: Adjusted, policy: PolicyParameters) -> NDArray[np.str_]:
    """(n,) name of the first action of each plan."""
    names = np.array([*retention_actions(policy), recommendation(policy)])
    return names[found.action[:, 0]]  # -1 is the last: a step of the original plan recommends


def policies(
    evidence: Evidence,
    now: int,
    risk: pd.Series,
    value: pd.Series,
    may: pd.DataFrame,
    policy: PolicyParameters,
) -> tuple[pd.DataFrame, dict[str, NDArray[np.str_]]]:
    """The contacts on which policies can be compared (n rows), and what each policy would have done (n,).

    Every policy spends the same on retention: the given budget, or what the adjusted plans take where none is given;
    the discount goes to contacts in a random order until it is spent. A threshold on churn is valued on contacts after
    ``now`` alone, since the risk has seen what came before.

    Args:
        evidence: logged contacts. now: UTC seconds.
        risk: probability of churn by customer id. value: worth by customer id. may: eligibility by customer id, a
            column for each retention action; contacts of other customers are left out.
        policy: the policy.
    """
    usable = evidence.contacts[CUSTOMER_ID].isin(may.index).to_numpy(dtype=bool)
    if policy.threshold != "expected_value":
        usable = usable & evidence.contacts[CUSTOMER_ID].isin(risk.dropna().index).to_numpy(dtype=bool)
        usable = usable & (evidence.contacts["sent_at"] >= now).to_numpy(dtype=bool)
    evidence = evidence.rows(usable)
    whose = evidence.contacts[CUSTOMER_ID].to_numpy(dtype=str)
    ids, place = np.unique(whose, return_inverse=True)
    draw = np.random.default_rng(policy.seed)
    half = (draw.permutation(len(ids)) % 2)[place]
    names = retention_actions(policy)
    everybody = min(names, key=lambda name: (name != "discount", -policy.actions[name].cost))
    prices = {name: policy.actions[name].cost for name in names}
    plain = np.full(len(whose), recommendation(policy), dtype=object)
    adjusted, blanket = plain.copy(), plain.copy()
    for side in (0, 1):
        mine = half == side
        part = evidence.rows(mine)
        judged = judge(
            evidence.rows(~mine).model(policy),
            part.customers,
            risk.reindex(whose[mine]).to_numpy(dtype=np.float64),
            value.reindex(whose[mine]).to_numpy(dtype=np.float64),
            policy,
        )
        share = None if policy.budget is None else policy.budget * mine.sum() / len(may)
        found = adjust(
            judged.risk,
            judged.value,
            judged.effects,
            may.loc[whose[mine]].to_numpy(dtype=bool),
            np.zeros(mine.sum(), dtype=bool),
            np.zeros(mine.sum(), dtype=np.int64),
            policy.model_copy(update={"budget": share}),
        )
        adjusted[mine] = first_actions(found, policy)
        spent = sum(prices.get(name, 0.0) for name in adjusted[mine]) if share is None else share
        order = draw.permutation(np.flatnonzero(mine))
        reached = int(spent / prices[everybody] + 1e-9) if prices[everybody] else len(order)
        blanket[order[:reached]] = everybody
    chosen = {ADJUSTED_BY_RISK: adjusted, UNADJUSTED: plain, FOR_EVERYBODY.format(everybody): blanket}
    return evidence.contacts, {name: actions.astype(str) for name, actions in chosen.items()}


def compare_policies(
    evidence: Evidence | None,
    now: int,
    risk: pd.Series,
    value: pd.Series,
    may: pd.DataFrame,
    policy: PolicyParameters,
) -> pd.DataFrame:
    """Value of one contact under each of the `policies`, by inverse propensity.

    Returns:
        `POLICY_COLUMNS`, a row for each policy; no rows where nothing was logged with chances and outcomes.
    """
    rows = []
    if evidence is not None:
        contacts, chosen = policies(evidence, now, risk, value, may, policy)
        prices = {name: action.cost for name, action in policy.actions.items()}
        retention = retention_actions(policy)
        for name, actions in chosen.items() if len(contacts) else ():
            estimate = policy_value(contacts, actions, prices, seed=policy.seed)
            cost = np.mean([prices[action] if action in retention else 0.0 for action in actions])
            rows.append((name, estimate.value, estimate.low, estimate.high, cost, estimate.matched, estimate.n))
    return pd.DataFrame(rows, columns=list(POLICY_COLUMNS))
