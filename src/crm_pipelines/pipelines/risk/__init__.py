"""Paper C: the risk of a yes-no outcome, from a table of records."""

from crm_pipelines.pipelines.risk.pipeline import create_pipeline

__all__ = ["create_pipeline"]
