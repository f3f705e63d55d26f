"""The `simulate` pipeline: writes the demo world as raw files in the published formats."""

from crm_pipelines.pipelines.simulate.pipeline import create_pipeline

__all__ = ["create_pipeline"]
