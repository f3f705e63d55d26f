"""Paper D: what customers say: sentiment, entities, themes."""

from crm_pipelines.pipelines.feedback.pipeline import create_pipeline

__all__ = ["create_pipeline"]
