"""The Kedro pipeline and its parameter file."""

from pathlib import Path

from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from crm_pipelines.pipelines.simulate import create_pipeline
from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.world import World

CONF = Path(__file__).parents[2] / "conf"


def loaded(**runtime: object) -> SimulateParameters:
    loader = OmegaConfigLoader(
        str(CONF),
        base_env="base",
        default_run_env="base",
        runtime_params=runtime,
        config_patterns={"own": ["parameters/simulate.yml"]},
    )
    return SimulateParameters(**loader["own"]["simulate"])


def test_the_parameter_file_is_the_committed_demo() -> None:
    assert loaded() == SimulateParameters()


def test_sizes_and_seed_are_run_time_parameters() -> None:
    asked = {"customers": 2000, "items": 800, "interactions": 100_000}
    got = loaded(**asked, simulate_seed=7)
    assert got == SimulateParameters(**asked, seed=7)  # type: ignore[arg-type]


def test_the_pipeline_turns_parameters_into_the_world(tiny: SimulateParameters) -> None:
    catalog = DataCatalog(
        {"params:simulate": MemoryDataset(tiny, copy_mode="assign"), "demo_world": MemoryDataset(copy_mode="assign")}
    )
    SequentialRunner().run(create_pipeline(), catalog)
    world = catalog.load("demo_world")
    assert isinstance(world, World)
    assert len(world.customers) == tiny.customers
