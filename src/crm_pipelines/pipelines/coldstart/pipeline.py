"""Wiring of ``coldstart``: one train template per model, then one evaluation of all their runs."""

from kedro.pipeline import Pipeline, node

from crm_pipelines.models.registry import BEHAVIOUR_MODELS
from crm_pipelines.pipelines.coldstart import nodes
from crm_pipelines.pipelines.templates import runs_of, training
from crm_pipelines.scoring.cards import CARD_TABLES, write_card

PREPARED = ("event_stores", "event_features", "fitted_inputs", "cold_start_sets", "splits")
TABLES = ("metrics", "efficiency", "comparisons", "fairness", "reliability", "training", "environment")
SHARED = ("source_spec", "source", "coldstart.runs")


def _model(name: str) -> Pipeline:
    """Train one model; a namespace of its own."""
    return training("coldstart", name, nodes.training_of(name), PREPARED, SHARED)


def create_pipeline(**_: object) -> Pipeline:
    """Prepared inputs -> runs of every model -> result tables, and what TFP-Net looked at."""
    evaluation = Pipeline(
        [
            node(
                nodes.evaluate,
                [
                    "params:coldstart.runs",
                    "params:coldstart.challengers",
                    "params:kedro_environment",
                    *(runs_of("coldstart", name) for name in BEHAVIOUR_MODELS),
                ],
                [f"coldstart_{table}" for table in TABLES],
                name="evaluate_runs",
            ),
            node(
                nodes.explain,
                [
                    *PREPARED,
                    "params:source_spec",
                    "params:coldstart.runs",
                    "segments",
                    "entity_ids",
                    "items",
                    runs_of("coldstart", "tfpnet"),
                ],
                ["attention_by_day", "attention_by_feature", "embedding_map", "explanations"],
                name="explain_tfpnet",
                tags="tfpnet",
            ),
            node(
                nodes.keep,
                [
                    *("clean_interactions", "customers", "items", "fitted_encoders", *PREPARED),
                    *("params:source_spec", "params:features", "params:scoring", "params:coldstart.runs"),
                    *(runs_of("coldstart", name) for name in BEHAVIOUR_MODELS),
                ],
                "kept_behaviour",
                name="keep_behaviour_model",
            ),
            node(
                write_card,
                ["kept_behaviour", *(f"coldstart_{table}" for table in CARD_TABLES), "params:source_spec"],
                "card_behaviour",
                name="write_behaviour_card",
            ),
        ]
    )
    return sum((_model(name) for name in BEHAVIOUR_MODELS), start=evaluation)
