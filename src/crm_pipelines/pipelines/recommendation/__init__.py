"""Paper E: which product next, for few events and for none."""

from crm_pipelines.pipelines.recommendation.pipeline import create_pipeline

__all__ = ["create_pipeline"]
