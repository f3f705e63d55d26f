"""Wiring of ``profile``: one train template per model, one evaluation of all their runs, then customers for use."""

from typing import Final

from kedro.pipeline import Pipeline, node

from crm_pipelines.models.registry import PURCHASE_MODELS
from crm_pipelines.pipelines.profile import nodes
from crm_pipelines.pipelines.templates import runs_of, training

PREPARED: Final = ("purchase_arrays", "purchase_splits")
SHARED: Final = ("source_spec", "source", "profile.runs")
TABLES: Final = ("metrics", "efficiency", "comparisons", "fairness", "reliability", "training", "environment", "curves")
DESCRIBED: Final = ("customer_voice", "profile_segments", "profile_heat", "profile_quality", "profile_bands")


def _model(name: str) -> Pipeline:
    """Train one model; a namespace of its own."""
    return training("profile", name, nodes.training_of(name), PREPARED, SHARED)


def create_pipeline(**_: object) -> Pipeline:
    """Records of purchases -> runs of every model -> result tables, segments, and one row per customer for use."""
    runs = [runs_of("profile", name) for name in PURCHASE_MODELS]
    evaluation = Pipeline(
        [
            node(
                nodes.evaluate,
                [
                    "purchase_splits",
                    "params:profile.runs",
                    "params:profile.challengers",
                    "params:kedro_environment",
                    *runs,
                ],
                [*(f"profile_{table}" for table in TABLES), "profile_tests"],
                name="evaluate_profile_runs",
            ),
            node(
                nodes.forecast,
                [*PREPARED, "params:profile.runs", "params:profile.lightgbm.config", *runs],
                ["profile_forecasts", "profile_value_bands"],
                name="forecast_purchases",
            ),
            node(
                nodes.describe_customers,
                [
                    *("purchase_log", "purchase_customers", "document_profiles", "clean_documents"),
                    *PREPARED,
                    "purchase_layout",
                    "params:source_spec",
                    *(f"params:profile.{block}" for block in ("runs", "segments", "voice")),
                    *runs,
                ],
                list(DESCRIBED),
                name="describe_customers",
            ),
        ]
    )
    return sum((_model(name) for name in PURCHASE_MODELS), start=evaluation)
