"""Two worlds: the committed demo, and a town large enough to measure planted effects on."""

import pytest

from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.world import World, build_world


@pytest.fixture(scope="session")
def demo() -> World:
    return build_world(SimulateParameters())


@pytest.fixture(scope="session")
def town() -> World:
    return build_world(SimulateParameters(customers=4000, items=1200, interactions=150_000))


@pytest.fixture
def tiny() -> SimulateParameters:
    return SimulateParameters(customers=30, items=40, interactions=500, days=9, promotion_days=(4,))
