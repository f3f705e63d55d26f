"""Paper B on the page: its own world, the next item, churn, and what the policy is worth."""

from math import isnan
from typing import Final

import pandas as pd

from crm_pipelines.columns import METRIC, MODEL, PROTOCOL, SLICE, SLICE_ALL
from crm_pipelines.reporting import paper_b, sections
from crm_pipelines.reporting.drawings import Lines, line_drawing, named, of_model
from crm_pipelines.reporting.formatting import interval, number
from crm_pipelines.reporting.names import metric_name, model_label, protocol_label, slice_label
from crm_pipelines.reporting.paper_table import PaperTable
from crm_pipelines.reporting.results import PipelineResults
from crm_pipelines.reporting.tables import (
    efficiency_table,
    main_protocol,
    next_item_models,
    performance_table,
    summarise,
    wide,
)
from crm_pipelines.reporting.view import Cell, Head, Label, Row, Table

RANKED: Final = ("hr@1", "hr@5", "hr@10", "hr@10_chance", "ndcg@10", "ndcg@10_chance", "mrr", "item_log_loss")
STEPS: Final = ("hr@1", "hr@10", "hr@10_chance", "ndcg@10")
PLANS: Final = ("plan_accuracy", "plan_accuracy_chance", "plan_items_found", "plan_items_found_chance")
OF_ITEMS, OF_CHURN = "sequence_transformer_plus", "churn_transformer_plus"
FULL: Final = "Ranks are among all items that could come next, not among a sample."


def engagement_tables(pipeline: PipelineResults, anchor: str) -> tuple[PaperTable, ...]:
    """Every table of the pipeline; one without a number is left out.

    Args:
        pipeline: results of the models.
        anchor: of the pipeline on the page.
    """
    found = (
        _next_item(pipeline, f"{anchor}-items"),
        _plans(pipeline, f"{anchor}-plans"),
        _churn(pipeline, f"{anchor}-churn"),
        _policy(pipeline, f"{anchor}-policy"),
        _world(pipeline, f"{anchor}-world"),
    )
    return tuple(each for each in found if each is not None)


def _of(metrics: pd.DataFrame, protocol: str, slice_name: str, wanted: tuple[str, ...], by: str) -> pd.DataFrame:
    rows = metrics[(metrics[PROTOCOL] == protocol) & (metrics[SLICE] == slice_name)]
    return wide(summarise(rows), wanted, by)


def _present(*tables: Table | None) -> tuple[Table, ...]:
    return tuple(table for table in tables if table is not None)


def _next_item(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    ranked = next_item_models(pipeline.metrics)
    metrics = pipeline.metrics[pipeline.metrics[MODEL].isin(ranked)]
    if metrics.empty:
        return None
    tables = [
        sections.metric_table(
            _of(metrics, protocol, SLICE_ALL, RANKED, "ndcg@10"),
            f"{protocol_label(protocol).capitalize()}, all test events",
            OF_ITEMS,
        )
        for protocol in dict.fromkeys(metrics[PROTOCOL])
    ]
    costs = pipeline.efficiency[pipeline.efficiency[MODEL].isin(ranked)]
    return PaperTable(
        anchor,
        "The next item",
        f"{FULL} The paper measures nothing of the kind on real data. 'Last item' lets a model learn from other "
        "customers' later events, as is usual in the literature; the cut in time does not.",
        _present(*tables),
        more=_present(
            sections.metric_table(efficiency_table(costs), "Cost", OF_ITEMS, "Measured, so it differs from run to run.")
        ),
        more_label="What the models cost",
    )


def _plans(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    metrics = pipeline.metrics
    tables = []
    for protocol in dict.fromkeys(metrics.loc[metrics[SLICE] == "plan", PROTOCOL]):
        where = protocol_label(protocol).capitalize()
        tables.append(
            sections.metric_table(
                _of(metrics, protocol, "plan", PLANS, "plan_items_found"), f"{where}: whole plans", OF_ITEMS
            )
        )
        tables += [
            sections.metric_table(
                _of(metrics, protocol, f"plan_step_{step}", STEPS, "hr@10"),
                f"{where}: {slice_label(f'plan_step_{step}')}",
                OF_ITEMS,
            )
            for step in (1, 2, 3)
        ]
    if not _present(*tables):
        return None
    return PaperTable(
        anchor,
        "Three steps",
        "The most probable sequence of three items without repeats, by a beam search; later steps are ranked without "
        "being told the ones before. A plan is right as a whole where every step is.",
        _present(*tables),
    )


def _churn(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    ranked = next_item_models(pipeline.metrics)
    metrics = pipeline.metrics[~pipeline.metrics[MODEL].isin(ranked)]
    if metrics.empty:
        return None
    costs = pipeline.efficiency[~pipeline.efficiency[MODEL].isin(ranked)]
    protocol = main_protocol(metrics)
    shown = ("roc_auc", "average_precision", "accuracy", "majority_accuracy", "recall", "f1", "log_loss", "ece")
    others = [
        sections.metric_table(
            _of(metrics, other, SLICE_ALL, shown, "roc_auc"),
            f"{protocol_label(other).capitalize()}, all test records",
            OF_CHURN,
        )
        for other in dict.fromkeys(metrics[PROTOCOL])
        if other != protocol
    ]
    main = performance_table(metrics)
    both = _of(metrics, protocol, SLICE_ALL, shown, "roc_auc")
    return PaperTable(
        anchor,
        "Churn",
        "Who will leave, as this source or its user defines it. Probabilities are calibrated on validation.",
        _present(
            sections.metric_table(
                both if len(both) else main,
                f"{protocol_label(protocol).capitalize()}, all test records",
                OF_CHURN,
                metrics=shown,
            ),
            *others,
        ),
        more=_present(
            sections.metric_table(efficiency_table(costs), "Cost", OF_CHURN, "Measured, so it differs from run to run.")
        ),
        more_label="What the models cost",
    )


def _policy(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    if pipeline.policy.empty:
        return None
    rows = [
        Row(
            Label(str(row["policy"]), focus=row["policy"] == "adjusted by risk"),
            (
                Cell(number(row["value"], 2), interval(row["low"], row["high"], 2)),
                Cell(number(row["cost_per_contact"], 2)),
                Cell(number(row["matched"], 0)),
            ),
        )
        for row in pipeline.policy.to_dict("records")
    ]
    head = (Head("Profit of a contact", "95 % interval"), Head("Retention cost a customer"), Head("Contacts matched"))
    effects = [
        Row(
            Label(str(row["action"]).replace("_", " ")),
            (Cell(number(row["effect"], 2)), Cell(number(row["contacts"], 0))),
        )
        for row in pipeline.effects.to_dict("records")
    ]
    return PaperTable(
        anchor,
        "What the policy is worth",
        "Estimated from a log of contacts made at random with known chances, by inverse propensity: each contact that "
        "a policy would have made too counts by one over its chance. Effects are learnt on one half of the customers "
        "and the policy is valued on the other. All policies rest on the same contacts, so differences between them "
        "are surer than their intervals look.",
        (
            Table("First contact of each plan, at equal retention budget", "Policy", head, tuple(rows)),
            Table(
                "What retention actions are taken to do",
                "Action",
                (Head("Share of churners kept"), Head("Contacts it rests on")),
                tuple(effects),
            ),
        ),
    )


def _loss_lines(curves: pd.DataFrame) -> tuple[Lines, ...]:
    """Figure 1: a drawing per model, the paper's losses and ours by epoch, with the loss of knowing nothing."""
    drawn = []
    for model, rows in curves.groupby(MODEL, sort=False):
        chance = paper_b.CHANCE[str(model), "loss"]
        drawn.append(
            line_drawing(
                f"Training loss, {model_label(str(model))}",
                "epoch",
                [f"{epoch}" for epoch in rows["epoch"]],
                {
                    "ours": (of_model(str(model), "ours"), [float(value) for value in rows["mean"]], False),
                    "paper": (of_model(str(model), "paper"), [float(value) for value in rows["published"]], True),
                    "chance": (named("knowing nothing", 220, 8), [chance] * len(rows), True),
                },
                digits=4,
            )
        )
    return tuple(each for each in drawn if each is not None)


def _world(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    losses, scores = pipeline.world_losses, pipeline.world_scores
    if losses.empty or scores.empty:
        return None
    seeds = losses["seed"].nunique()
    rows = []
    for row in paper_b.performance(losses, scores).to_dict("records"):
        spread = "" if isnan(row["std"]) else f"± {number(row['std'], 4)}"
        rows.append(
            Row(
                Label(f"{model_label(str(row[MODEL]))}, {row[METRIC]}"),
                (
                    Cell(number(row["table_2"], 4)),
                    Cell(number(row["table_4"], 4)),
                    Cell(number(row["mean"], 4), spread),
                    Cell(number(row["chance"], 4)),
                ),
            )
        )
    curves = paper_b.loss_curves(losses)
    models = list(dict.fromkeys(curves[MODEL]))
    by_epoch = []
    for epoch, part in curves.groupby("epoch"):
        by_model = part.set_index(MODEL)
        cells = [
            Cell(number(float(by_model.loc[model, column]), 4)) for model in models for column in ("published", "mean")
        ]
        by_epoch.append(Row(Label(f"{epoch}"), tuple(cells)))
    auc = scores[scores[METRIC] == "churn_auc"]["value"]
    heads = tuple(Head(model_label(model), what) for model in models for what in ("paper", "ours"))
    data = Table(
        "Table I: the paper's data",
        "Data set",
        (Head("Users"), Head("Features", words=True)),
        (
            Row(Label("MovieLens-inspired"), (Cell("100"), Cell("5 ratings a user of 50 items", words=True))),
            Row(
                Label("Amazon-inspired"),
                (Cell("100"), Cell("50 products x rating, category, sentiment", words=True)),
            ),
            Row(Label("Kaggle churn-inspired"), (Cell("100"), Cell("both, and random labels", words=True))),
        ),
        "Drawn anew here: items and labels are independent of everything, so nothing can be learnt from them.",
    )
    return PaperTable(
        anchor,
        "The paper's own world: Tables I to IV",
        f"Means over {seeds} seeds. The paper contradicts itself: Table II and Table IV give other accuracies for the "
        "same models. 0.0167 is 1 of 60 (20 test users, three steps each) and 0.4000 is 8 of 20: chance. A loss that "
        f"starts above ln 50 = {number(paper_b.CHANCE['sequence_transformer', 'loss'], 4)} and falls by 0.03 an epoch "
        "is one step of Adam an epoch.",
        (
            data,
            Table(
                "Tables II and IV: after ten epochs",
                "Model",
                (Head("Table II", "paper"), Head("Table IV", "paper"), Head("Ours"), Head("Chance")),
                tuple(rows),
            ),
            Table("Table III: training loss", "Epoch", heads, tuple(by_epoch)),
        ),
        lines=_loss_lines(curves),
        notes=(
            f"The area under the ROC curve, which the paper leaves out, is {number(float(auc.mean()), 3)} ± "
            f"{number(float(auc.std()), 3)} over the seeds; {metric_name('roc_auc').label} 0.5 is a coin.",
        ),
    )
