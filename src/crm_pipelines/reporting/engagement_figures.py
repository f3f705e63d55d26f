"""Plotly figures of paper B for the catalog: loss curves, attention and ROC of its own world (its Figures 1 to 3)."""

import pandas as pd
import plotly.graph_objects as go
from plotly.subplots import make_subplots

from crm_pipelines.columns import MODEL
from crm_pipelines.reporting.figures import colour
from crm_pipelines.reporting.names import model_label
from crm_pipelines.reporting.paper_b import CHANCE


def losses_figure(curves: pd.DataFrame) -> go.Figure:
    """Figure 1: training loss by epoch, the paper's and ours, with the loss of knowing nothing.

    Args:
        curves: of `paper_b.loss_curves`.
    """
    models = list(dict.fromkeys(curves[MODEL]))
    figure = make_subplots(rows=1, cols=len(models), subplot_titles=[model_label(model) for model in models])
    for column, model in enumerate(models, start=1):
        rows = curves[curves[MODEL] == model]
        epochs = rows["epoch"].tolist()
        known = {"published": ("paper", "dash"), "mean": ("ours, mean of the seeds", "solid")}
        for name, (label, dash) in known.items():
            figure.add_scatter(
                x=epochs,
                y=rows[name].tolist(),
                name=f"{model_label(model)}: {label}",
                mode="lines+markers",
                line={"color": colour(model), "dash": dash},
                row=1,
                col=column,
            )
        figure.add_hline(y=CHANCE[model, "loss"], line_dash="dot", annotation_text="knowing nothing", row=1, col=column)
    figure.update_layout(template="simple_white", title="Training loss on the paper's own world")
    return figure


def attention_heatmap(attention: pd.DataFrame) -> go.Figure:
    """Figure 2: mean attention of each model, from each token to each other.

    Args:
        attention: ``model, from, to, weight``.
    """
    models = list(dict.fromkeys(attention[MODEL]))
    figure = make_subplots(rows=1, cols=len(models), subplot_titles=[model_label(model) for model in models])
    for column, model in enumerate(models, start=1):
        rows = attention[attention[MODEL] == model]
        names = list(dict.fromkeys(rows["from"]))
        weights = rows["weight"].to_numpy().reshape(len(names), len(names))
        figure.add_heatmap(
            z=weights.tolist(), x=names, y=names, colorscale="Blues", showscale=column == 1, row=1, col=column
        )
        figure.update_yaxes(autorange="reversed", row=1, col=column)
    figure.update_layout(template="simple_white", title="Attention: rows look at columns")
    return figure


def roc_figure(roc: pd.DataFrame, scores: pd.DataFrame) -> go.Figure:
    """Figure 3: ROC of churn of the first seed, with the area over all seeds, which the paper leaves out.

    Args:
        roc: ``threshold, true_positive_rate, false_positive_rate``. scores: ``seed, model, metric, value``.
    """
    area = scores.loc[scores["metric"] == "churn_auc", "value"]
    figure = go.Figure()
    figure.add_scatter(
        x=roc["false_positive_rate"].tolist(),
        y=roc["true_positive_rate"].tolist(),
        mode="lines",
        name="first seed",
        line={"color": colour("churn_transformer")},
    )
    figure.add_scatter(x=[0, 1], y=[0, 1], mode="lines", name="a coin", line={"dash": "dot", "color": "grey"})
    title = f"Churn Transformer: AUC {area.mean():.3f} ± {area.std():.3f} over {len(area)} seeds"
    figure.update_layout(
        template="simple_white", title=title, xaxis_title="False positive rate", yaxis_title="True positive rate"
    )
    return figure
