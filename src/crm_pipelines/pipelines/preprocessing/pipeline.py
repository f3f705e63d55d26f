"""Wiring of ``preprocessing``."""

from kedro.pipeline import Pipeline, node

from crm_pipelines.pipelines.preprocessing import nodes


def create_pipeline(**_: object) -> Pipeline:
    """Canonical tables -> clean log, event stores, features, fitted inputs, cold-start sets, graph."""
    return Pipeline(
        [
            node(
                nodes.clean,
                ["interactions", "params:source_spec"],
                ["clean_interactions", "cleaning_report"],
                name="clean_interactions",
            ),
            node(
                nodes.index_events,
                ["clean_interactions", "items", "params:source_spec", "params:split"],
                ["event_stores", "entity_ids", "splits", "overview"],
                name="index_events",
            ),
            node(
                nodes.compute_event_features,
                ["event_stores", "splits", "params:source_spec", "params:features"],
                "event_features",
                name="compute_event_features",
            ),
            node(
                nodes.sample_cold_start_sets,
                ["event_stores", "splits"],
                "cold_start_sets",
                name="sample_cold_start_sets",
            ),
            node(
                nodes.fit_inputs,
                [
                    "event_stores",
                    "entity_ids",
                    "splits",
                    "clean_interactions",
                    "customers",
                    "items",
                    "params:source_spec",
                    "params:encoding",
                ],
                ["fitted_inputs", "imputation_report", "segments", "fitted_encoders"],
                name="fit_inputs",
            ),
            node(nodes.build_adjacency, ["event_stores", "splits"], "adjacency", name="build_adjacency"),
        ],
        tags="preprocessing",
    )
