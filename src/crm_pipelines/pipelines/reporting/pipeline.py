"""Wiring of the pipeline ``reporting``."""

from typing import Final

from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node

from crm_pipelines.pipelines.reporting import nodes

EXPLANATIONS: Final = ("attention_by_day", "attention_by_feature", "embedding_map", "explanations")
TABLES: Final = ("metrics", "efficiency", "comparisons", "fairness", "reliability")
SCORED: Final = ("risk_curves", "risk_attention", "risk_importance", "risk_intervals", "risk_scores")
DECIDED: Final = ("engagement_curves", "engagement_plans", "engagement_policy", "engagement_effects")
RECOMMENDED: Final = ("recommendation_transfer", "recommendation_acceptance", "product_recommendations")
WORLD: Final = ("world_losses", "world_scores")
WRITTEN_BEFORE: Final = {
    "coldstart": (*(f"coldstart_{table}" for table in TABLES), *EXPLANATIONS),
    "risk": (*(f"risk_{table}" for table in TABLES), *SCORED),
    "engagement": (*(f"engagement_{table}" for table in TABLES), *DECIDED, *WORLD),
    "recommendation": (*(f"recommendation_{table}" for table in TABLES), *RECOMMENDED),
}
"""Pipeline of models -> its datasets of the current run that must be on disk before ``results`` is read from there."""


def create_pipeline(models: str = "coldstart") -> Pipeline:
    """``results`` and the current source's result tables to ``report``, the tables of the paper and figures.

    Args:
        models: the pipeline whose results are reported.
    """
    page = Pipeline(
        [
            node(nodes.build_report, ["results", *WRITTEN_BEFORE[models]], "report", name="build_report"),
            node(nodes.report_summary, ["results", "params:source", "report"], None, name="report_summary"),
        ]
    )
    made = {"coldstart": _coldstart, "risk": _risk, "engagement": _engagement, "recommendation": _recommendation}
    return made[models]() + page


def _figures(models: str) -> list[Node]:
    """Figures that every pipeline of models has."""
    return [
        node(
            nodes.make_performance_figure,
            f"{models}_metrics",
            f"{models}_performance_figure",
            name=f"make_{models}_performance_figure",
        ),
        node(
            nodes.make_calibration_figure,
            f"{models}_reliability",
            f"{models}_calibration_figure",
            name=f"make_{models}_calibration_figure",
        ),
    ]


def _coldstart() -> Pipeline:
    """Tables and figures of paper A."""
    return Pipeline(
        [
            node(
                nodes.make_paper_a_tables,
                ["coldstart_metrics", "coldstart_efficiency", "coldstart_comparisons", "params:source"],
                [f"paper_a_table_{number}" for number in range(1, 6)],
                name="make_paper_a_tables",
            ),
            node(
                nodes.make_explanation_figures,
                list(EXPLANATIONS[:3]),
                ["attention_figure", "embedding_figure"],
                name="make_explanation_figures",
            ),
            *_figures("coldstart"),
        ]
    )


def _risk() -> Pipeline:
    """Tables and figures of paper C."""
    return Pipeline(
        [
            node(
                nodes.make_paper_c_tables,
                ["risk_metrics", "risk_efficiency", "risk_comparisons", "params:source"],
                [f"paper_c_table_{number}" for number in range(1, 5)],
                name="make_paper_c_tables",
            ),
            node(
                nodes.make_risk_figures,
                ["risk_curves", "risk_attention", "risk_intervals", "params:risk.scoring"],
                [f"risk_{name}_figure" for name in ("curves", "gain", "attention", "intervals")],
                name="make_risk_figures",
            ),
            *_figures("risk"),
        ]
    )


def _engagement() -> Pipeline:
    """Tables and figures of paper B."""
    return Pipeline(
        [
            node(
                nodes.make_paper_b_tables,
                ["world_data", *WORLD],
                [f"paper_b_table_{number}" for number in range(1, 5)],
                name="make_paper_b_tables",
            ),
            node(
                nodes.make_paper_b_figures,
                [*WORLD, "world_attention", "world_roc"],
                [f"paper_b_figure_{number}" for number in range(1, 4)],
                name="make_paper_b_figures",
            ),
            *_figures("engagement"),
        ]
    )


def _recommendation() -> Pipeline:
    """Tables and figures of paper E."""
    return Pipeline(
        [
            node(
                nodes.make_paper_e_tables,
                [
                    "recommendation_metrics",
                    "recommendation_efficiency",
                    "recommendation_comparisons",
                    "params:source",
                ],
                [f"paper_e_table_{number}" for number in range(1, 5)],
                name="make_paper_e_tables",
            ),
            node(
                nodes.make_recommendation_figures,
                ["recommendation_metrics", "recommendation_efficiency", "recommendation_transfer"],
                [f"paper_e_figure_{number}" for number in range(6, 9)] + ["recommendation_transfer_figure"],
                name="make_recommendation_figures",
            ),
        ]
    )
