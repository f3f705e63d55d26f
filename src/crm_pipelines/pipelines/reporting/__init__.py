"""The pipeline ``reporting``: figures and tables of the current source, one HTML page of every source."""

from crm_pipelines.pipelines.reporting.pipeline import create_pipeline

__all__ = ["create_pipeline"]
