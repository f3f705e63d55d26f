"""Lists for use: order and diversity, reasons, promises, and what happens when the list of products changes."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from banks import PARAMETERS, SPEC, drawn, log
from crm_pipelines.benchmark.product_lists import (
    HOLDS_ALL,
    NO_HISTORY,
    Calibration,
    calibrate,
    check_products,
    diverse,
    likeness,
    recommending_protocol,
)
from crm_pipelines.benchmark.product_lists import _lists as make_lists
from crm_pipelines.benchmark.products import first_places
from crm_pipelines.config import EntitySpec
from crm_pipelines.errors import UserError
from crm_pipelines.models.layers.pooling import list_quality, list_weights
from crm_pipelines.models.sequence.popularity import Popularity, PopularityConfig
from crm_pipelines.recommendation.config import ListParameters
from crm_pipelines.recommendation.preparation import build, split
from crm_pipelines.recommendation.views import Prepared

NOTHING = ({}, pd.DataFrame(), pd.DataFrame(), None)


def prepared(frame=None, people=None, goods=None, spec=SPEC) -> Prepared:
    if frame is None:
        frame, people, goods = drawn()
    arrays, _ = build(frame, people["customer_id"], goods["item_id"], spec.offers, "bank.csv")
    return Prepared(arrays, people, goods, spec, *NOTHING)


def lists(found: Prepared, protocol: str = "leave_last_out", **changes) -> pd.DataFrame:
    inputs = split(found.arrays, found.customers, found.items, found.spec, protocol, PARAMETERS)
    model = Popularity(PopularityConfig())
    model.fit(inputs)
    calibration, _ = calibrate(model, inputs, found, PARAMETERS)
    return make_lists(model, inputs, found, calibration, ListParameters(**changes))


@pytest.mark.parametrize("length", [1, 4, 9])
def test_the_first_places_are_those_of_a_stable_sort(length):
    draw = np.random.default_rng(2)
    scores = draw.integers(0, 4, (50, 9)).astype(float)  # many ties
    scores[draw.random(scores.shape) < 0.3] = -np.inf
    expected = np.argsort(-scores, axis=1, kind="stable")[:, :length]
    np.testing.assert_array_equal(first_places(scores, length), expected)


class TestDiversity:
    SCORES = np.log(np.array([[0.4, 0.3, 0.2, 0.1]]))
    ALIKE = likeness(np.array([[0, 1, 0], [0, 1, 0.01], [0, 0, 1], [0, -1, -1]], dtype=float))

    def test_without_weight_the_order_is_that_of_the_scores(self):
        assert diverse(self.SCORES, self.ALIKE, 3, 0.0).tolist() == [[0, 1, 2]]

    def test_a_near_copy_of_what_stands_above_is_put_back(self):
        assert diverse(self.SCORES, self.ALIKE, 2, 1.0)[0].tolist()[0] == 0
        assert 1 not in diverse(self.SCORES, self.ALIKE, 2, 1.0)[0]

    def test_where_little_is_open_the_list_is_short(self):
        scores = np.array([[-1.0, -np.inf, -np.inf, -np.inf], [-np.inf] * 4])
        assert diverse(scores, self.ALIKE, 3, 0.1).tolist() == [[0, -1, -1], [-1, -1, -1]]


class TestLists:
    def test_every_customer_is_recommended_what_he_does_not_hold(self):
        found = prepared()
        table = lists(found, products=4)
        assert table["customer_id"].nunique() == 80
        held = set(zip(*(drawn()[0][name] for name in ("customer_id", "item_id")), strict=True))
        assert not held & set(zip(table["customer_id"], table["item_id"], strict=True))
        assert (table.groupby("customer_id")["rank"].max() == 4).all()

    def test_who_holds_everything_and_who_holds_nothing_is_told(self):
        frame = log(*[(f"c{n}", "abc"[: 2 + n % 2]) for n in range(40)])
        people = pd.DataFrame({"customer_id": [f"c{n}" for n in range(41)]})
        spec = SPEC.model_copy(update={"customers": EntitySpec(), "items": EntitySpec()})
        table = lists(prepared(frame, people, pd.DataFrame({"item_id": list("abc")}), spec)).set_index("customer_id")
        assert table.loc["c1", "data"] == HOLDS_ALL
        assert np.isnan(table.loc["c1", "acceptance_probability"])
        assert (table.loc["c40", "data"] == NO_HISTORY).all()
        assert len(table.loc["c40"]) == 3

    def test_a_product_that_was_withdrawn_or_never_sold_is_handled(self):
        frame, people, goods = drawn()
        goods = pd.concat([goods, pd.DataFrame({"item_id": ["new"], "risk": [0.5], "name": ["fund"]})])
        offers = SPEC.offers.model_copy(update={"withdrawn": ("p01",)})
        table = lists(prepared(frame, people, goods, SPEC.model_copy(update={"offers": offers})), products=12)
        assert "p01" not in set(table["item_id"])
        assert "new" in set(table["item_id"])

    def test_reasons_name_products_that_are_held(self):
        table = lists(prepared(), products=2)
        named = table["reason"].str.extract(r"(p\d\d)")[0].dropna()
        assert len(named) > len(table) / 2
        held = drawn()[0].groupby("customer_id")["item_id"].agg(set)
        for who, what in zip(table.loc[named.index, "customer_id"], named, strict=True):
            assert what in held[who]

    def test_probabilities_are_of_the_next_days_where_there_is_a_cut(self):
        table = lists(prepared(), "time", products=2)
        assert set(table["horizon"]) == {"next 30 days"}
        assert table["acceptance_probability"].between(0, 1).all()


def test_a_calibration_says_what_happened():
    found = prepared()
    inputs = split(found.arrays, found.customers, found.items, found.spec, "time", PARAMETERS)
    model = Popularity(PopularityConfig())
    model.fit(inputs)
    _, acceptance = calibrate(model, inputs, found, PARAMETERS)
    part = acceptance[acceptance["part"] == "validation"]
    assert (part["stated"] * part["pairs"]).sum() == pytest.approx(part["taken"].sum(), rel=0.02)


def test_a_calibration_rises_with_the_score():
    calibration = Calibration(np.array([-1.0, 1.0, 0.0]))
    said = calibration(np.array([-3.0, -1.0]), np.array([10, 10]))
    assert said[0] < said[1]


class TestProductsChanged:
    RUN = SimpleNamespace(
        manifest={"items": 12, "catalogue": "twelve", "model": "popularity", "products": ["popularity", "risk"]}
    )

    def inputs(self):
        found = prepared()
        inputs = split(found.arrays, found.customers, found.items, found.spec, "leave_last_out", PARAMETERS)
        return replace(inputs, product_names=("popularity", "risk"), catalogue="twelve")

    def test_the_same_list_is_fine(self):
        check_products(self.RUN, self.inputs())

    def test_another_list_asks_for_a_new_training(self):
        with pytest.raises(UserError, match=r"12 products then, 13 now.*train it again"):
            check_products(self.RUN, replace(self.inputs(), n_items=13))
        with pytest.raises(UserError, match="described by other attributes"):
            check_products(self.RUN, replace(self.inputs(), product_names=("popularity", "term")))

    def test_a_product_in_the_place_of_another_is_noticed(self):
        found = prepared()
        names = found.arrays["item_ids"].copy()
        names[0] = "p99"
        made = [
            split({**found.arrays, "item_ids": ids}, found.customers, found.items, found.spec, "held_out", PARAMETERS)
            for ids in (found.arrays["item_ids"], names)
        ]
        run = SimpleNamespace(manifest={**made[0].facts(), "model": "popularity"})
        check_products(run, made[0])
        with pytest.raises(UserError, match="still 12 products, but others"):
            check_products(run, made[1])


def test_the_model_for_use_is_that_of_the_cut_in_time():
    assert recommending_protocol(("leave_last_out", "time")) == "time"
    assert recommending_protocol(("held_out",)) == "held_out"


def test_weights_are_those_of_the_best_lists():
    draw = np.random.default_rng(1)
    relevant = np.zeros((200, 30), dtype=bool)
    relevant[np.arange(200), draw.integers(0, 30, 200)] = True
    knows, noise = np.where(relevant, 1.0, 0.0) + draw.normal(0, 0.5, relevant.shape), draw.normal(size=relevant.shape)
    for bags, less in ((1, 1e-9), (3, 0.01)):  # weights averaged over samples need not be the best of all queries
        weights = list_weights([noise, knows], relevant, [np.array([0.5, 0.5])], bags)
        found = list_quality(weights[0] * noise + weights[1] * knows, relevant)
        assert found >= list_quality(knows, relevant) - less
        assert weights[1] > 3 * weights[0]
