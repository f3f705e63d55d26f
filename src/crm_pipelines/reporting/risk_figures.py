"""Plotly figures of risk for the catalog, of one source at a time; the HTML page draws its own without plotly."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from crm_pipelines.columns import MODEL, PROTOCOL
from crm_pipelines.reporting.figures import colour
from crm_pipelines.reporting.names import model_label, model_rank
from crm_pipelines.reporting.tables import main_protocol


def curves_figure(curves: pd.DataFrame) -> go.Figure:
    """ROC and precision-recall of every model of the main protocol.

    Args:
        curves: ``share, threshold, true_positive_rate, false_positive_rate, precision, lift`` per model and protocol.
    """
    figure = make_subplots(rows=1, cols=2, subplot_titles=("ROC", "Precision and recall"))
    rows = curves[curves[PROTOCOL] == main_protocol(curves)]
    pairs = (("false_positive_rate", "true_positive_rate"), ("true_positive_rate", "precision"))
    for model in sorted(dict.fromkeys(rows[MODEL]), key=model_rank):
        mine = rows[rows[MODEL] == model]
        for column, (x, y) in enumerate(pairs, start=1):
            figure.add_scatter(
                x=mine[x].tolist(),
                y=mine[y].tolist(),
                mode="lines",
                name=model_label(model),
                legendgroup=model,
                showlegend=column == 1,
                line={"color": colour(model)},
                row=1,
                col=column,
            )
    figure.update_layout(template="simple_white", title="What the ranking by risk is worth")
    return figure


def gain_figure(curves: pd.DataFrame, budget: float) -> go.Figure:
    """Share of the positive records found against the share contacted, with the cut of a budget; lift on hover.

    Args:
        curves: as in `curves_figure`.
        budget: share of records that can be contacted.
    """
    figure = go.Figure()
    rows = curves[curves[PROTOCOL] == main_protocol(curves)]
    for model in sorted(dict.fromkeys(rows[MODEL]), key=model_rank):
        mine = rows[rows[MODEL] == model]
        figure.add_scatter(
            x=mine["share"].tolist(),
            y=mine["true_positive_rate"].tolist(),
            mode="lines",
            name=model_label(model),
            line={"color": colour(model)},
            hovertext=[
                f"lift {lift:.2f}, risk {cut:.3f}" for lift, cut in zip(mine["lift"], mine["threshold"], strict=True)
            ],
        )
    figure.add_vline(x=budget, line_dash="dash", annotation_text=f"budget {budget:.0%}")
    figure.update_layout(
        template="simple_white", title="Who to contact", xaxis_title="contacted", yaxis_title="found of all positive"
    )
    return figure


def attention_figure(attention: pd.DataFrame) -> go.Figure:
    """Mean attention of each step by true class, a line per model and class.

    Args:
        attention: ``model, step, position, class, weight, n``.
    """
    figure = go.Figure()
    for (model, label), rows in attention.groupby([MODEL, "class"], sort=False):
        ordered = rows.sort_values("position", kind="stable")
        figure.add_scatter(
            x=ordered["step"].astype(str).tolist(),
            y=ordered["weight"].tolist(),
            mode="lines+markers",
            name=f"{model_label(str(model))}, {label}",
        )
    figure.update_layout(
        template="simple_white", title="Attention by step", yaxis_title="weight", yaxis_rangemode="tozero"
    )
    return figure


def intervals_figure(intervals: pd.DataFrame) -> go.Figure:
    """Observed risk with its 95 % interval against stated risk, by tenth of the records.

    Args:
        intervals: ``model, decile, risk, observed, low, high, amount_coverage, n``.
    """
    figure = go.Figure()
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", line={"color": "#999", "dash": "dot"}, showlegend=False)
    for model, rows in intervals.groupby(MODEL, sort=False):
        figure.add_scatter(
            x=rows["risk"].tolist(),
            y=rows["observed"].tolist(),
            mode="markers",
            name=model_label(str(model)),
            marker={"color": colour(str(model))},
            error_y={
                "type": "data",
                "symmetric": False,
                "array": (rows["high"] - rows["observed"]).tolist(),
                "arrayminus": (rows["observed"] - rows["low"]).tolist(),
            },
        )
    figure.update_layout(template="simple_white", title="Risk intervals", xaxis_title="stated", yaxis_title="observed")
    return figure
