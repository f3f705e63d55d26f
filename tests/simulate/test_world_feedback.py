"""The world of paper D's description: mentions, limits of prices, ages, purchases, and which files are written."""

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.errors import UserError
from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.population import draw_customers
from crm_pipelines.simulate.rhythm import draw_rhythm
from crm_pipelines.simulate.service import satisfaction_lift
from crm_pipelines.simulate.world import World, build_world
from crm_pipelines.simulate.writers import write_world

PARAMETERS = SimulateParameters(
    customers=400,
    items=60,
    interactions=8_000,
    days=365,
    purchase_strength=8.0,
    prices=(5.0, 500.0),
    oldest=75,
    most_purchases=20,
    loyalty_numbers=True,
    mention_share=0.55,
    tables=("interactions", "customers", "mentions", "metadata"),
)


@pytest.fixture(scope="module")
def world() -> World:
    return build_world(PARAMETERS)


@pytest.fixture(scope="module")
def folder(world, tmp_path_factory):
    path = tmp_path_factory.mktemp("feedback")
    write_world(world, path)
    return path


def test_only_the_tables_asked_for_are_written(folder):
    assert {path.name for path in folder.iterdir()} == {
        "UserBehavior.csv",
        "customers.csv",
        "mentions.csv",
        "meta.json",
    }


def test_customers_items_and_purchases_keep_their_limits(world, folder):
    customers = pd.read_csv(folder / "customers.csv")
    assert customers["age"].dropna().between(18, 75).all()
    assert set(customers["loyalty_level"]) == {1, 2, 3, 4, 5}
    assert world.truth.items.price.min() >= 5
    assert world.truth.items.price.max() <= 500
    bought = np.bincount(world.truth.events.customer[world.truth.events.purchases()])
    assert bought.max() == 20


def test_mentions_are_short_posts_about_something_bought(world, folder):
    mentions = pd.read_csv(folder / "mentions.csv")
    assert len(mentions) == pytest.approx(0.55 * 400, rel=0.1)
    assert mentions["created_at"].is_monotonic_increasing
    log = pd.read_csv(folder / "UserBehavior.csv", header=None)
    bought = set(zip(log[0], log[1], strict=True))
    pairs = zip(mentions["customer_id"], mentions["item_id"], strict=True)
    assert all(pair in bought for pair in pairs)
    assert mentions["text"].str.contains("@theshop|#").all()


def test_the_satisfied_praise_and_the_others_complain(world):
    mentions = world.sheet("mentions").whole()
    customers = world.truth.customers
    place = np.searchsorted(customers.identifier, mentions["customer_id"])
    unhappy = mentions["text"].str.contains("fail|broke|Do not buy").to_numpy()
    assert customers.satisfaction[place][unhappy].mean() < customers.satisfaction[place][~unhappy].mean() - 0.3


def test_a_world_without_mentions_writes_no_file_of_them(tmp_path):
    write_world(build_world(SimulateParameters(customers=30, items=40, interactions=500)), tmp_path)
    assert not (tmp_path / "mentions.csv").exists()


def test_an_unknown_table_is_named(world, tmp_path):
    wrong = World(PARAMETERS.model_copy(update={"tables": ("tickts",)}), world.truth)
    with pytest.raises(UserError, match="'tickts'"):
        write_world(wrong, tmp_path)


def test_support_lifts_most_where_it_is_needed():
    parameters = SimulateParameters()
    customers, _ = draw_customers(parameters, draw_rhythm(parameters))
    order = np.argsort(customers.satisfaction)
    lowest, highest = (np.isin(np.arange(customers.size), part) for part in (order[:60], order[-60:]))
    nobody = np.zeros(customers.size, dtype=bool)
    assert satisfaction_lift(customers, nobody) == 0
    assert satisfaction_lift(customers, lowest) > 5 * satisfaction_lift(customers, highest) > 0
