"""Records of purchases: customers at reference dates, with what they did and said before (paper D)."""

from crm_pipelines.pipelines.purchases.pipeline import create_pipeline

__all__ = ["create_pipeline"]
