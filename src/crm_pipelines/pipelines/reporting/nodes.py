"""Thin nodes around ``crm_pipelines.reporting``."""

import logging
from collections.abc import Mapping
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from crm_pipelines.config import ScoringParameters
from crm_pipelines.reporting import (
    engagement_figures,
    explanation_figures,
    feedback_figures,
    figures,
    paper_a,
    paper_b,
    paper_c,
    paper_d,
    paper_d_profile,
    paper_e,
    profile_figures,
    recommendation_figures,
    risk_figures,
    studies,
)
from crm_pipelines.reporting.html import render_report
from crm_pipelines.reporting.published import data_set_of
from crm_pipelines.reporting.results import Results, result_table
from crm_pipelines.reporting.summary import summary_text

logger = logging.getLogger(__name__)


def build_report(results: Results, sources: Mapping[str, Any], *_written_before: object) -> str:
    """The HTML page of everything below the results folder.

    Args:
        results: read from disk when this node starts.
        sources: block of every source that is configured, for its title.
        _written_before: results of the current run; taken so that Kedro has written them by then.
    """
    return render_report(results, _titles(sources))


def _titles(sources: Mapping[str, Any]) -> dict[str, str]:
    return {
        name: str(block["title"]) for name, block in sources.items() if isinstance(block, dict) and "title" in block
    }


def report_summary(results: Results, source: str, sources: Mapping[str, Any], _report: str) -> None:
    """Log the comparison of the current source's models and where the report lies, once it has been written.

    Raises:
        UserError: if the current source's files cannot be read, so that the report had to leave it out.
    """
    results.check(source)
    logger.info("\n%s", summary_text(results, source, _titles(sources).get(source, "")))


def make_paper_a_tables(
    metrics: pd.DataFrame, efficiency: pd.DataFrame, comparisons: pd.DataFrame, source: str
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tables 1 to 5 of paper A for the current source, published beside measured."""
    data_set = data_set_of(source)
    measured, cost = result_table("metrics", metrics), result_table("efficiency", efficiency)
    pairs = result_table("comparisons", comparisons)
    return (
        paper_a.table_1(measured, pairs, data_set),
        paper_a.table_2(cost, data_set),
        paper_a.table_3(measured, pairs, data_set),
        studies.table_4(measured, pairs, data_set),
        studies.table_5(measured, pairs, data_set),
    )


def make_performance_figure(metrics: pd.DataFrame) -> go.Figure:
    """Macro-F1 of the current source's models."""
    return figures.performance_figure(result_table("metrics", metrics))


def make_calibration_figure(reliability: pd.DataFrame) -> go.Figure:
    """Reliability of the current source's models."""
    return figures.calibration_figure(result_table("reliability", reliability))


def make_explanation_figures(
    attention_by_day: pd.DataFrame, attention_by_feature: pd.DataFrame, embedding_map: pd.DataFrame
) -> tuple[go.Figure, go.Figure]:
    """Figures 3 and 4 of paper A: attention, and customers among the prototypes."""
    by_day = result_table("attention_by_day", attention_by_day)
    by_feature = result_table("attention_by_feature", attention_by_feature)
    points = result_table("embedding_map", embedding_map)
    return explanation_figures.attention_figure(by_day, by_feature), explanation_figures.embedding_figure(points)


def make_paper_c_tables(
    metrics: pd.DataFrame, efficiency: pd.DataFrame, comparisons: pd.DataFrame, source: str
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tables 1 to 4 of paper C for the current source, published beside measured."""
    data_set = paper_c.data_set_of(source)
    measured, cost = result_table("metrics", metrics), result_table("efficiency", efficiency)
    pairs = result_table("comparisons", comparisons)
    both = pd.concat([measured, cost], ignore_index=True)
    return (
        paper_c.table_1(measured, pairs, data_set),
        paper_c.table_2(cost, pairs, measured, data_set),
        paper_c.variants(3, both, pairs, data_set, "encoder_"),
        paper_c.variants(4, both, pairs, data_set, "attention_"),
    )


def make_risk_figures(
    curves: pd.DataFrame, attention: pd.DataFrame, intervals: pd.DataFrame, scoring: ScoringParameters
) -> tuple[go.Figure, go.Figure, go.Figure, go.Figure]:
    """ROC and precision-recall, who to contact, attention by step, risk intervals."""
    found = result_table("curves", curves)
    return (
        risk_figures.curves_figure(found),
        risk_figures.gain_figure(found, scoring.budget),
        risk_figures.attention_figure(result_table("attention", attention)),
        risk_figures.intervals_figure(result_table("intervals", intervals)),
    )


def make_paper_b_tables(
    data: pd.DataFrame, losses: pd.DataFrame, scores: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tables I to IV of paper B: what it publishes of its simulated world beside what was measured on ours."""
    measured = paper_b.performance(losses, scores)
    return (
        data,
        measured.drop(columns="table_4").rename(columns={"table_2": "published"}),
        paper_b.loss_curves(losses),
        measured.drop(columns="table_2").rename(columns={"table_4": "published"}),
    )


def make_paper_b_figures(
    losses: pd.DataFrame, scores: pd.DataFrame, attention: pd.DataFrame, roc: pd.DataFrame
) -> tuple[go.Figure, go.Figure, go.Figure]:
    """Figures 1 to 3 of paper B: losses, attention, ROC."""
    return (
        engagement_figures.losses_figure(paper_b.loss_curves(losses)),
        engagement_figures.attention_heatmap(attention),
        engagement_figures.roc_figure(roc, scores),
    )


def make_behaviour_table(metrics: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """Table 1 of paper D: published, ours, strongest peer."""
    return paper_d_profile.table_1(result_table("metrics", metrics), result_table("tests", tests))


def make_profile_figures(
    heat: pd.DataFrame, forecasts: pd.DataFrame, curves: pd.DataFrame
) -> tuple[go.Figure, go.Figure]:
    """Figures 2 and 3 of paper D: the heat map of segments, and purchases predicted and observed."""
    found = result_table("forecasts", forecasts)
    return profile_figures.heat_figure(heat), profile_figures.purchase_figure(found, result_table("curves", curves))


def make_paper_d_table(metrics: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """Table 1 of paper D for the current source: sentiment, published beside measured."""
    return paper_d.table_1(result_table("metrics", metrics), result_table("tests", tests))


def make_feedback_figures(themes: pd.DataFrame, confusion: pd.DataFrame) -> tuple[go.Figure, go.Figure]:
    """Themes over time, and decided classes by true class."""
    return (
        feedback_figures.themes_figure(result_table("themes", themes)),
        feedback_figures.confusion_figure(result_table("confusion", confusion)),
    )


def make_paper_e_tables(
    metrics: pd.DataFrame, efficiency: pd.DataFrame, comparisons: pd.DataFrame, source: str
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Tables 1 to 4 of paper E for the current source, published beside measured."""
    data_set = paper_e.data_set_of(source)
    measured, cost = result_table("metrics", metrics), result_table("efficiency", efficiency)
    pairs = result_table("comparisons", comparisons)
    return (
        paper_e.table_1(measured, pairs, data_set),
        paper_e.table_2(cost, pairs, measured, data_set),
        paper_e.table_3(measured, pairs, data_set),
        paper_e.table_4(cost, pairs, data_set),
    )


def make_recommendation_figures(
    metrics: pd.DataFrame, efficiency: pd.DataFrame, transfer: pd.DataFrame
) -> tuple[go.Figure, go.Figure, go.Figure, go.Figure]:
    """Figures 6 to 9 of paper E in our measures: quality, cost, ablation, and learning curves."""
    measured, cost = result_table("metrics", metrics), result_table("efficiency", efficiency)
    return (
        recommendation_figures.quality_figure(measured),
        recommendation_figures.cost_figure(measured, cost),
        recommendation_figures.ablation_figure(measured),
        recommendation_figures.transfer_figure(result_table("transfer", transfer)),
    )
