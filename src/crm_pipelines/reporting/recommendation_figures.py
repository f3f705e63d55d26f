"""Plotly figures of paper E for the catalog: quality, cost, ablation (its Figures 6 to 8), and learning curves."""

import pandas as pd
import plotly.graph_objects as go

from crm_pipelines.columns import METRIC, MODEL, PROTOCOL, RESULT_VALUE, SLICE, SLICE_ALL, VARIANT
from crm_pipelines.reporting.figures import colour
from crm_pipelines.reporting.names import metric_name, model_label, model_rank
from crm_pipelines.reporting.paper_e import FOCUS, PAIRS, RANKED
from crm_pipelines.reporting.tables import main_protocol

QUALITY = (*RANKED[:3], *PAIRS)
ABLATION = ("baseline", "tl", "gnn", "main")


def _means(rows: pd.DataFrame, by: str) -> pd.Series:
    """Mean of each (``by``, metric) over the runs of the main protocol's whole test."""
    kept = rows[(rows[SLICE] == SLICE_ALL) & (rows[PROTOCOL] == main_protocol(rows))]
    means: pd.Series = kept.groupby([by, METRIC])[RESULT_VALUE].mean()
    return means


def quality_figure(metrics: pd.DataFrame) -> go.Figure:
    """Figure 6: measures of the lists, and the paper's on pairs, of every model."""
    rows = metrics[metrics[VARIANT] == "main"]
    means = _means(rows, MODEL)
    figure = go.Figure()
    for model in sorted(dict.fromkeys(rows[MODEL]), key=model_rank):
        figure.add_bar(
            x=[metric_name(metric).label for metric in QUALITY],
            y=[float(means.get((model, metric), float("nan"))) for metric in QUALITY],
            name=model_label(model),
            marker_color=colour(model),
        )
    return figure.update_layout(template="simple_white", barmode="group", title="Quality of the lists")


def cost_figure(metrics: pd.DataFrame, efficiency: pd.DataFrame) -> go.Figure:
    """Figure 7: quality by cost of a fit, the size of a point by the number of parameters."""
    means = _means(metrics[metrics[VARIANT] == "main"], MODEL)
    costs = _means(efficiency[efficiency[VARIANT] == "main"], MODEL)
    figure = go.Figure()
    for model in sorted(dict.fromkeys(metrics[MODEL]), key=model_rank):
        size = float(costs.get((model, "parameters"), 1.0))
        figure.add_scatter(
            x=[float(costs.get((model, "fit_seconds"), float("nan")))],
            y=[float(means.get((model, "ndcg@10"), float("nan")))],
            name=model_label(model),
            mode="markers",
            marker={"color": colour(model), "size": 8 + 4 * max(len(str(int(size))) - 2, 0)},
        )
    figure.update_xaxes(type="log", title="Seconds of a fit")
    figure.update_yaxes(title="NDCG@10")
    return figure.update_layout(template="simple_white", title="Quality by cost")


def ablation_figure(metrics: pd.DataFrame) -> go.Figure:
    """Figure 8: the model and its parts."""
    rows = metrics[metrics[MODEL] == FOCUS[0]]
    means = _means(rows, VARIANT)
    figure = go.Figure()
    for metric in QUALITY:
        figure.add_bar(
            x=["baseline", "+ tl", "+ gnn", "+ tl + gnn"],
            y=[float(means.get((variant, metric), float("nan"))) for variant in ABLATION],
            name=metric_name(metric).label,
        )
    return figure.update_layout(template="simple_white", barmode="group", title="Product Transformer and its parts")


def transfer_figure(transfer: pd.DataFrame) -> go.Figure:
    """NDCG@10 by the share of the training customers, pre-trained and from scratch."""
    figure = go.Figure()
    for column, name, dash in (("with_transfer", "pre-trained", "solid"), ("without_transfer", "from scratch", "dash")):
        figure.add_scatter(
            x=transfer["share"].tolist(),
            y=transfer[column].tolist(),
            name=name,
            mode="lines+markers",
            line={"color": colour(FOCUS[0]), "dash": dash},
        )
    figure.update_xaxes(type="log", title="Share of the training customers")
    figure.update_yaxes(title="NDCG@10")
    return figure.update_layout(template="simple_white", title="What pre-training gives")
