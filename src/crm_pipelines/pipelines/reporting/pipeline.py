"""Wiring of the pipeline ``reporting``."""

from typing import Final

from kedro.pipeline import Pipeline, node

from crm_pipelines.pipelines.reporting import nodes

EXPLANATIONS: Final = ("attention_by_day", "attention_by_feature", "embedding_map", "explanations")
WRITTEN_BEFORE: Final = ("metrics", "efficiency", "comparisons", "fairness", "reliability", *EXPLANATIONS)
"""Datasets of the current run that must be on disk before ``results`` is read from there."""


def create_pipeline() -> Pipeline:
    """``results`` and the current source's result tables to ``report``, the tables of the paper and figures."""
    return Pipeline(
        [
            node(
                nodes.make_paper_a_tables,
                ["metrics", "efficiency", "comparisons", "params:source"],
                [f"paper_a_table_{number}" for number in range(1, 6)],
                name="make_paper_a_tables",
            ),
            node(nodes.make_performance_figure, "metrics", "performance_figure", name="make_performance_figure"),
            node(nodes.make_calibration_figure, "reliability", "calibration_figure", name="make_calibration_figure"),
            node(
                nodes.make_explanation_figures,
                list(EXPLANATIONS[:3]),
                ["attention_figure", "embedding_figure"],
                name="make_explanation_figures",
            ),
            node(nodes.build_report, ["results", *WRITTEN_BEFORE], "report", name="build_report"),
            node(nodes.report_summary, ["results", "params:source", "report"], None, name="report_summary"),
        ]
    )
