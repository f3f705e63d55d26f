"""Raw files of one source to clean records, arrays and splits."""

from crm_pipelines.pipelines.records.pipeline import create_pipeline

__all__ = ["create_pipeline"]
