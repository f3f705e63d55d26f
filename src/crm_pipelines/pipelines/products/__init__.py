"""Products taken and what is known of both sides, from a log of any source (paper E)."""

from crm_pipelines.pipelines.products.pipeline import create_pipeline

__all__ = ["create_pipeline"]
