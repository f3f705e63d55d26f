"""Nodes of the `simulate` pipeline."""

import pandas as pd

from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.platform import PlatformParameters, build_platforms
from crm_pipelines.simulate.world import World, build_world


def simulate_world(parameters: SimulateParameters) -> World:
    """The demo world that ``parameters`` describe."""
    return build_world(parameters)


def simulate_platforms(parameters: PlatformParameters) -> dict[str, pd.DataFrame]:
    """The tables of both finance platforms by file name."""
    return build_platforms(parameters)
