"""Says what a source holds, what is suspicious, and for which pipelines it suffices."""

from crm_pipelines.pipelines.check.pipeline import create_pipeline

__all__ = ["create_pipeline"]
