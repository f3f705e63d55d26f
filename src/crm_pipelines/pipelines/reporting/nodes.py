"""Thin nodes around ``crm_pipelines.reporting``."""

import logging

import pandas as pd
import plotly.graph_objects as go

from crm_pipelines.reporting import figures, tables
from crm_pipelines.reporting.html import render_report
from crm_pipelines.reporting.results import Results, result_table
from crm_pipelines.reporting.summary import summary_text

logger = logging.getLogger(__name__)


def build_report(results: Results, *_written_before: object) -> str:
    """The HTML page of everything below the results folder.

    Args:
        results: read from disk when this node starts.
        _written_before: results of the current run; taken so that Kedro has written them by then.
    """
    return render_report(results)


def report_summary(results: Results, source: str, _report: str) -> None:
    """Log the comparison of the current source's models and where the report lies, once it has been written."""
    logger.info("\n%s", summary_text(results, source))


def make_tables(metrics: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The performance and the cold-start table of the current source."""
    rows = result_table("metrics", metrics)
    return tables.performance_table(rows), tables.cold_start_table(rows)


def make_performance_figure(metrics: pd.DataFrame) -> go.Figure:
    """Macro-F1 of the current source's models."""
    return figures.performance_figure(result_table("metrics", metrics))


def make_calibration_figure(reliability: pd.DataFrame) -> go.Figure:
    """Reliability of the current source's models."""
    return figures.calibration_figure(result_table("reliability", reliability))
