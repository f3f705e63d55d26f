"""Wiring of ``products``."""

from kedro.pipeline import Pipeline, node

from crm_pipelines.pipelines.products import nodes


def create_pipeline(**_: object) -> Pipeline:
    """``raw_files`` and the block of the chosen source -> products taken, there and in the log to pre-train on."""
    return Pipeline(
        [
            node(
                nodes.read_products,
                ["raw_files", "params:source_spec"],
                ["product_interactions", "product_customers", "product_items", "product_notes"],
                name="read_products",
            ),
            node(
                nodes.prepare_products,
                ["product_interactions", "product_customers", "product_items", "params:source_spec"],
                ["product_arrays", "product_report"],
                name="prepare_products",
            ),
            node(
                nodes.prepare_general,
                ["raw_files", "params:source_spec", "params:sources"],
                ["general_arrays", "general_customers", "general_items", "general_report"],
                name="prepare_general",
            ),
        ]
    )
