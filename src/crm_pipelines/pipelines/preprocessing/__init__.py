"""Clean tables, the time split, and everything fitted on the training part (paper A's data preparation)."""

from crm_pipelines.pipelines.preprocessing.pipeline import create_pipeline

__all__ = ["create_pipeline"]
