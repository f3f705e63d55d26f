"""``contacts.csv``: whom the shop contacted how, drawn at random with known chances, and what became of them.

Every week, from two before the end of the period to six after it, each customer who has arrived gets one action or
none, by a chance that is written beside it. Whether the customer is still one thirty days later follows the planted
hazard of churn, lowered by the action as far as this customer responds to it. A discount moves bargain hunters, a
loyalty offer the loyal, support the dissatisfied, an e-mail everybody a little, a recommendation browsers most.
"""

from typing import Final

import numpy as np
import pandas as pd

from crm_pipelines.simulate.config import SEGMENTS, SimulateParameters
from crm_pipelines.simulate.population import CHURN_PER_30_DAYS, SATISFACTION_HAZARD, Customers
from crm_pipelines.simulate.streams import FloatArray, choice_by_row, sigmoid, stream, texts

NONE: Final = "none"
ACTIONS: Final = (NONE, "recommend", "discount", "follow_up_email", "loyalty_offer", "proactive_support")
WEEKS_BEFORE: Final = 2
WEEKS_AFTER: Final = 6
WEEK: Final = 7 * 86_400
ESTABLISHED_DAYS: Final = 365
"""Older customers were sent discounts more often: what was done was no fair lottery, so naive means mislead."""
CHANCES: Final = np.array([[0.25, 0.2, 0.1, 0.15, 0.15, 0.15], [0.15, 0.15, 0.3, 0.1, 0.2, 0.1]])
"""Chance of each action for new and for established customers."""
COSTS: Final = np.array([0.0, 0.2, 6.0, 0.5, 4.0, 5.0])
"""Of each action, in dollars; a discount's is the margin given away."""
GONE: Final = 3.0
"""How much more likely whoever had fallen silent in the period is to be lost (log-odds)."""

_RESPONSE: Final = {
    "bargain": (0.0, 0.4, 5.2, 0.4, 0.4, 0.0),
    "loyal": (0.0, 0.4, 0.4, 0.6, 4.4, 0.0),
    "browser": (0.0, 1.0, 2.0, 0.8, 0.0, 0.0),
    "gift": (0.0, 0.6, 3.2, 0.8, 0.8, 0.0),
}
"""How far an action lowers the log-odds of being lost, by segment: far, so that 600 customers show it."""
_SUPPORT: Final = 4.8
"""The same of support, for customers whose satisfaction is below average by half a deviation or more."""


def contact_value(customers: Customers) -> FloatArray:
    """(customers,) dollars that a customer who stays spends in thirty days, on average."""
    return np.asarray(40.0 + 60.0 * np.sqrt(customers.activity), dtype=np.float64)


def lost_probability(parameters: SimulateParameters, customers: Customers) -> FloatArray:
    """(customers, actions) what is true: the probability of being lost within thirty days of each action."""
    hazard = CHURN_PER_30_DAYS[customers.segment] * np.exp(-SATISFACTION_HAZARD * customers.satisfaction)
    base = np.log(np.expm1(np.clip(1.5 * hazard, 0.05, 3.0)))  # log-odds of 1 - exp(-hazard)
    base = base + GONE * customers.churned(parameters.horizon)
    response = np.array([_RESPONSE[segment] for segment in SEGMENTS])[customers.segment]  # (customers, actions)
    response[:, ACTIONS.index("proactive_support")] += _SUPPORT * (customers.satisfaction < -0.5)
    return sigmoid(base[:, None] - response)


def expected_profit(parameters: SimulateParameters, customers: Customers) -> FloatArray:
    """(customers, actions) what is true: expected spend less the cost of the action."""
    stays = 1.0 - lost_probability(parameters, customers)
    return np.asarray(stays * contact_value(customers)[:, None] - COSTS, dtype=np.float64)


def contact_table(parameters: SimulateParameters, customers: Customers) -> pd.DataFrame:
    """``contacts.csv``: one row for each customer and week, ordered by week; ``action`` may be ``none``."""
    rng = stream(parameters.seed, "contacts")
    lost = lost_probability(parameters, customers)
    value = contact_value(customers)
    chances = CHANCES[(customers.tenure_days > ESTABLISHED_DAYS).astype(np.int64)]
    parts = []
    for week in range(-WEEKS_BEFORE, WEEKS_AFTER):
        start = parameters.horizon + week * WEEK
        c = np.flatnonzero(customers.arrival < start)
        action = choice_by_row(rng, chances[c])
        stays = rng.random(len(c)) >= lost[c, action]
        spend = np.where(stays, value[c] * rng.gamma(16.0, 1 / 16, len(c)), 0.0)
        parts.append(
            pd.DataFrame(
                {
                    "customer_id": customers.identifier[c],
                    "sent_at": parameters.epoch + start + rng.integers(9 * 3600, 18 * 3600, len(c)),
                    "action": texts(ACTIONS)[action],
                    "chance": chances[c, action],
                    "stayed": stays.astype(np.int64),
                    "spend": np.round(spend, 2),
                }
            )
        )
    return pd.concat(parts, ignore_index=True)
