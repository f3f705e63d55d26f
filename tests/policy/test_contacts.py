"""What a log of contacts tells, against what is true in the world it was drawn from."""

from pathlib import Path

import ibis
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.config import ContactsSpec, EntitySpec, PolicyParameters
from crm_pipelines.errors import UserError
from crm_pipelines.policy import comparison
from crm_pipelines.policy.comparison import (
    ADJUSTED_BY_RISK,
    UNADJUSTED,
    compare_policies,
    evidence_of,
    judge,
    policies,
)
from crm_pipelines.policy.contacts import check_known, policy_value, read_contacts, recent_contacts
from crm_pipelines.policy.response import activity
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
    world = build_world(parameters)
    table = contact_table(parameters, world.truth.customers)
    table["customer_id"] = table["customer_id"].astype(str)
    return world, world.truth.customers, table


def value_of(town, chosen: np.ndarray):
    """Estimated value of a policy that does ``chosen`` (customers,) always."""
    _, customers, table = town
    place = pd.Series(np.arange(customers.size), index=customers.identifier.astype(str))
    return policy_value(table.rename(columns={"chance": "chance"}), NAMES[chosen[place[table["customer_id"]]]], PRICES)


def truth_of(town, chosen: np.ndarray) -> float:
    """The same, as it is."""
    world, customers, table = town
    weight = table.groupby("customer_id").size().reindex(customers.identifier.astype(str)).to_numpy()
    profit = expected_profit(world.parameters, customers)[np.arange(customers.size), chosen]
    return float(np.average(profit, weights=weight))


class TestEstimator:
    @pytest.mark.parametrize("action", range(1, len(ACTIONS)))
    def test_the_truth_lies_near_the_estimate_of_a_constant_policy(self, town, action):
        chosen = np.full(town[1].size, action)
        found = value_of(town, chosen)
        assert found.value == pytest.approx(truth_of(town, chosen), abs=3)
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
        world, customers, _ = town
        rng = np.random.default_rng(1)
        risk = lost_probability(world.parameters, customers)[:, RECOMMEND]
        near = risk > np.quantile(risk, 0.75)
        adjusted = np.where(near, DISCOUNT, RECOMMEND)
        anybody = np.where(rng.permutation(near), DISCOUNT, RECOMMEND)
        never = np.full(customers.size, RECOMMEND)
        assert truth_of(town, adjusted) > truth_of(town, anybody) > truth_of(town, never) - 1
        assert value_of(town, adjusted).value > value_of(town, anybody).value
        assert value_of(town, adjusted).value > value_of(town, never).value


ACTION_CATALOGUE = {
    "recommend": {"kind": "recommend", "cost": 0.2},
    "follow_up_email": {"kind": "retention", "cost": 0.5},
    "discount": {"kind": "retention", "cost": 6.0},
    "loyalty_offer": {"kind": "retention", "cost": 4.0},
    "proactive_support": {"kind": "retention", "cost": 5.0},
}


@pytest.fixture(scope="module")
def evidence(town):
    """The town's contacts, each with what the log and the table of customers said of the customer before it."""
    world, _, table = town
    log = world.sheet("interactions").whole()
    log = pd.DataFrame(
        {
            "customer_id": log["user_id"].astype(str),
            "timestamp": log["timestamp"].astype("int64"),
            "behaviour": log["behavior_type"].astype(str),
        }
    )
    attributes = world.sheet("customers").whole()
    attributes["customer_id"] = attributes["customer_id"].astype(str)
    spec = EntitySpec(numeric=("age",), categorical=("loyalty_level", "city_tier"))
    return evidence_of(table, attributes, log, spec)


def inputs_of(town):
    """Risk, value and eligibility of everybody."""
    ids = town[1].identifier.astype(str)
    risk = pd.Series(lost_probability(town[0].parameters, town[1])[:, RECOMMEND], index=ids)
    may = pd.DataFrame(np.ones((len(ids), len(ACTION_CATALOGUE) - 1), dtype=bool), index=ids)
    return risk, pd.Series(50.0, index=ids), may


class TestPolicyFromContacts:
    @pytest.mark.parametrize("budget", [None, 2000.0])
    def test_it_beats_leaving_plans_alone_and_the_same_money_in_discounts(self, town, evidence, budget):
        """In truth, and by the estimate; whatever is learnt comes from other customers than those it is done to."""
        world, customers, _ = town
        policy = PolicyParameters.model_validate(
            {"actions": ACTION_CATALOGUE, "threshold": "expected_value", "budget": budget}
        )
        contacts, chosen = policies(evidence, 0, *inputs_of(town), policy)
        profit = expected_profit(world.parameters, customers)
        place = pd.Series(np.arange(customers.size), index=customers.identifier.astype(str))
        row = place[contacts["customer_id"]].to_numpy()
        column = {name: number for number, name in enumerate(ACTIONS)}
        truth = {name: profit[row, [column[one] for one in done]].mean() for name, done in chosen.items()}
        assert truth[ADJUSTED_BY_RISK] > truth["discount for everyone"] + 0.2
        assert truth[ADJUSTED_BY_RISK] > truth[UNADJUSTED] + 0.2
        found = compare_policies(evidence, 0, *inputs_of(town), policy).set_index("policy")
        assert found["value"].idxmax() == ADJUSTED_BY_RISK
        for name, value in truth.items():
            assert found.loc[name, "low"] < value < found.loc[name, "high"]
        spent = found["cost_per_contact"]
        assert spent[ADJUSTED_BY_RISK] <= spent["discount for everyone"] * 1.02

    def test_a_threshold_on_churn_is_valued_after_the_risk_was_known(self, town, evidence):
        policy = PolicyParameters.model_validate({"actions": ACTION_CATALOGUE, "threshold": 0.5})
        middle = int(evidence.contacts["sent_at"].median())
        contacts, _ = policies(evidence, middle, *inputs_of(town), policy)
        assert contacts["sent_at"].min() >= middle

    def test_answers_tell_who_is_lost_and_whom_an_action_keeps(self, town, evidence):
        policy = PolicyParameters.model_validate({"actions": ACTION_CATALOGUE, "threshold": "expected_value"})
        model = evidence.model(policy)
        lost = lost_probability(town[0].parameters, town[1])
        place = pd.Series(np.arange(town[1].size), index=town[1].identifier.astype(str))
        true = lost[place[evidence.contacts["customer_id"]].to_numpy()]
        found = model.answers(evidence.customers)
        assert np.corrcoef(found.lost[:, 0], true[:, RECOMMEND])[0, 1] > 0.3
        discount = list(ACTION_CATALOGUE).index("discount")
        effect, told = (
            part[:, a] - part[:, b] for part, a, b in ((true, RECOMMEND, DISCOUNT), (found.lost, 0, discount))
        )
        assert np.corrcoef(effect, told)[0, 1] > 0.3
        assert told.mean() == pytest.approx(effect.mean(), abs=0.04)

    def test_few_contacts_teach_nothing_and_the_catalogue_is_believed(self, evidence):
        policy = PolicyParameters.model_validate({"actions": ACTION_CATALOGUE})
        some = evidence.rows(np.arange(len(evidence.contacts)) < 100)
        assert some.model(policy) is None
        judged = judge(None, some.customers, np.full(100, 0.3), np.full(100, 50.0), policy)
        assert judged.effects[0].tolist() == [0.1] * 4
        assert judged.risk[0] == 0.3


def test_of_very_many_contacts_those_of_some_customers_are_enough(monkeypatch):
    """Whole customers are drawn, the same ones whatever the order of the contacts."""
    many = pd.DataFrame({"customer_id": [f"c{i % 200}" for i in range(1_000)], "sent_at": range(1_000)})
    many = many.assign(action="discount", chance=0.5, spend=1.0)
    log = pd.DataFrame({"customer_id": ["c0"], "timestamp": [0], "behaviour": ["view"]})
    monkeypatch.setattr(comparison, "MOST_CONTACTS", 250)

    def of(contacts: pd.DataFrame) -> pd.Series:
        found = evidence_of(contacts, pd.DataFrame({"customer_id": ["c0"]}), log, EntitySpec())
        assert len(found.customers) == len(found.contacts)
        return found.contacts["customer_id"].value_counts().sort_index()

    assert (of(many) == 5).all()
    assert len(of(many)) == 50
    pd.testing.assert_series_equal(of(many), of(many.sample(frac=1, random_state=0)))


class TestActivity:
    LOG = pd.DataFrame(
        {
            "customer_id": ["b", "a", "a", "b"],
            "timestamp": [5 * 86_400, 86_400, 3 * 86_400, 86_400],
            "behaviour": ["buy", "view", "buy", "view"],
        }
    )

    def test_only_what_came_strictly_before_counts(self):
        found = activity(self.LOG, np.array(["a", "a", "b", "z"]), np.array([3 * 86_400, 4 * 86_400, 9 * 86_400, 10]))
        assert np.expm1(found["events"]).round(6).tolist() == [1, 2, 2, 0]
        assert np.expm1(found["events_buy"]).round(6).tolist() == [0, 1, 1, 0]
        assert np.expm1(found["recency"]).round(6).tolist()[:3] == [2, 1, 4]
        assert np.expm1(found["tenure"]).round(6).tolist()[:3] == [2, 3, 8]
        assert found.loc[3, ["recency", "tenure"]].isna().all()

    @given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 30)), min_size=1, max_size=30), st.integers(0, 31))
    def test_it_is_a_count_by_hand(self, events, moment):
        log = pd.DataFrame(events, columns=["customer_id", "timestamp"]).assign(behaviour="x")
        found = activity(log, np.array(["a", "b", "c"]), np.full(3, moment))
        by_hand = [sum(1 for who, when in events if who == name and when < moment) for name in "abc"]
        assert np.expm1(found["events"]).round(6).tolist() == by_hand


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
        ("customer_id,sent_at,action\na,2024-05-31,x\n", "row 1: '2024-05-31' is not a number; write UTC seconds"),
        ("customer_id,sent_at,action\na,,x\n", "row 1: the cell is blank; write UTC seconds"),
        ("customer_id,sent_at,action\na,1700000000000,x\n", "column 'sent_at': the times look like milliseconds"),
        ("customer_id,sent_at,action,chance,spend\na,1,x,0,3\n", "column 'chance', row 1"),
        ("customer_id,sent_at\na,1\n", "has no column 'action'"),
        ("customer_id,sent_at,action\n,1,x\n", "row 1: a contact needs customer and action"),
    ],
    ids=["time", "date", "no time", "milliseconds", "chance", "column", "customer"],
)
def test_what_is_wrong_with_a_log_of_contacts_is_named(tmp_path: Path, text, says):
    (tmp_path / "contacts.csv").write_text(text)
    with pytest.raises(UserError, match=says):
        read_contacts(RawFolder(tmp_path, ibis.duckdb.connect()), ContactsSpec(file="contacts.csv"))


def test_an_attribute_called_as_what_is_computed_is_refused():
    log = pd.DataFrame({"customer_id": ["a"], "timestamp": [0], "behaviour": ["buy"]})
    people = pd.DataFrame({"customer_id": ["a"], "recency": [3.0]})
    with pytest.raises(UserError, match=r"'customers' declares 'recency', .* for 'contacts'; rename that column"):
        comparison.known_of(np.array(["a"]), np.array([86_400]), people, log, EntitySpec(numeric=("recency",)))


def test_contacts_of_strangers_do_not_lift_the_cap_in_silence(caplog):
    contacts = pd.DataFrame({"customer_id": ["007", "008"], "sent_at": [1, 2], "action": ["x", "x"]})
    with pytest.raises(UserError, match=r"crm\.csv: none of the 2 contacts is of a customer .* ids alike"):
        check_known(contacts, ["7", "8"], "crm.csv")
    check_known(contacts, ["007"], "crm.csv")
    assert "1 of 2 contacts are of customers not known" in caplog.text
    check_known(contacts.iloc[:0], [], "crm.csv")
