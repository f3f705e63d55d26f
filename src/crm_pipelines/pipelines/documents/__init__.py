"""Raw files of one source to clean documents, words and folds."""

from crm_pipelines.pipelines.documents.pipeline import create_pipeline

__all__ = ["create_pipeline"]
