"""Wiring of the `simulate` pipeline."""

from kedro.pipeline import Pipeline, node

from crm_pipelines.pipelines.simulate.nodes import simulate_world


def create_pipeline(**kwargs: object) -> Pipeline:
    """Parameters in, raw files of the demo world out."""
    return Pipeline([node(simulate_world, inputs="params:simulate", outputs="demo_world", name="simulate_world")])
