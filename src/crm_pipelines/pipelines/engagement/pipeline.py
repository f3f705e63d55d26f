"""Wiring of ``engagement``: one train template per model, one evaluation of all their runs, then plans for use."""

from typing import Final

from kedro.pipeline import Pipeline, node

from crm_pipelines.models.registry import CHURN_MODELS, SEQUENCE_MODELS
from crm_pipelines.pipelines.engagement import nodes
from crm_pipelines.pipelines.templates import runs_of, training
from crm_pipelines.scoring.cards import CARD_TABLES, write_card

SEQUENCES: Final = ("sequence_arrays",)
CHURN: Final = ("churn_arrays", "churn_splits")
TABLES: Final = ("metrics", "efficiency", "comparisons", "fairness", "reliability", "training", "environment", "curves")
WORLD: Final = ("losses", "scores", "attention", "roc", "plans", "data")


def _model(name: str) -> Pipeline:
    """Train one model; a namespace of its own."""
    shared = ("source_spec", "source", "engagement.runs")
    if name in SEQUENCE_MODELS:
        return training(
            "engagement", name, nodes.sequence_training_of(name), SEQUENCES, (*shared, "engagement.sequences")
        )
    return training("engagement", name, nodes.churn_training_of(name), CHURN, shared)


def create_pipeline(**_: object) -> Pipeline:
    """Sequences and records of churn -> runs of every model -> result tables, and one plan per customer for use."""
    items, churn = ([runs_of("engagement", name) for name in names] for names in (SEQUENCE_MODELS, CHURN_MODELS))
    evaluation = Pipeline(
        [
            node(
                nodes.evaluate,
                [
                    "params:engagement.runs",
                    "params:engagement.challengers",
                    "params:kedro_environment",
                    *items,
                    *churn,
                ],
                [f"engagement_{table}" for table in TABLES],
                name="evaluate_engagement_runs",
            ),
            node(
                nodes.plan_items,
                ["sequence_arrays", "customers", "params:engagement.runs", "params:engagement.plans", *items],
                "item_plans",
                name="plan_items",
            ),
            node(
                nodes.score_churn,
                ["churn_arrays", "clean_churn_records", "params:engagement.plans", *churn],
                "churn_scores",
                name="score_churn",
            ),
            node(
                nodes.run_paper_world,
                "params:engagement.world_seeds",
                [f"world_{name}" for name in WORLD],
                name="run_paper_world",
            ),
            node(nodes.read_contacts, ["raw_files", "params:source_spec"], "contacts", name="read_contacts"),
            node(
                nodes.decide,
                [
                    "item_plans",
                    "churn_scores",
                    "contacts",
                    "customers",
                    "clean_interactions",
                    "params:source_spec",
                    "params:engagement.plans",
                    "params:engagement.policy",
                ],
                ["engagement_plans", "engagement_policy", "engagement_effects"],
                name="decide",
            ),
            node(
                nodes.keep_items,
                ["sequence_arrays", "params:engagement.plans", *items],
                "kept_items",
                name="keep_item_model",
            ),
            node(
                nodes.keep_churn,
                [
                    *("churn_arrays", "clean_interactions", "customers", "params:source_spec"),
                    *("params:engagement.plans", "params:scoring", *churn),
                ],
                "kept_churn",
                name="keep_churn_model",
            ),
            *(
                node(
                    write_card,
                    [f"kept_{system}", *(f"engagement_{table}" for table in CARD_TABLES), "params:source_spec"],
                    f"card_{system}",
                    name=f"write_{system}_card",
                )
                for system in ("items", "churn")
            ),
        ]
    )
    return sum((_model(name) for name in (*SEQUENCE_MODELS, *CHURN_MODELS)), start=evaluation)
