"""The Kedro pipeline and its parameter file."""

from datetime import UTC
from pathlib import Path

import pytest
import yaml
from kedro.config import OmegaConfigLoader
from kedro.io import DataCatalog, MemoryDataset
from kedro.runner import SequentialRunner

from crm_pipelines.pipelines.simulate import create_pipeline
from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.world import World, build_world
from crm_pipelines.simulate.writers import FILES
from crm_pipelines.sources import select_source

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


@pytest.mark.parametrize("world", ["large", "large_reviews"])
def test_a_large_world_is_read_by_the_block_that_comes_with_it(world: str) -> None:
    folder = CONF / world / "parameters"
    own = {name: yaml.safe_load((folder / f"{name}.yml").read_text())[name] for name in ("simulate", "sources")}
    given = {key: value for key, value in own["simulate"].items() if "${" not in str(value)}
    parameters = SimulateParameters(**given)
    log = select_source(own["sources"], world).interactions
    assert log.file.removeprefix("demo/") in FILES.values()
    if log.window.start is not None and log.window.end is not None:
        assert log.window.start.replace(tzinfo=UTC).timestamp() == parameters.epoch
        assert (log.window.end - log.window.start).days == parameters.days


def test_a_log_of_purchases_is_nearly_all_reviewed(tiny: SimulateParameters) -> None:
    shop = build_world(tiny.model_copy(update={"purchase_strength": 8.0, "review_share": 1.25, "days": 900}))
    bought = (shop.interactions.behavior_type == "buy").mean()
    assert bought > 0.6
    assert len(shop.reviews) > 0.9 * bought * len(shop.interactions)


def test_the_pipeline_turns_parameters_into_the_world(tiny: SimulateParameters) -> None:
    catalog = DataCatalog(
        {"params:simulate": MemoryDataset(tiny, copy_mode="assign"), "demo_world": MemoryDataset(copy_mode="assign")}
    )
    SequentialRunner().run(create_pipeline().only_nodes("simulate_world"), catalog)
    world = catalog.load("demo_world")
    assert isinstance(world, World)
    assert len(world.customers) == tiny.customers
