"""Wiring of ``records``."""

from kedro.pipeline import Pipeline, node

from crm_pipelines.pipelines.records import nodes


def create_pipeline(**_: object) -> Pipeline:
    """``raw_files`` and the block of the chosen source -> clean records, arrays and splits."""
    return Pipeline(
        [
            node(
                nodes.read,
                ["raw_files", "params:source_spec"],
                ["records", "records_layout", "records_notes"],
                name="read_records",
            ),
            node(
                nodes.clean,
                ["records", "records_layout", "params:source_spec"],
                ["clean_records", "records_cleaning"],
                name="clean_records",
            ),
            node(
                nodes.prepare_records,
                ["clean_records", "records_layout", "params:source_spec", "params:folds"],
                ["record_arrays", "record_splits", "records_columns", "records_overview"],
                name="prepare_records",
            ),
        ]
    )
