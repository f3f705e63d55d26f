"""Wiring of the `simulate` pipeline."""

from kedro.pipeline import Pipeline, node

from crm_pipelines.pipelines.simulate.nodes import simulate_platforms, simulate_world


def create_pipeline(**kwargs: object) -> Pipeline:
    """Parameters in, raw files of the demo world and of the finance platforms out."""
    return Pipeline(
        [
            node(simulate_world, inputs="params:simulate", outputs="demo_world", name="simulate_world"),
            node(simulate_platforms, inputs="params:platform", outputs="platforms", name="simulate_platforms"),
        ]
    )
