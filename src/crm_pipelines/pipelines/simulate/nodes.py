"""Nodes of the `simulate` pipeline."""

from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.world import World, build_world


def simulate_world(parameters: SimulateParameters) -> World:
    """The demo world that ``parameters`` describe."""
    return build_world(parameters)
