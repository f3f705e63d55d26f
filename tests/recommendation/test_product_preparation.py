"""Products taken from a log: what is dropped and counted, who is asked what, and what may be learnt from."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from banks import DAY, PARAMETERS, PRODUCTS, SPEC, bank, drawn, log
from crm_pipelines.config import EligibilityRule, EntitySpec, OfferSpec, SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.recommendation.eligibility import allowed_groups
from crm_pipelines.recommendation.preparation import NEVER, build, split

NOBODY = pd.Series([], dtype=str)
BANK = OfferSpec(takes=("held", "added"), ends=("dropped",), predicted=("added",), period="month")


def counted(report: pd.DataFrame) -> dict[str, int]:
    return dict(zip(report["reason"], report["rows"], strict=True))


def holdings(*rows: tuple[str, str, int, str]) -> pd.DataFrame:
    frame = pd.DataFrame(rows, columns=["customer_id", "item_id", "timestamp", "behaviour"])
    frame["row"] = np.arange(1, len(frame) + 1)
    return frame.sort_values(["timestamp", "row"], ignore_index=True)


class TestBuild:
    def test_a_product_taken_while_it_is_held_is_no_event(self):
        arrays, report = build(log(("a", "xyxx"), ("b", "x")), NOBODY, NOBODY, OfferSpec(), "log.csv")
        assert arrays["items"].tolist() == [0, 1, 0]
        assert counted(report)["taken_while_held"] == 2
        assert counted(report)["all"] == counted(report)["valid"] + 2

    def test_a_product_given_up_may_be_taken_again(self):
        frame = holdings(("a", "x", 1, "held"), ("a", "x", 2, "dropped"), ("a", "x", 5, "added"))
        arrays, report = build(frame, NOBODY, NOBODY, BANK, "log.csv")
        assert arrays["until"].tolist() == [2, NEVER]
        assert arrays["predicted"].tolist() == [False, True]
        assert counted(report)["end_of_a_holding"] == 1

    def test_an_end_without_a_beginning_is_counted(self):
        frame = holdings(("a", "x", 1, "held"), ("a", "y", 2, "dropped"))
        _, report = build(frame, NOBODY, NOBODY, replace_predicted(BANK), "log.csv")
        assert counted(report)["end_without_a_holding"] == 1

    def test_products_never_sold_and_customers_with_everything_are_counted(self):
        arrays, report = build(log(("a", "xyz"), ("b", "x")), pd.Series(["c"]), pd.Series(["w", "x"]), OfferSpec(), "f")
        assert arrays["item_ids"].tolist() == ["w", "x", "y", "z"]
        assert counted(report)["never_sold"] == 1
        assert counted(report)["without_a_product"] == 1
        _, report = build(log(("a", "xy"), ("b", "x")), NOBODY, NOBODY, OfferSpec(), "f")
        assert counted(report)["holding_every_product"] == 1

    def test_dates_that_run_backwards_are_sorted_and_counted(self):
        frame = log(("a", "xyz"))
        frame["row"] = [3, 2, 1]
        arrays, report = build(frame, NOBODY, NOBODY, OfferSpec(), "log.csv")
        assert np.diff(arrays["timestamp"]).min() > 0
        assert counted(report)["earlier_than_the_row_before"] == 2

    def test_a_class_that_the_log_does_not_have_is_named(self):
        block = {**SPEC.model_dump(by_alias=True, exclude_unset=True), "offers": {"takes": ["bought"]}}
        with pytest.raises(ValidationError, match="names the class 'bought', but those of 'interactions' are buy"):
            SourceSpec.model_validate(block)

    def test_a_log_in_which_nothing_is_taken_is_refused(self):
        with pytest.raises(UserError, match="no product was taken"):
            build(log(("a", "x")), NOBODY, NOBODY, OfferSpec(ends=("buy",)), "log.csv")

    @given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3), st.booleans()), min_size=1, max_size=40))
    @settings(max_examples=60, deadline=None)
    def test_nobody_takes_what_he_holds_and_every_row_is_counted(self, events):
        rows = [(f"c{who}", f"p{what}", at, "dropped" if end else "held") for at, (who, what, end) in enumerate(events)]
        if all(end for _, _, end in events):
            return
        offers = OfferSpec(takes=("held",), ends=("dropped",))
        arrays, report = build(holdings(*rows), NOBODY, NOBODY, offers, "log.csv")
        found = counted(report)
        dropped = sum(found[name] for name in ("taken_while_held", "end_of_a_holding", "end_without_a_holding"))
        assert found["all"] == found["valid"] + dropped + found["no_product_taken_or_ended"]
        owner = np.repeat(np.arange(len(arrays["start"]) - 1), np.diff(arrays["start"]))
        held: dict[tuple[int, int], int] = {}
        for who, what, at, until in zip(owner, arrays["items"], arrays["timestamp"], arrays["until"], strict=True):
            assert held.get((who, what), -1) <= at
            held[who, what] = until


def replace_predicted(offers: OfferSpec) -> OfferSpec:
    return offers.model_copy(update={"predicted": ()})


class TestSplit:
    @pytest.mark.parametrize("protocol", ["time", "leave_last_out", "held_out"])
    def test_nothing_that_is_asked_may_be_learnt_from(self, protocol):
        inputs = bank(protocol)
        for queries in (*inputs.asked.values(), *inputs.validating.values()):
            assert (queries.end >= inputs.known_until[queries.customer]).all()
            before = inputs.before(queries)
            pairs = set(zip(before.owner.tolist(), before.items.tolist(), strict=True))
            assert not pairs & set(zip(queries.relevant.owner.tolist(), queries.relevant.items.tolist(), strict=True))

    def test_of_withheld_customers_nothing_is_learnt(self):
        inputs = bank("held_out")
        customers = inputs.asked["cold_customer@0"].customer
        assert (inputs.known_until[customers] == inputs.start[customers]).all()
        assert not np.isin(inputs.validating["cold_customer@0"].customer, customers).any()

    def test_k_products_are_shown_and_the_rest_is_relevant(self):
        inputs = bank("held_out")
        for k in (0, 1, 3, 5):
            queries = inputs.asked[f"cold_customer@{k}"]
            assert (queries.end - inputs.start[queries.customer] == k).all()
            assert (np.diff(queries.relevant.start) == 6 - k).all()

    def test_the_cut_in_time_divides_all(self):
        frame, people, goods = drawn()
        arrays, _ = build(frame, people["customer_id"], goods["item_id"], SPEC.offers, "bank.csv")
        inputs = split(arrays, people, goods, SPEC, "time", PARAMETERS)
        learnt = np.arange(len(inputs.items)) < inputs.known_until[inputs.customer]
        asked = inputs.asked["all"]
        first = arrays["timestamp"][asked.end]
        assert arrays["timestamp"][learnt].max() < first.min()

    def test_later_events_change_no_fitted_input(self):
        """Attributes, popularity and graph are made of the part to learn from: byte for byte."""
        frame, people, goods = drawn()
        arrays, _ = build(frame, people["customer_id"], goods["item_id"], SPEC.offers, "bank.csv")
        before = split(arrays, people, goods, SPEC, "time", PARAMETERS)
        items = arrays["items"].copy()
        items[before.test] = (items[before.test] + 5) % PRODUCTS
        after = split({**arrays, "items": items}, people, goods, SPEC, "time", PARAMETERS)
        assert before.products.tobytes() == after.products.tobytes()
        assert before.profiles.tobytes() == after.profiles.tobytes()
        np.testing.assert_array_equal(before.known.items, after.known.items)

    def test_months_are_asked_one_by_one_with_what_came_before(self):
        rows = []
        for customer in range(40):
            rows.append((f"c{customer}", "x", 0, "held"))
            for month in range(1, 6):
                if (customer + month) % 3 == 0:
                    rows.append((f"c{customer}", f"p{month}", 31 * DAY * month, "added"))
        spec = SPEC.model_copy(update={"offers": BANK, "customers": EntitySpec(), "items": EntitySpec()})
        frame = holdings(*rows)
        people = pd.DataFrame({"customer_id": sorted(set(frame["customer_id"]))})
        goods = pd.DataFrame({"item_id": sorted(set(frame["item_id"]))})
        arrays, _ = build(frame, people["customer_id"], goods["item_id"], BANK, "f")
        inputs = split(arrays, people, goods, spec, "time", PARAMETERS)
        queries = inputs.asked["all"]
        assert set(arrays["item_ids"][queries.relevant.items]) == {"p5"}
        assert set(arrays["item_ids"][inputs.validating["all"].relevant.items]) == {"p4"}

    def test_missing_attributes_are_filled_and_told(self):
        frame, people, goods = drawn()
        people = people.assign(age=people["age"].where(people.index % 2 == 0))
        arrays, _ = build(frame, people["customer_id"], goods["item_id"], SPEC.offers, "bank.csv")
        inputs = split(arrays, people, goods, SPEC, "leave_last_out", PARAMETERS)
        assert np.isfinite(inputs.profiles).all()
        assert inputs.profiles.shape[1] == bank().profiles.shape[1] + 1

    def test_a_customer_who_holds_everything_is_not_asked(self):
        sequences = [(f"c{n}", "abcd"[: 2 + n % 3]) for n in range(12)]
        frame = log(*sequences)
        people = pd.DataFrame({"customer_id": [name for name, _ in sequences]})
        goods = pd.DataFrame({"item_id": list("abcd")})
        spec = SPEC.model_copy(update={"customers": EntitySpec(), "items": EntitySpec()})
        arrays, _ = build(frame, people["customer_id"], goods["item_id"], spec.offers, "f")
        inputs = split(arrays, people, goods, spec, "leave_last_out", PARAMETERS)
        full = replace(inputs.asked["all"], end=inputs.start[1:][inputs.asked["all"].customer])
        assert inputs.offered(full).any(axis=1).all()

    def test_one_moment_leaves_no_cut(self):
        frame = log(*[(f"c{n}", "ab") for n in range(20)]).assign(timestamp=7)
        arrays, _ = build(frame, NOBODY, NOBODY, OfferSpec(), "f.csv")
        people, goods = pd.DataFrame({"customer_id": arrays["customer_ids"]}), pd.DataFrame({"item_id": ["a", "b"]})
        spec = SPEC.model_copy(update={"customers": EntitySpec(), "items": EntitySpec()})
        with pytest.raises(UserError, match=r"(one moment|nobody to test on)"):
            split(arrays, people, goods, spec, "time", PARAMETERS)


class TestEligibility:
    PEOPLE = pd.DataFrame({"age": [15.0, 40.0, None], "city": ["rome", "oslo", "rome"]})
    SPEC = EntitySpec(numeric=("age",), categorical=("city",))

    def allowed(self, **rules: EligibilityRule) -> np.ndarray:
        group, allowed = allowed_groups(self.PEOPLE, ["junior", "loan"], rules, self.SPEC, "source 'x'")
        return allowed[group]

    def test_everything_is_open_without_rules(self):
        assert self.allowed().all()

    def test_a_rule_closes_a_product_and_who_lacks_the_attribute_is_left_out(self):
        found = self.allowed(junior=EligibilityRule(at_most={"age": 18}))
        assert found[:, 0].tolist() == [True, False, False]
        assert found[:, 1].all()

    def test_every_line_must_hold(self):
        found = self.allowed(loan=EligibilityRule(values={"city": ("rome",)}, at_least={"age": 10}))
        assert found[:, 1].tolist() == [True, False, False]

    @pytest.mark.parametrize(
        ("rules", "says"),
        [
            ({"junor": EligibilityRule()}, "did you mean 'junior'"),
            ({"loan": EligibilityRule(at_most={"income": 1})}, "'income', which 'customers' does not declare"),
            ({"loan": EligibilityRule(values={"city": ("Rome",)})}, "names 'Rome', which .* writes 'rome'"),
        ],
    )
    def test_a_wrong_rule_is_named(self, rules, says):
        with pytest.raises(UserError, match=says):
            self.allowed(**rules)
