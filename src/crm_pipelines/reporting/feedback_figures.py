"""Figures of what customers say, for the catalog: themes over time, and confusion."""

import pandas as pd
import plotly.graph_objects as go

from crm_pipelines.columns import MODEL, N
from crm_pipelines.reporting.names import model_label


def themes_figure(themes: pd.DataFrame) -> go.Figure:
    """Share of each theme by period; one bar per theme where documents have no times."""
    figure = go.Figure()
    dated = themes[themes["period"] != "all"] if len(themes) else themes
    for theme, part in dated.groupby("theme", sort=False) if len(dated) else ():
        rows = part.sort_values("start")
        figure.add_scatter(x=list(rows["period"]), y=list(rows["share"]), mode="lines+markers", name=str(theme))
    if len(themes) and not len(dated):
        figure.add_bar(x=list(themes["theme"]), y=list(themes["share"]))
    figure.update_layout(title="Themes: share of documents", yaxis={"tickformat": ".0%"})
    return figure


def confusion_figure(confusion: pd.DataFrame) -> go.Figure:
    """Shares of the decided classes by true class, of the model whose decisions are right most often."""
    figure = go.Figure()
    if len(confusion):
        right = confusion[confusion["class"] == confusion["decided"]].groupby(MODEL, sort=False)[N].sum()
        best = str(right.idxmax())
        rows = confusion[confusion[MODEL] == best]
        wide = rows.pivot_table(index="class", columns="decided", values=N, sort=False)
        shares = wide.div(wide.sum(axis=1), axis=0)
        figure.add_heatmap(z=shares.to_numpy(), x=list(shares.columns), y=list(shares.index), zmin=0, zmax=1)
        figure.update_layout(title=f"{model_label(best)}: decided class by true class")
    return figure
