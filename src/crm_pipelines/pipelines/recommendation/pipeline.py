"""Wiring of ``recommendation``: one train template per model, one evaluation of all their runs, then lists for use."""

from typing import Final

from kedro.pipeline import Pipeline, node

from crm_pipelines.models.registry import PRODUCT_MODELS
from crm_pipelines.pipelines.recommendation import nodes
from crm_pipelines.pipelines.templates import runs_of, training

DATA: Final = (
    *("product_arrays", "product_customers", "product_items"),
    *("general_arrays", "general_customers", "general_items"),
)
SOURCE: Final = ("params:source_spec", "params:sources")
TABLES: Final = ("metrics", "efficiency", "comparisons", "fairness", "reliability", "training", "environment")
SHARED: Final = ("source_spec", "sources", "source", "recommendation.runs", "recommendation.offers")


def _model(name: str) -> Pipeline:
    """Train one model; a namespace of its own."""
    return training("recommendation", name, nodes.training_of(name), DATA, SHARED)


def create_pipeline(**_: object) -> Pipeline:
    """Products taken -> runs of every recommender -> result tables, learning curves, and one list per customer."""
    every = [runs_of("recommendation", name) for name in PRODUCT_MODELS]
    around = Pipeline(
        [
            node(
                nodes.evaluate,
                [
                    "params:recommendation.runs",
                    "params:recommendation.challengers",
                    "params:kedro_environment",
                    *every,
                ],
                [f"recommendation_{table}" for table in TABLES],
                name="evaluate_recommendation_runs",
            ),
            node(
                nodes.learning_curves,
                [
                    *DATA,
                    *SOURCE,
                    "params:recommendation.runs",
                    "params:recommendation.offers",
                    "params:recommendation.curves",
                    "params:recommendation.product_transformer.config",
                ],
                "recommendation_transfer",
                name="draw_learning_curves",
            ),
            node(
                nodes.recommend,
                [
                    *DATA,
                    *SOURCE,
                    "params:recommendation.runs",
                    "params:recommendation.offers",
                    "params:recommendation.lists",
                    *every,
                ],
                ["product_recommendations", "recommendation_acceptance"],
                name="recommend_products",
            ),
        ]
    )
    return sum((_model(name) for name in PRODUCT_MODELS), start=around)
