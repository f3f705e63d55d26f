"""Wiring of ``check``."""

from kedro.pipeline import Pipeline, node

from crm_pipelines.pipelines.check import nodes


def create_pipeline(**_: object) -> Pipeline:
    """``raw_files`` and the block of the chosen source -> what was found; nothing else is read or written."""
    return Pipeline(
        [
            node(
                nodes.inspect,
                ["raw_files", "params:source_spec", "params:source", "params:split", "params:folds"],
                ["check_facts", "check_columns", "check_findings", "check_requirements"],
                name="inspect_source",
            ),
            node(nodes.conclude, ["check_findings", "check_facts", "params:source"], None, name="conclude_check"),
        ]
    )
