"""Paper D, the behaviour side: its Table 1 beside what was measured, segments, value bands and forecasts.

The paper does not say what its Table 1 predicts, of whom or over which period, nor how its data were split, so its
figures and ours are not of the same thing.
"""

from collections.abc import Hashable
from types import MappingProxyType
from typing import Any, Final

import pandas as pd

from crm_pipelines.columns import METRIC, MODEL, N
from crm_pipelines.reporting import paper_d, sections
from crm_pipelines.reporting.drawings import Lines, line_drawing, named, of_model
from crm_pipelines.reporting.formatting import interval, number
from crm_pipelines.reporting.names import FOCUS_OF, metric_name, model_label, model_rank
from crm_pipelines.reporting.paper_table import PaperTable, measured_cell, published_cell
from crm_pipelines.reporting.results import PipelineResults
from crm_pipelines.reporting.tables import efficiency_table, performance_table
from crm_pipelines.reporting.verdict import outcome
from crm_pipelines.reporting.view import Cell, Head, Label, Row, Table, Tone, model_row_label

PROFILE: Final = "profile"
FOCUS: Final = FOCUS_OF[PROFILE]
MEASURED: Final = ("accuracy", "precision", "recall", "f1", "roc_auc", "macro_f1")
"""Metrics of the paper's Table 1, and two that do not depend on how many buy."""
STANDS_FOR: Final = MappingProxyType({"cnn_gru": "hybrid", "vader": "rfm_rules"})
"""The paper's hybrid and its rules, beside behaviour."""
SHOWN: Final = (
    *("roc_auc", "average_precision", "accuracy", "majority_accuracy", "precision", "recall", "f1", "log_loss", "ece"),
)


def table_1(metrics: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """Published | ours | strongest peer, with the corrected paired t-test: `paper_d.BESIDE`.

    Args:
        metrics: ``RESULT_COLUMNS``. tests: of ``evaluation.resampled_t``.
    """
    return paper_d.table_1(metrics, tests, FOCUS, MEASURED, STANDS_FOR)


def behaviour_tables(pipeline: PipelineResults, anchor: str) -> tuple[PaperTable, ...]:
    """Every table of the pipeline; one without a number is left out.

    Args:
        pipeline: results of the models. anchor: of the pipeline on the page.
    """
    found = (
        _performance(pipeline, f"{anchor}-purchases"),
        _beside(pipeline, f"{anchor}-table-1"),
        _tests(pipeline, f"{anchor}-tests"),
        _segments(pipeline, f"{anchor}-segments"),
        _forecasts(pipeline, f"{anchor}-forecasts"),
        _value_bands(pipeline, f"{anchor}-values"),
    )
    return tuple(each for each in found if each is not None)


def _performance(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    table = sections.metric_table(performance_table(pipeline.metrics), "All test records", FOCUS[-1], metrics=SHOWN)
    if table is None:
        return None
    cost = sections.metric_table(
        efficiency_table(pipeline.efficiency), "Cost", FOCUS[-1], "Measured, so it differs from run to run."
    )
    return PaperTable(
        anchor,
        "Who will buy",
        "Customers at reference dates. Each fold tests on one date and learns from dates whose outcomes were known by "
        "then; the last fold tests on the latest. Accuracy follows a threshold chosen on validation for macro-F1.",
        (table,),
        more=(cost,) if cost is not None else (),
        more_label="What the models cost",
    )


def _beside(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    if pipeline.metrics.empty:
        return None
    found = table_1(pipeline.metrics, pipeline.tests)
    tables = []
    for metric, part in found.groupby(METRIC, sort=False):
        digits = metric_name(str(metric)).digits
        body = []
        for row in part.to_dict("records"):
            theirs = "" if pd.isna(row["published"]) else number(row["published"], digits)
            peer = (
                Cell("") if pd.isna(row["peer"]) else Cell(number(row["peer_mean"], digits), model_label(row["peer"]))
            )
            body.append(
                Row(
                    model_row_label(str(row[MODEL]), focus=FOCUS[-1]),
                    (
                        published_cell(theirs),
                        measured_cell(row["mean"], row["std"], row[N], row["runs"], str(metric)),
                        peer if row[MODEL] in FOCUS else Cell(""),
                        _difference(row, str(metric)) if row[MODEL] in FOCUS else Cell(""),
                    ),
                )
            )
        head = (
            Head("Published", "other data"), Head("Ours", "mean over folds"), Head("Strongest peer"),
            Head("Difference", "95 % interval, p"),
        )  # fmt: skip
        tables.append(Table(metric_name(str(metric)).label, "Model", head, tuple(body)))
    return PaperTable(
        anchor,
        "Table 1: published, ours, strongest peer",
        "The paper prints 92.5 % accuracy and p < 0.01 without saying what is predicted, over which period or how its "
        "data were split. Ours is whether a customer buys within the period of this source. Intervals and p are those "
        "of paired t-tests over folds, with the variance corrected for training parts that overlap (Nadeau and Bengio "
        "2003).",
        tuple(tables[:1]),
        more=tuple(tables[1:]),
        more_label="The other metrics",
    )


def _tested(row: dict[Hashable, Any] | None, metric: str) -> Cell:
    """A difference, or a dash where the two have no fold in common."""
    return Cell("–", tone="muted") if row is None else _difference(row, metric)


def _difference(row: dict[Hashable, Any], metric: str) -> Cell:
    digits = metric_name(metric).digits
    values = [float(row[name]) for name in ("difference", "low", "high", "p")]
    if pd.isna(values[0]):
        return Cell("–", tone="muted")
    tones: dict[str, Tone] = {"better": "better", "worse": "worse", "even": "even"}
    tone = tones.get(outcome(values[1], values[2], bool(metric_name(metric).lower_is_better)), "muted")
    if pd.isna(values[3]):
        note = "too few folds"
    else:
        p = "p < 0.001" if values[3] < 0.001 else f"p {values[3]:.3f}"
        note = f"{interval(values[1], values[2], digits)}, {p}"
    return Cell(f"{values[0]:+.{max(digits, 3)}f}", note, tone=tone)


def _tests(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    tests = pipeline.tests
    if tests.empty:
        return None
    tables = []
    for model in FOCUS:
        mine = tests[tests[MODEL] == model]
        peers = sorted(dict.fromkeys(mine["peer"]), key=model_rank)
        metrics = [metric for metric in MEASURED if (mine[METRIC] == metric).any()]
        by = {(row["peer"], row[METRIC]): row for row in mine.to_dict("records")}
        body = tuple(
            Row(model_row_label(peer), tuple(_tested(by.get((peer, metric)), metric) for metric in metrics))
            for peer in peers
        )
        if body:
            folds = int(mine["folds"].max())
            heads = tuple(Head(metric_name(metric).label) for metric in metrics)
            note = f"{folds} folds."
            tables.append(Table(f"{model_label(model)} less its peer", "Peer", heads, body, note))
    return PaperTable(
        anchor,
        "Every comparison, tested",
        "Corrected resampled t-tests. The bootstrap over customers, whose intervals stand in the verdict above, asks "
        "another question: it holds the folds fixed and draws customers.",
        tuple(tables[:1]),
        more=tuple(tables[1:]),
        more_label="The other model",
    )


def _segments(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    segments = pipeline.segments
    if segments.empty:
        return None
    columns = {
        "customers": ("Customers", 0), "purchase_probability": ("Purchase probability", 3),
        "observed": ("Bought, test", 3), "next_spend": ("Next purchase worth", 2),
        "purchase_recency_days": ("Days since purchase", 1), "purchases_total": ("Purchases", 1),
        "spend_total": ("Spent", 0), "sentiment": ("Sentiment", 2), "documents_total": ("Documents", 1),
    }  # fmt: skip
    shown = {name: head for name, head in columns.items() if segments[name].notna().any()}
    body = tuple(
        Row(
            Label(str(row["name"])),
            tuple(
                Cell("–" if pd.isna(row[name]) else number(row[name], digits)) for name, (_, digits) in shown.items()
            ),
        )
        for row in segments.to_dict("records")
    )
    quality = pipeline.segment_quality
    judged = tuple(
        Row(
            Label(str(row["grouping"])),
            (
                *(Cell("–" if pd.isna(row[name]) else number(row[name], 3)) for name in _QUALITY),
                Cell(number(row["agreement"], 3), interval(row["low"], row["high"], 3)),
            ),
        )
        for row in quality.to_dict("records")
    )
    heads = (
        Head("Purchase AUC", "of the group alone"), Head("Spend R²"), Head("Spread", "highest less lowest share"),
        Head("Agreement", "bootstrap ARI; for RFM: with the fused"),
    )  # fmt: skip
    return PaperTable(
        anchor,
        "Segments",
        "Clusters of the profiles that the hybrid network fuses, named by what sets their members apart. Fitted on the "
        "training part of the last fold; what the test customers of each then did stands beside.",
        (
            Table("Customers today", "Segment", tuple(Head(label) for label, _ in shown.values()), body),
            Table("Against quintiles of recency, frequency and value", "Grouping", heads, judged),
        ),
    )


_QUALITY: Final = ("purchase_auc", "spend_r2", "spread")


def _forecasts(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    table = pipeline.forecasts
    if table.empty:
        return None
    dates = list(dict.fromkeys(table["date"]))
    observed = table.drop_duplicates("date").set_index("date")["observed"]
    body = [Row(Label("Observed"), tuple(Cell(number(observed[date], 0)) for date in dates))]
    for model in sorted(dict.fromkeys(table[MODEL]), key=model_rank):
        mine = table[table[MODEL] == model].set_index("date")["expected"].reindex(dates)
        cells = tuple(Cell("–" if pd.isna(value) else number(value, 0)) for value in mine)
        body.append(Row(model_row_label(model, focus=FOCUS[-1]), cells))
    bands = pipeline.bands
    kept = bands[bands[N] > 0]
    of_bands = tuple(
        Row(
            Label(str(row["band"])),
            (
                Cell(number(row[N], 0)),
                Cell(number(row["stated"], 3)),
                Cell(number(row["observed"], 3), interval(row["low"], row["high"], 3)),
            ),
        )
        for row in kept.to_dict("records")
    )
    tables = [
        Table("Buyers predicted and observed (Figure 3)", "Model", tuple(Head(date) for date in dates), tuple(body))
    ]
    if of_bands:
        label = model_label(str(kept[MODEL].iloc[0]))
        tables.append(
            Table(
                f"What became of the bands of probability, by {label}",
                "Band",
                (Head("Customers"), Head("Stated"), Head("Bought", "95 % interval")),
                of_bands,
            )
        )
    return PaperTable(
        anchor,
        "How many will buy",
        "The sum of calibrated probabilities at each tested date beside what happened.",
        tuple(tables),
        lines=_buyer_lines(table, [str(date) for date in dates], observed),
    )


def _buyer_lines(table: pd.DataFrame, dates: list[str], observed: pd.Series) -> tuple[Lines, ...]:
    """Figure 3: buyers predicted by the paper's models and observed, by date."""
    series = {"": (named("Observed", 220, 8), [float(observed[date]) for date in dates], True)}
    for model in [name for name in FOCUS if name in set(table[MODEL])]:
        mine = table[table[MODEL] == model].set_index("date")["expected"].reindex(dates)
        series[model] = (of_model(model), [float(value) for value in mine], False)
    found = line_drawing("Buyers predicted and observed", "date", dates, series, digits=0)
    return () if found is None else (found,)


def _value_bands(pipeline: PipelineResults, anchor: str) -> PaperTable | None:
    table = pipeline.value_bands
    if table.empty:
        return None
    by = table.groupby(MODEL).agg(
        accuracy=("accuracy", "mean"), macro_f1=("macro_f1", "mean"), n=(N, "sum"), folds=("fold", "nunique")
    )
    body = tuple(
        Row(
            model_row_label(str(model), focus=FOCUS[-1])
            if model != "usual_value"
            else Label("Band of the usual value"),
            (Cell(number(row["accuracy"], 3)), Cell(number(row["macro_f1"], 3)), Cell(number(row["n"], 0))),
        )
        for model, row in sorted(by.iterrows(), key=lambda pair: model_rank(str(pair[0])))
    )
    return PaperTable(
        anchor,
        "Worth of the next purchase",
        "Which third of training purchases the next purchase belongs to, among test customers who bought.",
        (Table("Means over folds", "Model", (Head("Accuracy"), Head("Macro-F1"), Head("Purchases")), body),),
    )
