"""Wiring of ``purchases``."""

from kedro.pipeline import Pipeline, node

from crm_pipelines.pipelines.purchases import nodes


def create_pipeline(**_: object) -> Pipeline:
    """``raw_files``, the block of the chosen source and document profiles -> records of purchases and their splits."""
    return Pipeline(
        [
            node(
                nodes.read_log,
                ["raw_files", "params:source_spec"],
                ["interactions", "customers", "items", "ingestion_notes"],
                name="read_purchase_log",
            ),
            node(
                nodes.clean_log,
                ["interactions", "params:source_spec"],
                ["clean_interactions", "cleaning_report"],
                name="clean_purchase_log",
            ),
            node(
                nodes.find_purchases,
                ["raw_files", "clean_interactions", "customers", "items", "params:source_spec"],
                ["purchase_log", "purchase_customers", "purchase_lines"],
                name="find_purchases",
            ),
            node(
                nodes.make_records,
                ["purchase_log", "purchase_customers", "document_profiles", "params:source_spec"],
                ["purchase_records", "purchase_layout", "purchase_notes"],
                name="make_purchase_records",
            ),
            node(
                nodes.clean_records,
                ["purchase_records", "purchase_layout", "params:source_spec"],
                ["clean_purchase_records", "purchase_cleaning"],
                name="clean_purchase_records",
            ),
            node(
                nodes.prepare_records,
                [
                    "clean_purchase_records",
                    "purchase_layout",
                    "purchase_log",
                    "purchase_customers",
                    "document_profiles",
                    "params:source_spec",
                    "params:folds",
                ],
                ["purchase_arrays", "purchase_splits", "purchase_columns", "purchase_overview"],
                name="prepare_purchase_records",
            ),
        ]
    )
