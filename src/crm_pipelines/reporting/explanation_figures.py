"""Plotly figures of what a model looked at, for the catalog: Figures 3 and 4 of paper A."""

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from crm_pipelines.columns import CUSTOMER, N
from crm_pipelines.reporting.charts import class_style
from crm_pipelines.reporting.embedding_chart import PROTOTYPE
from crm_pipelines.reporting.explanation_charts import ALL, FEWEST, FULL_SHADE


def attention_figure(by_day: pd.DataFrame, by_feature: pd.DataFrame) -> go.Figure:
    """Figure 3: (a) attention by day and behaviour and by day at the same age, (b) attention by product feature.

    Args:
        by_day: ``attention_by_day``; customers' histories are drawn.
        by_feature: ``attention_by_feature``.
    """
    figure = make_subplots(
        rows=3,
        cols=1,
        row_heights=[0.35, 0.2, 0.45],
        vertical_spacing=0.09,
        subplot_titles=[
            "(a) Attention to a past event, 1 = an even spread",
            "Attention by day against events of the same age, with 95 % interval",
            "(b) Attention by product feature, 1 = an even spread",
        ],
    )
    rows = by_day[(by_day["side"] == CUSTOMER) & (by_day[N] >= FEWEST)]
    behaviours = rows[rows["behaviour"] != ALL]
    if len(behaviours):
        grid = behaviours.pivot(index="behaviour", columns="day", values="weight")
        grid = grid.reindex(list(dict.fromkeys(behaviours["behaviour"]))[::-1])
        figure.add_heatmap(
            z=grid.to_numpy().tolist(),
            x=list(grid.columns),
            y=[_text(str(name)) for name in grid.index],
            zmin=0,
            zmax=FULL_SHADE,
            colorscale="Blues",
            colorbar={"len": 0.3, "y": 0.86},
            row=1,
            col=1,
        )
    whole = rows[rows["behaviour"] == ALL]
    if len(whole):
        figure.add_scatter(
            x=whole["day"].tolist(),
            y=whole["same_age"].tolist(),
            error_y={
                "type": "data",
                "array": (whole["high"] - whole["same_age"]).clip(lower=0).tolist(),
                "arrayminus": (whole["same_age"] - whole["low"]).clip(lower=0).tolist(),
            },
            mode="markers",
            hovertext=[f"{100 * share:.1f} % of attention" for share in whole["share"]],
            showlegend=False,
            row=2,
            col=1,
        )
        figure.add_hline(y=1, line={"color": "#999", "dash": "dot"}, row=2, col=1)
    features = by_feature[by_feature[N] >= FEWEST].iloc[::-1]
    if len(features):
        figure.add_bar(
            x=features["weight"].tolist(),
            y=[
                _text(f"{feature}: {level}")
                for feature, level in zip(features["feature"], features["level"], strict=True)
            ],
            orientation="h",
            hovertext=[f"same age {ratio:.3f}" for ratio in features["same_age"]],
            showlegend=False,
            row=3,
            col=1,
        )
        figure.add_vline(x=1, line={"color": "#999", "dash": "dot"}, row=3, col=1)
    figure.update_layout(template="simple_white", height=950, margin={"l": 200, "r": 30, "t": 60, "b": 50})
    return figure


def embedding_figure(table: pd.DataFrame) -> go.Figure:
    """Figure 4: customers by what they did last, new ones as open circles, and the prototypes by name.

    Args:
        table: ``embedding_map``.
    """
    figure = go.Figure()
    cold = table["cold"].astype(str).str.lower() == "true"
    for position, label in enumerate(dict.fromkeys(table["behaviour"])):
        colour = f"hsl({class_style(position)[0]},62%,45%)"
        mine = table["behaviour"] == label
        kinds = (
            (mine & (table["kind"] == CUSTOMER) & ~cold, "circle", 5, label),
            (mine & (table["kind"] == CUSTOMER) & cold, "circle-open", 7, f"{label}, new customer"),
            (mine & (table["kind"] == PROTOTYPE), "diamond", 12, f"{label}, prototype"),
        )
        for chosen, symbol, size, name in kinds:
            points = table[np.asarray(chosen)]
            if points.empty:
                continue
            figure.add_scatter(
                x=points["x"].tolist(),
                y=points["y"].tolist(),
                mode="markers",
                name=_text(str(name)),
                marker={"symbol": symbol, "size": size, "color": colour, "line": {"width": 1}},
                hovertext=[_text(str(segment)) for segment in points["segment"]],
                hoverinfo="name+text",
            )
    figure.update_layout(template="simple_white", title="Customers among the prototypes (t-SNE)")
    figure.update_xaxes(visible=False)
    figure.update_yaxes(visible=False)
    return figure


def _text(value: str) -> str:
    """Text from the data, safe in plotly's labels, which read a few HTML tags."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
