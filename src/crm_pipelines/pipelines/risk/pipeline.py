"""Wiring of ``risk``: one train template per model, then one evaluation of all their runs."""

from typing import Final

from kedro.pipeline import Pipeline, node

from crm_pipelines.models.registry import RISK_MODELS, RISK_ROWS
from crm_pipelines.pipelines.risk import nodes
from crm_pipelines.scoring.cards import CARD_TABLES, write_card

PREPARED: Final = ("record_arrays", "record_splits")
SHARED: Final = ("source_spec", "source", "risk.runs")
TABLES: Final = ("metrics", "efficiency", "comparisons", "fairness", "reliability", "training", "environment", "curves")


def runs_of(name: str) -> str:
    """Dataset that holds a model's runs: flat, since other namespaces read it."""
    return f"risk_{name}_runs"


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
    parameters = {f"params:{shared}": f"params:{shared}" for shared in SHARED}
    if name == "lightgbm_leaky":  # the same model, given more columns; the leaky forest has parameters of its own
        parameters["params:config"] = "params:risk.lightgbm.config"
    return Pipeline(
        template,
        namespace=f"risk.{name}",
        inputs=set(PREPARED),
        outputs={"runs": runs_of(name)},
        parameters=parameters,
    )


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
                    "params:kedro_environment",
                    *(runs_of(name) for name in RISK_ROWS),
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
                    *(runs_of(name) for name in RISK_MODELS),
                ],
                ["risk_scores", "risk_attention", "risk_importance", "risk_intervals"],
                name="score_records",
            ),
            node(
                nodes.keep,
                ["record_arrays", "params:scoring", "params:risk.runs", *(runs_of(name) for name in RISK_MODELS)],
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
