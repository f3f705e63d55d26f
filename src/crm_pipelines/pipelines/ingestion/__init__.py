"""Raw files of one source to canonical tables."""

from crm_pipelines.pipelines.ingestion.pipeline import create_pipeline

__all__ = ["create_pipeline"]
