"""Sequences of items and records of churn, from whatever a source has of the two (paper B)."""

from crm_pipelines.pipelines.sequences.pipeline import create_pipeline

__all__ = ["create_pipeline"]
