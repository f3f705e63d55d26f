"""Wiring of ``coldstart``: one train template per model, then one evaluation of all their runs."""

from kedro.pipeline import Pipeline, node

from crm_pipelines.models.registry import BEHAVIOUR_MODELS
from crm_pipelines.pipelines.coldstart import nodes
from crm_pipelines.scoring.cards import CARD_TABLES, write_card

PREPARED = ("event_stores", "event_features", "fitted_inputs", "cold_start_sets", "splits")
TABLES = ("metrics", "efficiency", "comparisons", "fairness", "reliability", "training", "environment")
SHARED = ("source_spec", "source", "coldstart.runs")


def runs_of(name: str) -> str:
    """Dataset that holds a model's runs: flat, since other namespaces read it."""
    return f"coldstart_{name}_runs"


def _model(name: str) -> Pipeline:
    """Train one model; a namespace of its own."""
    template = Pipeline(
        [
            node(
                nodes.training_of(name),
                [*PREPARED, *(f"params:{shared}" for shared in SHARED), "params:config"],
                "runs",
                name="train",
                tags=name,
            )
        ]
    )
    return Pipeline(
        template,
        namespace=f"coldstart.{name}",
        inputs=set(PREPARED),
        outputs={"runs": runs_of(name)},
        parameters={f"params:{shared}" for shared in SHARED},
    )


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
                    *(runs_of(name) for name in BEHAVIOUR_MODELS),
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
                    runs_of("tfpnet"),
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
                    *(runs_of(name) for name in BEHAVIOUR_MODELS),
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
