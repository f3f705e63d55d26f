"""Plotly figures of paper D's behaviour side for the catalog: its heat map of segments and its curve of purchases."""

from typing import Final

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from crm_pipelines.columns import MODEL, PROTOCOL, N
from crm_pipelines.reporting.figures import colour
from crm_pipelines.reporting.names import model_label
from crm_pipelines.reporting.tables import main_protocol

CURVES: Final = ("hybrid", "hybrid_plus", "rfm_rules")
"""Figure 3 draws the hybrid against rules."""


def heat_figure(heat: pd.DataFrame) -> go.Figure:
    """Figure 2: how far each segment lies from all customers in behaviour and sentiment, from -1 to 1.

    Args:
        heat: ``segment, name, fact, value``, segments by falling purchase probability.
    """
    figure = go.Figure()
    figure.update_layout(title="Segments: mean rank of their members among all customers")
    if heat.empty:
        return figure
    names, facts = list(dict.fromkeys(heat["name"])), list(dict.fromkeys(heat["fact"]))
    table = heat.pivot_table(index="name", columns="fact", values="value").reindex(index=names, columns=facts)
    figure.add_heatmap(
        z=table.to_numpy().tolist(),
        x=[fact.replace("_", " ") for fact in facts],
        y=names,
        zmin=-1,
        zmax=1,
        colorscale="RdBu",
        texttemplate="%{z:.2f}",
        colorbar={"title": "rank"},
    )
    figure.update_yaxes(autorange="reversed")
    return figure


def purchase_figure(forecasts: pd.DataFrame, curves: pd.DataFrame) -> go.Figure:
    """Figure 3: share of customers who buy, observed and predicted date by date; and who is found by contacting whom.

    Args:
        forecasts: ``model, fold, date, expected, observed, n``. curves: of ``benchmark.curves.risk_curves``.
    """
    figure = make_subplots(rows=1, cols=2, subplot_titles=["Buyers by reference date", "Buyers reached by contacting"])
    rows = forecasts[forecasts[MODEL].isin(CURVES)]
    once = forecasts.drop_duplicates("date")
    figure.add_scatter(
        x=once["date"].tolist(),
        y=(once["observed"] / once[N]).tolist(),
        mode="lines+markers",
        name="observed",
        line={"color": "black"},
        row=1,
        col=1,
    )
    gains = curves[curves[PROTOCOL] == main_protocol(curves)] if len(curves) else curves
    for model in dict.fromkeys(rows[MODEL]):
        mine = rows[rows[MODEL] == model]
        line = {"color": colour(model), "dash": "dash" if model == "rfm_rules" else "solid"}
        figure.add_scatter(
            x=mine["date"].tolist(),
            y=(mine["expected"] / mine[N]).tolist(),
            mode="lines+markers",
            name=model_label(model),
            legendgroup=model,
            line=line,
            row=1,
            col=1,
        )
        gain = gains[gains[MODEL] == model]
        figure.add_scatter(
            x=gain["share"].tolist(),
            y=gain["true_positive_rate"].tolist(),
            mode="lines",
            name=model_label(model),
            legendgroup=model,
            showlegend=False,
            line=line,
            row=1,
            col=2,
        )
    figure.update_yaxes(title_text="share who buy", rangemode="tozero", row=1, col=1)
    figure.update_xaxes(title_text="share contacted", row=1, col=2)
    figure.update_yaxes(title_text="share of buyers", row=1, col=2)
    return figure
