"""Wiring of ingestion."""

from kedro.pipeline import Pipeline, node

from crm_pipelines.pipelines.ingestion.nodes import read_source


def create_pipeline() -> Pipeline:
    """``raw_files`` and the block of the chosen source to the canonical tables."""
    return Pipeline(
        [
            node(
                read_source,
                inputs=["raw_files", "params:source_spec"],
                outputs=["interactions", "customers", "items", "ingestion_notes"],
                name="read_source",
            )
        ]
    )
