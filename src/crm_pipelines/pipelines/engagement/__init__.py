"""Paper B: what to do next with each customer, in three steps, adjusted by the risk of churn."""

from crm_pipelines.pipelines.engagement.pipeline import create_pipeline

__all__ = ["create_pipeline"]
