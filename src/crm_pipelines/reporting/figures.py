"""Plotly figures for the catalog, of one source at a time; the HTML page draws its own without plotly."""

from collections.abc import Sequence

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from crm_pipelines.columns import MODEL, PROTOCOL
from crm_pipelines.reporting.charts import class_style
from crm_pipelines.reporting.names import metric_name, model_colour, model_label, model_rank
from crm_pipelines.reporting.tables import main_protocol, performance_table

_DASHES = ("solid", "dash", "dot", "dashdot")
_COLUMNS = 3


def performance_figure(metrics: pd.DataFrame) -> go.Figure:
    """Macro-F1 of each model on all test events, bars with the standard deviation over runs; accuracy on hover.

    Args:
        metrics: ``RESULT_COLUMNS``.
    """
    table = performance_table(metrics)
    figure = go.Figure(layout=_layout("Macro-F1 on the whole test part"))
    figure.update_layout(xaxis_title=metric_name("macro_f1").label, xaxis_rangemode="tozero")
    if "macro_f1" not in table:
        return figure
    table = table.iloc[::-1]  # plotly draws the first category at the bottom
    hover = [
        "<br>".join(
            f"{metric_name(m).label} {row[m]:.3f}"
            for m in ("macro_f1", "accuracy", "majority_accuracy", "roc_auc")
            if m in table
        )
        for row in table.to_dict("records")
    ]
    figure.add_bar(
        x=table["macro_f1"].tolist(),
        y=[_text(model_label(model)) for model in table[MODEL]],
        orientation="h",
        marker_color=[colour(model) for model in table[MODEL]],
        error_x={"type": "data", "array": table["macro_f1_std"].fillna(0).tolist()}
        if "macro_f1_std" in table
        else None,
        hovertext=hover,
        hoverinfo="y+text",
    )
    return figure


def calibration_figure(reliability: pd.DataFrame) -> go.Figure:
    """Observed frequency against stated probability, one panel per model, one line per class.

    Args:
        reliability: ``class, bin, confidence, frequency, n`` per model and protocol.
    """
    rows = reliability[reliability[PROTOCOL] == main_protocol(reliability)]
    models = sorted(dict.fromkeys(rows[MODEL]), key=model_rank)
    classes = list(dict.fromkeys(rows["class"]))
    if not models:
        return go.Figure(layout=_layout("Reliability"))
    lines = -(-len(models) // _COLUMNS)
    figure = make_subplots(
        rows=lines,
        cols=min(_COLUMNS, len(models)),
        subplot_titles=[_text(model_label(model)) for model in models],
        shared_yaxes=True,
    )
    for position, model in enumerate(models):
        at = {"row": position // _COLUMNS + 1, "col": position % _COLUMNS + 1}
        _add_panel(figure, rows[rows[MODEL] == model], classes, at, legend=position == 0)
    figure.update_layout(_layout("Reliability: observed frequency against stated probability"), height=320 * lines + 80)
    figure.update_xaxes(range=[0, 1])
    figure.update_yaxes(range=[0, 1])
    return figure


def colour(model: str) -> str:
    """A model's colour as CSS ``hsl()``; the page uses the same hue."""
    hue, saturation = model_colour(model)
    return f"hsl({hue},{saturation}%,45%)"


def _add_panel(figure: go.Figure, rows: pd.DataFrame, classes: Sequence[str], at: dict[str, int], legend: bool) -> None:
    figure.add_scatter(
        x=[0, 1],
        y=[0, 1],
        mode="lines",
        line={"color": "#999", "dash": "dot", "width": 1},
        hoverinfo="skip",
        showlegend=False,
        **at,
    )
    for index, label in enumerate(classes):
        points = rows[rows["class"] == label].sort_values("confidence", kind="stable")
        hue = class_style(index)[0]
        figure.add_scatter(
            x=points["confidence"].tolist(),
            y=points["frequency"].tolist(),
            mode="lines+markers",
            name=_text(label),
            legendgroup=str(index),
            showlegend=legend,
            line={"color": f"hsl({hue},62%,45%)", "dash": _DASHES[index % len(_DASHES)]},
            **at,
        )


def _layout(title: str) -> go.Layout:
    return go.Layout(title=title, template="simple_white", margin={"l": 160, "r": 30, "t": 70, "b": 60})


def _text(value: str) -> str:
    """Text from the data, safe in plotly's labels, which read a few HTML tags."""
    return value.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
