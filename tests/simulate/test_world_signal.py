"""What docs/demo-world.md says is planted can be measured, and disappears when it is switched off."""

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.simulate.bank import DEFAULT_LABEL
from crm_pipelines.simulate.config import BUY, CART, FAV, PV, SEGMENTS, SimulateParameters
from crm_pipelines.simulate.funnel import discounted, favoured_behaviour
from crm_pipelines.simulate.world import World, build_world


def events(world: World) -> pd.DataFrame:
    """Events in time order with their latent traits."""
    log, truth = world.truth.events, world.truth
    table = pd.DataFrame({"customer": log.customer, "item": log.item, "behaviour": log.behaviour, "time": log.seconds})
    table["segment"] = truth.customers.segment[log.customer]
    table["category"] = truth.items.category[log.item]
    table["day"] = table.time // 86_400
    return table.sort_values("time", kind="stable", ignore_index=True)


@pytest.fixture(scope="module")
def log(town: World) -> pd.DataFrame:
    return events(town)


def test_a_buy_is_much_likelier_after_a_cart_of_the_same_item(log: pd.DataFrame) -> None:
    pair = log.groupby(["customer", "item"])
    last, gap = pair.behaviour.shift(1), log.time - pair.time.shift(1)
    recent_cart = (last == CART) & (gap < 6 * 3600)
    assert (log.behaviour[recent_cart] == BUY).mean() > 3 * (log.behaviour == BUY).mean()


def test_a_cart_is_likelier_after_views() -> None:
    # Without what else makes a cart likely, which would pick the undecided for further views.
    plain = SimulateParameters(
        customers=1000, items=400, interactions=40_000, segment_strength=0, response_strength=0, value_strength=0
    )
    log = events(build_world(plain))
    pair = log.groupby(["customer", "item"])
    views = sum((pair.behaviour.shift(k) == PV).astype(int) for k in (1, 2, 3))
    thrice = (pair.cumcount() == 3) & (views == 3)
    once = (pair.cumcount() == 1) & (views == 1)
    assert (log.behaviour[thrice] == CART).mean() > 1.5 * (log.behaviour[once] == CART).mean()


def test_two_views_before_the_cart_make_the_buy_likelier(log: pd.DataFrame) -> None:
    pair = log.groupby(["customer", "item"])
    before = [pair.behaviour.shift(k) for k in (1, 2, 3)]
    deliberate = (before[0] == CART) & (before[1] == PV) & (before[2] == PV)
    impulse = (before[0] == CART) & (pair.cumcount() == 1)
    assert (log.behaviour[deliberate] == BUY).mean() > 1.3 * (log.behaviour[impulse] == BUY).mean()


def test_gaps_tell_the_behaviour_apart(log: pd.DataFrame) -> None:
    pair = log.groupby(["customer", "item"])
    gap, after_cart = log.time - pair.time.shift(1), pair.behaviour.shift(1) == CART
    to_view = gap[(log.behaviour == PV) & ~after_cart].median()
    to_buy = gap[(log.behaviour == BUY) & after_cart].median()
    assert to_view < 120
    assert 600 < to_buy < 6 * 3600


def test_promotion_days_surge_most_where_discounted(log: pd.DataFrame) -> None:
    days = SimulateParameters().promotion_days
    promoted = log.day.isin(days)
    daily = log[log.behaviour == BUY].groupby("day").size()
    assert daily[list(days)].min() > 2 * daily.drop(list(days)).median()
    cheap = discounted(log.category.to_numpy())
    share = {
        (p, c): (log.behaviour[(promoted == p) & (cheap == c)] == BUY).mean()
        for p in (True, False)
        for c in (True, False)
    }
    assert share[True, True] / share[False, True] > 1.2 * share[True, False] / share[False, False]


def test_segments_answer_categories_with_different_behaviours(log: pd.DataFrame) -> None:
    favoured = favoured_behaviour(log.segment.to_numpy(), log.category.to_numpy())
    for position, behaviour in enumerate((CART, FAV, BUY)):
        with_taste = (log.behaviour[favoured == position] == behaviour).mean()
        without = (log.behaviour[favoured != position] == behaviour).mean()
        assert with_taste > 1.6 * without
    mix = log.groupby("segment").behaviour.value_counts(normalize=True).unstack()
    assert mix[BUY].idxmax() == SEGMENTS.index("loyal")
    assert mix[CART].idxmax() == SEGMENTS.index("bargain")
    assert mix[FAV].idxmax() == SEGMENTS.index("gift")
    assert mix[PV].idxmax() == SEGMENTS.index("browser")


def test_an_item_already_chosen_makes_the_next_one_of_the_category_less_likely() -> None:
    shares = []
    for strength in (0.0, 3.0):
        parameters = SimulateParameters(customers=1000, items=400, interactions=30_000, satiation_strength=strength)
        shares.append((events(build_world(parameters)).behaviour == BUY).mean())
    assert shares[1] < 0.95 * shares[0]


def test_good_and_cheap_items_sell(town: World, log: pd.DataFrame) -> None:
    items = town.truth.items
    sold = (log.behaviour == BUY).groupby(log.item).agg(["mean", "size"])
    sold = sold[sold["size"] >= 50]
    assert np.corrcoef(sold["mean"], items.quality[sold.index])[0, 1] > 0.1
    assert np.corrcoef(sold["mean"], items.price_z[sold.index])[0, 1] < -0.1


def test_evenings_are_busier_than_nights(log: pd.DataFrame) -> None:
    hour = log.time // 3600 % 24
    assert hour.isin([20, 21]).sum() > 5 * hour.isin([3, 4]).sum()


def test_leavers_fade_out_and_come_from_unsatisfied_segments(town: World, log: pd.DataFrame) -> None:
    customers, horizon = town.truth.customers, SimulateParameters().horizon
    churned = customers.churned(horizon)
    assert 0.1 < churned.mean() < 0.35
    assert (log.time < customers.leave[log.customer]).all()
    assert customers.satisfaction[churned].mean() < customers.satisfaction[~churned].mean() - 0.3
    by_segment = pd.Series(churned).groupby(customers.segment).mean()
    assert by_segment[SEGMENTS.index("browser")] > 3 * by_segment[SEGMENTS.index("loyal")]
    assert (town.contracts.Churn == "Yes").sum() == churned[
        np.isin(customers.identifier, town.contracts.customerID)
    ].sum()


def test_cold_customers_and_items_come_after_the_cut(demo: World) -> None:
    log = events(demo)
    history, test = log[: int(0.8 * len(log))], log[int(0.8 * len(log)) :]
    for side, queries in (("customer", {0: 100, 1: 100, 5: 40, 10: 40}), ("item", {0: 100, 1: 100, 5: 40, 10: 40})):
        cold = test[~test[side].isin(history[side])].groupby(side).size()
        assert len(cold) >= 0.12 * log[side].nunique()
        assert {shots: int((cold > shots).sum()) >= least for shots, least in queries.items()} == dict.fromkeys(
            queries, True
        )
    late = demo.truth.customers.late
    assert set(np.unique(history.customer)).isdisjoint(np.flatnonzero(late))


def test_nothing_happens_to_an_item_before_its_launch(demo: World) -> None:
    log = demo.truth.events
    assert (log.seconds >= demo.truth.items.launch[log.item]).all()
    assert (log.seconds >= demo.truth.customers.arrival[log.customer]).all()


def test_words_follow_the_rating_and_the_rating_the_quality(town: World) -> None:
    reviews = town.reviews.dropna(subset=["reviewText"]).drop_duplicates(["reviewerID", "asin", "unixReviewTime"])
    good = reviews.reviewText.str.count(r"(?i)love|excellent|great|perfect|happy|wonderful|bargain|recommended|pleased")
    bad = reviews.reviewText.str.count(r"(?i)terrible|broke|poor|regret|disappointed|waste|rude|never again|damaged")
    assert np.corrcoef(good - bad, reviews.overall)[0, 1] > 0.6
    quality = pd.Series(town.truth.items.quality, index=town.truth.items.identifier.astype(str))
    assert np.corrcoef(reviews.overall, quality[reviews.asin])[0, 1] > 0.4
    assert reviews.overall.value_counts().idxmax() == 5.0


def test_trouble_is_written_about(town: World) -> None:
    satisfaction = pd.Series(town.truth.customers.satisfaction, index=town.truth.customers.identifier)
    assert satisfaction[town.tickets.customer_id].mean() < -0.3
    assert np.corrcoef(town.surveys.nps, satisfaction[town.surveys.customer_id])[0, 1] > 0.7


def test_default_follows_late_payment_stress_and_leaving(town: World) -> None:
    bills, customers = town.bills, town.truth.customers
    default = bills[DEFAULT_LABEL]
    assert 0.15 < default.mean() < 0.32
    assert default[bills.PAY_0 > 0].mean() > 1.8 * default[bills.PAY_0 <= 0].mean()
    stress = pd.Series(customers.stress, index=customers.identifier)
    assert np.corrcoef(stress[bills.ID], default)[0, 1] > 0.3


def test_products_draw_one_another(town: World) -> None:
    held = town.holdings.fillna(0).sort_values(["ncodpers", "fecha_dato"])
    following = held.groupby("ncodpers").ind_nom_pens_ult1.shift(-1)
    without = (held.ind_nom_pens_ult1 == 0) & following.notna()
    payroll = held.ind_nomina_ult1 == 1
    assert following[without & payroll].mean() > 10 * following[without & ~payroll].mean()


def test_switched_off_effects_are_gone() -> None:
    flat = SimulateParameters(
        customers=1000,
        items=400,
        interactions=40_000,
        promotion_days=(),
        segment_strength=0,
        response_strength=0,
        churn_strength=0,
        late_customer_share=0,
        late_item_share=0,
    )
    world = build_world(flat)
    log = events(world)
    mix = log.groupby("segment").behaviour.value_counts(normalize=True).unstack()
    assert (mix.max() - mix.min()).max() < 0.03
    assert not world.truth.customers.churned(flat.horizon).any()
    assert log.customer[: len(log) // 2].nunique() > 0.85 * flat.customers
