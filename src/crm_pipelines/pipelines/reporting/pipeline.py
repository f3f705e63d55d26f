"""Wiring of the pipeline ``reporting``."""

from typing import Final

from kedro.pipeline import Pipeline, node

from crm_pipelines.pipelines.reporting import nodes

WRITTEN_BEFORE: Final = ("metrics", "efficiency", "comparisons", "fairness", "reliability")
"""Datasets of the current run that must be on disk before ``results`` is read from there."""


def create_pipeline() -> Pipeline:
    """``results`` and the current source's ``metrics`` and ``reliability`` to ``report``, tables and figures."""
    return Pipeline(
        [
            node(nodes.make_tables, "metrics", ["performance_table", "cold_start_table"], name="make_tables"),
            node(nodes.make_performance_figure, "metrics", "performance_figure", name="make_performance_figure"),
            node(nodes.make_calibration_figure, "reliability", "calibration_figure", name="make_calibration_figure"),
            node(nodes.build_report, ["results", *WRITTEN_BEFORE], "report", name="build_report"),
            node(nodes.report_summary, ["results", "params:source", "report"], None, name="report_summary"),
        ]
    )
