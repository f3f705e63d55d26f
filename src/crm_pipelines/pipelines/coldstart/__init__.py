"""Paper A: behaviour prediction, warm and cold-start."""

from crm_pipelines.pipelines.coldstart.pipeline import create_pipeline

__all__ = ["create_pipeline"]
