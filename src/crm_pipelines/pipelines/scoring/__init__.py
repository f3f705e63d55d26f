"""Fitted models applied to today's customers."""

from crm_pipelines.pipelines.scoring.pipeline import create_pipeline

__all__ = ["create_pipeline"]
