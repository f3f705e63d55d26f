"""Wiring of the pipeline ``reporting``."""

from typing import Final

from kedro.pipeline import Pipeline, node
from kedro.pipeline.node import Node

from crm_pipelines.pipelines.reporting import nodes

EXPLANATIONS: Final = ("attention_by_day", "attention_by_feature", "embedding_map", "explanations")
TABLES: Final = ("metrics", "efficiency", "comparisons", "fairness", "reliability")
SCORED: Final = ("risk_curves", "risk_attention", "risk_importance", "risk_intervals", "risk_scores")
DECIDED: Final = ("engagement_curves", "engagement_plans", "engagement_policy", "engagement_effects")
SAID: Final = tuple(
    f"feedback_{table}"
    for table in ("tests", "classes", "confusion", "words", "entity_scores", "entity_counts", "themes", "pain_points")
)
RECOMMENDED: Final = ("recommendation_transfer", "recommendation_acceptance", "product_recommendations")
WORLD: Final = ("world_losses", "world_scores")
DESCRIBED: Final = (
    *("profile_curves", "profile_tests", "profile_forecasts", "profile_value_bands", "profile_segments"),
    *("profile_quality", "profile_bands", "customer_voice"),
)
WRITTEN_BEFORE: Final = {
    "coldstart": (*(f"coldstart_{table}" for table in TABLES), *EXPLANATIONS),
    "risk": (*(f"risk_{table}" for table in TABLES), *SCORED),
    "engagement": (*(f"engagement_{table}" for table in TABLES), *DECIDED, *WORLD),
    "check": ("check_findings",),
    "scoring": ("customer_actions_sheet", "contact_list", "scoring_drift", "scoring_overview"),
    "feedback": (
        *(f"{models}_{table}" for models in ("feedback", "profile") for table in TABLES),
        *SAID,
        *DESCRIBED,
        "documents_overview",
        "document_languages",
    ),
    "recommendation": (*(f"recommendation_{table}" for table in TABLES), *RECOMMENDED),
}
"""Pipeline of models -> its datasets of the current run that must be on disk before ``results`` is read from there."""


def create_pipeline(*models: str) -> Pipeline:
    """``results`` and the current source's result tables to ``report``, the tables of the paper and figures.

    Args:
        models: the pipelines whose results are reported, or other stages of `WRITTEN_BEFORE`; by default ``coldstart``.
    """
    models = models or ("coldstart",)
    written = [name for each in models for name in WRITTEN_BEFORE[each]]
    page = Pipeline(
        [
            node(nodes.build_report, ["results", "params:sources", *written], "report", name="build_report"),
            node(
                nodes.report_summary,
                ["results", "params:source", "params:sources", "report"],
                None,
                name="report_summary",
            ),
        ]
    )
    own = {
        "coldstart": _coldstart,
        "risk": _risk,
        "engagement": _engagement,
        "feedback": _feedback,
        "recommendation": _recommendation,
    }
    return sum((own[each]() for each in models if each in own), start=page)


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


def _feedback() -> Pipeline:
    """Table and figures of paper D."""
    return Pipeline(
        [
            node(
                nodes.make_paper_d_table,
                ["feedback_metrics", "feedback_tests"],
                "paper_d_table_1",
                name="make_paper_d_table",
            ),
            node(
                nodes.make_feedback_figures,
                ["feedback_themes", "feedback_confusion"],
                ["feedback_themes_figure", "feedback_confusion_figure"],
                name="make_feedback_figures",
            ),
            node(
                nodes.make_behaviour_table,
                ["profile_metrics", "profile_tests"],
                "paper_d_behaviour",
                name="make_paper_d_behaviour",
            ),
            node(
                nodes.make_profile_figures,
                ["profile_heat", "profile_forecasts", "profile_curves"],
                ["paper_d_figure_2", "paper_d_figure_3"],
                name="make_profile_figures",
            ),
            *_figures("feedback"),
            *_figures("profile"),
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
