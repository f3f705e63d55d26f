"""The policy's rules, one by one, and what it refuses."""

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.config import PolicyParameters, parse
from crm_pipelines.errors import UserError
from crm_pipelines.policy.adjustment import (
    ADJUSTED,
    BUDGET_SPENT,
    CAPPED,
    FORBIDDEN,
    NOBODY,
    PLANNED,
    UNKNOWN,
    Adjusted,
    adjust,
    eligible,
    forbidden,
    hold_out,
)

ACTIONS = {
    "recommend": {"kind": "recommend", "cost": 0.1},
    "discount": {"kind": "retention", "cost": 5.0},
    "support": {"kind": "retention", "cost": 2.0},
    "offer": {"kind": "retention", "cost": 1.0},
}
EFFECTS = np.array([0.5, 0.3, 0.1])
DISCOUNT, SUPPORT, OFFER = range(3)


def policy(**changes: object) -> PolicyParameters:
    return PolicyParameters.model_validate({"actions": ACTIONS, **changes})


def adjusted(probability: list[float], rules: PolicyParameters, **changes: object) -> Adjusted:
    n = len(probability)
    given = {
        "value": np.full(n, 100.0),
        "effects": EFFECTS,
        "may": np.ones((n, 3), dtype=bool),
        "blocked": np.zeros(n, dtype=bool),
        "contacts": np.zeros(n, dtype=np.int64),
        **changes,
    }
    return adjust(np.array(probability), policy=rules, **given)


class TestStrength:
    def test_only_risk_above_the_threshold_changes_a_plan(self):
        found = adjusted([0.2, 0.5, 0.51], policy())
        assert found.why.tolist() == [PLANNED, PLANNED, ADJUSTED]
        assert (found.action[:2] == NOBODY).all()

    def test_the_share_of_steps_grows_with_risk(self):
        found = adjusted([0.51, 0.7, 0.99], policy())
        assert (found.action >= 0).sum(axis=1).tolist() == [1, 2, 3]

    def test_alpha_nought_leaves_every_plan_as_it_was(self):
        found = adjusted([0.6, 1.0], policy(strength=0.0))
        assert (found.action == NOBODY).all()
        assert found.cost.tolist() == [0, 0]

    def test_a_larger_alpha_takes_more_steps(self):
        assert (adjusted([0.6], policy(strength=4.0)).action >= 0).sum() == 3

    def test_the_action_of_highest_expected_value_comes_first_and_each_once(self):
        found = adjusted([1.0], policy())
        assert found.action[0].tolist() == [DISCOUNT, SUPPORT, OFFER]

    @pytest.mark.parametrize(("mode", "steps"), [("replace", [NOBODY, 1, 2]), ("precede", [NOBODY, 0, 1])])
    def test_retention_replaces_or_precedes(self, mode, steps):
        assert adjusted([0.6], policy(mode=mode)).step[0].tolist() == steps

    def test_expected_value_decides_by_cost_and_worth(self):
        rules = policy(threshold="expected_value")
        cheap = adjusted([0.2, 0.2], rules, value=np.array([1.0, 1000.0]))
        assert cheap.why.tolist() == [PLANNED, ADJUSTED]
        assert cheap.value[1] == pytest.approx(1000 * 0.2 * 0.5 - 5)


class TestRules:
    def test_nobody_gets_what_they_are_not_eligible_for(self):
        may = np.array([[False, True, True], [False, False, False]])
        found = adjusted([0.6, 0.6], policy(), may=may)
        assert found.action[:, 0].tolist() == [SUPPORT, NOBODY]

    def test_who_may_not_be_contacted_gets_nothing(self):
        found = adjusted([0.9], policy(), blocked=np.array([True]))
        assert found.allowed.tolist() == [0]
        assert found.why.tolist() == [FORBIDDEN]
        assert found.cost.tolist() == [0]

    def test_recent_contacts_count_against_the_cap(self):
        found = adjusted([0.99] * 3, policy(most_contacts=4), contacts=np.array([0, 3, 9]))
        assert found.allowed.tolist() == [3, 1, 0]
        assert found.cost.tolist() == [8, 5, 0]
        assert found.why[2] == CAPPED

    def test_the_budget_goes_where_it_is_worth_most(self):
        found = adjusted([0.6, 0.65, 0.55], policy(budget=10.0))
        assert found.why.tolist() == [ADJUSTED, ADJUSTED, BUDGET_SPENT]
        assert found.cost.sum() <= 10

    def test_unknown_risk_leaves_the_plan(self):
        found = adjusted([np.nan], policy())
        assert found.why.tolist() == [UNKNOWN]
        assert (found.action == NOBODY).all()

    def test_attributes_decide_who_is_eligible_and_who_is_left_alone(self):
        customers = pd.DataFrame({"level": ["gold", "bronze", None], "consent": ["no", "yes", None]})
        actions = {**ACTIONS, "discount": {"kind": "retention", "cost": 5.0, "attributes": {"level": ["gold"]}}}
        assert eligible(customers, policy(actions=actions))[:, DISCOUNT].tolist() == [True, False, False]
        assert forbidden(customers, {"consent": ("no",)}).tolist() == [True, False, True]

    def test_a_value_of_another_spelling_spares_nobody_in_silence(self):
        customers = pd.DataFrame({"Werbung": ["Ja", "Nein", None]})
        with pytest.raises(UserError, match=r"'do_not_contact.Werbung' names 'nein', .* writes 'Nein'; write it alike"):
            forbidden(customers, {"Werbung": ("nein",)})
        assert forbidden(customers, {"Werbung": ("Nein", "nie")}).tolist() == [False, True, True]

    def test_numbers_are_told_as_numbers(self):
        customers = pd.DataFrame({"consent": [0.0, 1.0, np.nan]})
        assert forbidden(customers, {"consent": ("0",)}).tolist() == [True, False, True]

    def test_the_hold_out_group_is_a_fixed_share_of_fixed_customers(self):
        ids = np.array([f"c{number:03d}" for number in range(200)])
        held = hold_out(ids, 0.1, 42)
        assert held.sum() == 20
        shuffled = np.random.default_rng(0).permutation(200)
        np.testing.assert_array_equal(hold_out(ids[shuffled], 0.1, 42), held[shuffled])


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"actions": {**ACTIONS, "call": {"kind": "retention"}}}, "call.cost"),
        ({"threshold": 1.2}, "threshold"),
        ({"threshold": -0.1}, "threshold"),
        ({"actions": {"recommend": ACTIONS["recommend"]}}, "at least one of kind 'retention'"),
        ({"actions": {"discount": ACTIONS["discount"]}}, "exactly one of kind 'recommend'"),
        ({"budgett": 3}, "budget"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_is_wrong_with_a_policy_is_named(changes, says):
    with pytest.raises(UserError, match=says):
        parse(PolicyParameters, {"actions": ACTIONS, **changes}, "engagement.policy")


def test_an_attribute_that_there_is_not_is_named():
    with pytest.raises(UserError, match="'consnt', which is no attribute of the customers; there are: consent"):
        forbidden(pd.DataFrame({"consent": ["no"]}), {"consnt": ("no",)})
