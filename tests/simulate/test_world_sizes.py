"""Sizes asked for are sizes got, and impossible ones are refused with the key in the message."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from crm_pipelines.simulate import interactions
from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.world import World, build_world


@given(
    customers=st.integers(20, 300), items=st.integers(32, 500), density=st.integers(10, 60),
    days=st.integers(7, 60), seed=st.integers(0, 2**31),
)  # fmt: skip
@settings(max_examples=15, deadline=None)
def test_any_size_gives_about_what_was_asked(customers: int, items: int, density: int, days: int, seed: int) -> None:
    parameters = SimulateParameters(
        customers=customers,
        items=items,
        interactions=customers * density,
        days=days,
        seed=seed,
        promotion_days=(days - 2,),
    )
    world = build_world(parameters)
    assert len(world.customers) == customers == world.interactions.user_id.nunique()
    assert world.metadata.asin.nunique() == items
    wanted = parameters.interactions
    # Each visit brings a handful of events: the total varies like a compound Poisson sum around its mean.
    assert abs(len(world.interactions) - wanted) < 0.05 * wanted + 20 * np.sqrt(wanted)


def test_a_town_is_met_within_three_per_cent(town: World) -> None:
    assert len(town.interactions) == pytest.approx(150_000, rel=0.03)


def test_blocks_of_customers_change_no_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(interactions, "BLOCK_EVENTS", 2_000)
    world = build_world(SimulateParameters(customers=500, items=100, interactions=20_000))
    assert len(world.interactions) == pytest.approx(20_000, rel=0.1)
    assert world.interactions.user_id.is_monotonic_increasing
    assert world.interactions.user_id.nunique() == 500


def test_a_table_has_its_own_stream(tiny: SimulateParameters) -> None:
    one, other = build_world(tiny), build_world(tiny.model_copy(update={"review_share": 0.9, "survey_share": 0.1}))
    assert len(one.reviews) != len(other.reviews)
    for table in ("interactions", "metadata", "customers", "bills", "contracts", "tickets", "holdings"):
        assert getattr(one, table).equals(getattr(other, table)), table


def test_local_clock_moves_the_timestamps_only(tiny: SimulateParameters) -> None:
    utc, china = build_world(tiny), build_world(tiny.model_copy(update={"utc_offset_hours": 8.0}))
    assert ((utc.interactions.timestamp - china.interactions.timestamp) == 8 * 3600).all()


@pytest.mark.parametrize(
    ("wrong", "key"),
    [
        ({"customers": 1000, "interactions": 5000}, "interactions"),
        ({"items": 40, "categories": 30}, "items"),
        ({"days": 10, "promotion_days": (12,)}, "promotion_days"),
        ({"segment_shares": (0.5, 0.5, 0.5, 0.5)}, "segment_shares"),
        ({"late_customer_event_share": 0.3}, "late_customer_event_share"),
        ({"custumers": 100}, "custumers"),
        ({"customers": 0}, "customers"),
    ],
)
def test_impossible_parameters_name_their_key(wrong: dict[str, object], key: str) -> None:
    with pytest.raises(ValidationError, match=key):
        SimulateParameters(**wrong)  # type: ignore[arg-type]
