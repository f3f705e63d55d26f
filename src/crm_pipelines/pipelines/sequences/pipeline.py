"""Wiring of ``sequences``."""

from kedro.pipeline import Pipeline, node

from crm_pipelines.pipelines.sequences import nodes


def create_pipeline(**_: object) -> Pipeline:
    """``raw_files`` and the block of the chosen source -> sequences, and records of churn with their splits."""
    return Pipeline(
        [
            node(
                nodes.read_log,
                ["raw_files", "params:source_spec"],
                ["interactions", "customers", "items", "ingestion_notes"],
                name="read_log",
            ),
            node(
                nodes.clean_log,
                ["interactions", "params:source_spec"],
                ["clean_interactions", "cleaning_report"],
                name="clean_log",
            ),
            node(
                nodes.prepare_sequences,
                ["clean_interactions", "customers", "params:source_spec"],
                ["sequence_arrays", "sequence_report"],
                name="prepare_sequences",
            ),
            node(
                nodes.read_churn,
                ["raw_files", "clean_interactions", "customers", "params:source_spec"],
                ["churn_records", "churn_layout", "churn_notes"],
                name="read_churn",
            ),
            node(
                nodes.clean_churn,
                ["churn_records", "churn_layout", "params:source_spec"],
                ["clean_churn_records", "churn_cleaning"],
                name="clean_churn",
            ),
            node(
                nodes.prepare_churn,
                ["clean_churn_records", "churn_layout", "params:source_spec", "params:folds"],
                ["churn_arrays", "churn_splits", "churn_columns", "churn_overview"],
                name="prepare_churn",
            ),
        ]
    )
