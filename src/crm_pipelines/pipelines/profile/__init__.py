"""Paper D, the behaviour side: models of purchases, segments of fused profiles, one row per customer for use."""

from crm_pipelines.pipelines.profile.pipeline import create_pipeline

__all__ = ["create_pipeline"]
