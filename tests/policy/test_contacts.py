"""What a log of contacts tells, against what is true in the world it was drawn from."""

from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest

from crm_pipelines.config import ContactsSpec, PolicyParameters
from crm_pipelines.errors import UserError
from crm_pipelines.policy.comparison import ADJUSTED_BY_RISK, UNADJUSTED, compare_policies
from crm_pipelines.policy.contacts import learn_effects, policy_value, read_contacts, recent_contacts
from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.contacts import ACTIONS, COSTS, contact_table, expected_profit, lost_probability
from crm_pipelines.simulate.world import build_world
from crm_pipelines.sources import RawFolder

RECOMMEND, DISCOUNT = ACTIONS.index("recommend"), ACTIONS.index("discount")
PRICES = dict(zip(ACTIONS, COSTS, strict=True))
NAMES = np.array(ACTIONS)


@pytest.fixture(scope="module")
def town():
    """A world with enough contacts to measure on, its truth, and its log of contacts."""
    parameters = SimulateParameters(customers=3000, items=420, interactions=24_000)
    customers = build_world(parameters).truth.customers
    table = contact_table(parameters, customers)
    table["customer_id"] = table["customer_id"].astype(str)
    return parameters, customers, table


def value_of(town, chosen: np.ndarray):
    """Estimated value of a policy that does ``chosen`` (customers,) always."""
    _, customers, table = town
    place = pd.Series(np.arange(customers.size), index=customers.identifier.astype(str))
    return policy_value(table.rename(columns={"chance": "chance"}), NAMES[chosen[place[table["customer_id"]]]], PRICES)


def truth_of(town, chosen: np.ndarray) -> float:
    """The same, as it is."""
    parameters, customers, table = town
    weight = table.groupby("customer_id").size().reindex(customers.identifier.astype(str)).to_numpy()
    profit = expected_profit(parameters, customers)[np.arange(customers.size), chosen]
    return float(np.average(profit, weights=weight))


class TestEstimator:
    @pytest.mark.parametrize("action", range(1, len(ACTIONS)))
    def test_the_truth_lies_near_the_estimate_of_a_constant_policy(self, town, action):
        chosen = np.full(town[1].size, action)
        found = value_of(town, chosen)
        assert found.value == pytest.approx(truth_of(town, chosen), abs=1.5)
        assert found.low < found.value < found.high

    def test_naive_means_mislead_and_the_estimate_does_not(self, town):
        """Discounts went to established customers more often, who are worth and stay more or less than others."""
        _, customers, table = town
        chosen = np.full(customers.size, DISCOUNT)
        weights = 1 / table["chance"]
        mine = table["action"] == "discount"
        assert value_of(town, chosen).value == pytest.approx(
            (table["spend"][mine] * weights[mine]).sum() / weights[mine].sum() - PRICES["discount"]
        )

    def test_a_policy_that_was_never_followed_has_no_value(self, town):
        table = town[2].head(50)
        found = policy_value(table, np.full(len(table), "call"), PRICES)
        assert np.isnan(found.value)
        assert found.matched == 0


class TestPolicy:
    def test_who_is_near_leaving_is_worth_a_discount_and_others_are_not(self, town):
        """Adjusting by risk beats both no adjustment and as many discounts at random, in truth and by the estimate."""
        parameters, customers, _ = town
        rng = np.random.default_rng(1)
        risk = lost_probability(parameters, customers)[:, RECOMMEND]
        near = risk > np.quantile(risk, 0.75)
        adjusted = np.where(near, DISCOUNT, RECOMMEND)
        anybody = np.where(rng.permutation(near), DISCOUNT, RECOMMEND)
        never = np.full(customers.size, RECOMMEND)
        assert truth_of(town, adjusted) > truth_of(town, anybody) > truth_of(town, never) - 1
        assert value_of(town, adjusted).value > value_of(town, anybody).value
        assert value_of(town, adjusted).value > value_of(town, never).value

    def test_the_comparison_finds_the_same(self, town):
        parameters, customers, table = town
        ids = customers.identifier.astype(str)
        risk = pd.Series(lost_probability(parameters, customers)[:, RECOMMEND], index=ids)
        policy = PolicyParameters.model_validate(
            {
                "actions": {
                    "recommend": {"kind": "recommend", "cost": 0.2},
                    "discount": {"kind": "retention", "cost": 6.0},
                    "loyalty_offer": {"kind": "retention", "cost": 4.0},
                    "proactive_support": {"kind": "retention", "cost": 5.0},
                }
            }
        )
        may = pd.DataFrame(np.ones((len(ids), 3), dtype=bool), index=ids)
        found = compare_policies(table, risk, pd.Series(50.0, index=ids), may, policy).set_index("policy")
        best = found.loc[ADJUSTED_BY_RISK, "value"]
        assert best > found.loc[UNADJUSTED, "value"]
        assert best > found.loc["discount for everyone", "value"]
        assert found.loc[ADJUSTED_BY_RISK, "cost_per_contact"] == pytest.approx(
            found.loc["discount for everyone", "cost_per_contact"], rel=0.01
        )

    def test_effects_of_actions_on_customers_at_risk_are_found(self, town):
        parameters, customers, table = town
        lost = lost_probability(parameters, customers)
        near = lost[:, RECOMMEND] > 0.5
        ids = set(customers.identifier[near].astype(str))
        contacts = table[table["customer_id"].isin(ids)]
        found = learn_effects(contacts, ("discount", "loyalty_offer"), np.array([0.2, 0.2]), "recommend")
        true = 1 - lost[near].mean(axis=0) / lost[near][:, RECOMMEND].mean()
        assert found.share[0] == pytest.approx(true[DISCOUNT], abs=0.08)
        assert found.share[1] == pytest.approx(max(true[ACTIONS.index("loyalty_offer")], 0), abs=0.08)

    def test_without_contacts_the_catalogue_is_believed(self):
        nothing = pd.DataFrame({"action": ["recommend"], "chance": [0.5], "spend": [0.0]})
        found = learn_effects(nothing, ("discount",), np.array([0.25]), "recommend")
        assert found.share.tolist() == [0.25]
        assert found.contacts.tolist() == [0]


def test_contacts_are_counted_within_days_and_before_now():
    contacts = pd.DataFrame(
        {
            "customer_id": ["a", "a", "a", "b", "b"],
            "sent_at": [100_000, 900_000, 1_000_001, 950_000, 960_000],
            "action": ["discount", "discount", "discount", "none", "recommend"],
        }
    )
    assert recent_contacts(contacts, np.array(["a", "b", "c"]), 1_000_000, 5).tolist() == [1, 1, 0]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("customer_id,sent_at,action\na,1,x\nb,soon,x\n", "column 'sent_at', row 2: 'soon' is not a number"),
        ("customer_id,sent_at,action,chance,spend\na,1,x,0,3\n", "column 'chance', row 1"),
        ("customer_id,sent_at\na,1\n", "has no column 'action'"),
        ("customer_id,sent_at,action\n,1,x\n", "row 1: a contact needs customer and action"),
    ],
    ids=["time", "chance", "column", "customer"],
)
def test_what_is_wrong_with_a_log_of_contacts_is_named(tmp_path: Path, text, says):
    (tmp_path / "contacts.csv").write_text(text)
    with pytest.raises(UserError, match=says):
        read_contacts(RawFolder(tmp_path, ibis.duckdb.connect()), ContactsSpec(file="contacts.csv"))
