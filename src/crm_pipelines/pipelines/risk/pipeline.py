"""Wiring of ``risk``: one train template per model, then one evaluation of all their runs."""

from typing import Final

from kedro.pipeline import Pipeline, node

from crm_pipelines.models.registry import RISK_MODELS, RISK_ROWS
from crm_pipelines.pipelines.risk import nodes
from crm_pipelines.pipelines.templates import runs_of, training
from crm_pipelines.scoring.cards import CARD_TABLES, write_card

PREPARED: Final = ("record_arrays", "record_splits")
SHARED: Final = ("source_spec", "source", "risk.runs")
TABLES: Final = ("metrics", "efficiency", "comparisons", "fairness", "reliability", "training", "environment", "curves")


def _model(name: str) -> Pipeline:
    """Train one model; a namespace of its own."""
    # the same model, given more columns; the leaky forest has parameters of its own
    borrowed = {"params:config": "params:risk.lightgbm.config"} if name == "lightgbm_leaky" else None
    return training("risk", name, nodes.training_of(name), PREPARED, SHARED, borrowed)


def create_pipeline(**_: object) -> Pipeline:
    """Prepared records -> runs of every model -> result tables, and one row per record for use."""
    evaluation = Pipeline(
        [
            node(
                nodes.evaluate,
                [
                    "params:risk.runs",
                    "params:risk.challengers",
                    "params:risk.scoring",
                    "params:folds",
                    "params:kedro_environment",
                    *(runs_of("risk", name) for name in RISK_ROWS),
                ],
                [f"risk_{table}" for table in TABLES],
                name="evaluate_risk_runs",
            ),
            node(
                nodes.score,
                [
                    *PREPARED,
                    "params:risk.runs",
                    "params:risk.scoring",
                    *(runs_of("risk", name) for name in RISK_MODELS),
                ],
                ["risk_scores", "risk_attention", "risk_importance", "risk_intervals"],
                name="score_records",
            ),
            node(
                nodes.keep,
                [
                    "record_arrays",
                    "params:scoring",
                    "params:risk.runs",
                    *(runs_of("risk", name) for name in RISK_MODELS),
                ],
                "kept_risk",
                name="keep_risk_model",
            ),
            node(
                write_card,
                ["kept_risk", *(f"risk_{table}" for table in CARD_TABLES), "params:source_spec"],
                "card_risk",
                name="write_risk_card",
            ),
        ]
    )
    return sum((_model(name) for name in RISK_ROWS), start=evaluation)
