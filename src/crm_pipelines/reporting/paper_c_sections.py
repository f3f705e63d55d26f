"""The four tables of paper C and what a ranking by risk is worth, as sections of the page."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import isnan
from typing import Final

import pandas as pd

from crm_pipelines.columns import METRIC, MODEL, PROTOCOL, SLICE, SLICE_ALL, VARIANT, N
from crm_pipelines.reporting import paper_c, sections
from crm_pipelines.reporting.charts import ClassBar
from crm_pipelines.reporting.formatting import count, interval, number
from crm_pipelines.reporting.names import FOCUS_OF, metric_name, model_label, model_rank, protocol_label
from crm_pipelines.reporting.paper_table import PUBLISHED_HEAD, PaperTable, published_cell
from crm_pipelines.reporting.results import PipelineResults
from crm_pipelines.reporting.tables import (
    efficiency_table,
    focus_models,
    main_protocol,
    performance_table,
)
from crm_pipelines.reporting.view import Cell, Head, Label, Row, Table, model_row_label

MOST_CURVES: Final = 5
LEAKS: Final = ("leak_column", "leak_oversampling")
_FIRST: Final = (
    *("roc_auc", "average_precision", "accuracy", "majority_accuracy"),
    *("recall", "precision", "f1", "macro_f1"),
)
_IMPOSSIBLE: Final = (
    "The published figures are out of reach of any honest method on these public tables (credit default: 97.65 % where "
    "every strong method reaches about 82 %), and contradict themselves: the text gives 98.4 % for the bank where the "
    "table gives 97.7 %. The paper names no split, no tuning and no sampling. The leaky rows below show how such "
    "figures come about."
)


@dataclass(frozen=True)
class SquareCurve:
    """A line in a unit square drawn 100 x 100, y downwards."""

    label: Label
    path: str


@dataclass(frozen=True)
class SquarePlot:
    """Curves of some models; ``cut`` is a vertical line at a share of the width, with its text, or None."""

    title: str
    x: str
    y: str
    curves: tuple[SquareCurve, ...]
    description: str
    diagonal: bool = True
    cut: float | None = None
    note: str = ""


@dataclass(frozen=True)
class RiskView:
    """What the page shows of a risk pipeline beside what all pipelines have."""

    plots: tuple[SquarePlot, ...]
    contact: Table | None
    attention: tuple[tuple[str, tuple[ClassBar, ...]], ...]
    intervals: Table | None
    importance: Table | None
    agreement: str


def four_tables(pipeline: PipelineResults, source: str, anchor: str) -> tuple[PaperTable, ...]:
    """Tables 1 to 4 of one source; one without a published or a measured number is left out.

    Args:
        pipeline: results of the models.
        source: the source's name.
        anchor: of the pipeline on the page.
    """
    data_set = paper_c.data_set_of(source)
    both = pd.concat([pipeline.metrics, pipeline.efficiency], ignore_index=True)
    found = (
        _performance(pipeline, data_set, f"{anchor}-table-1"),
        _costs(pipeline, data_set, f"{anchor}-table-2"),
        _ablation(3, "encoder_", both, pipeline, source, f"{anchor}-table-3"),
        _ablation(4, "attention_", both, pipeline, source, f"{anchor}-table-4"),
    )
    return tuple(each for each in found if each is not None)


def _performance(pipeline: PipelineResults, data_set: str | None, anchor: str) -> PaperTable | None:
    frame = paper_c.table_1(pipeline.metrics, pipeline.comparisons, data_set)
    if frame.empty:
        return None
    focus = next(iter(focus_models(pipeline.comparisons)), None)
    table = performance_table(pipeline.metrics)
    texts = _texts(frame)
    caption = f"{protocol_label(main_protocol(pipeline.metrics)).capitalize()}, all test records"
    leaks = [leak_table(pipeline.metrics, protocol) for protocol in LEAKS]
    own = {key: text for key, text in texts.items() if key[0] not in paper_c.CITED}
    return PaperTable(
        anchor,
        "Table 1: performance",
        "Means over folds and seeds with their standard deviation. The strongest peer is the best other model on that "
        "measure. Accuracy, recall and F1 depend on the threshold, which is chosen on validation for macro-F1, the "
        "same way for every model; ROC AUC does not." + (f" {_IMPOSSIBLE}" if data_set else ""),
        _present(
            beside_table(frame, "QRCNN-LSTM beside the strongest peer"),
            sections.metric_table(table, f"{caption}: every model", focus, metrics=_FIRST, published=own),
            *leaks,
        ),
        more=_present(cited_table(frame), *_other_protocols(pipeline.metrics, focus), *_paired(pipeline)),
        more_label="Rows the paper cites, other protocols, and differences to every peer",
    )


def _costs(pipeline: PipelineResults, data_set: str | None, anchor: str) -> PaperTable | None:
    frame = paper_c.table_2(pipeline.efficiency, pipeline.comparisons, pipeline.metrics, data_set)
    if frame.empty:
        return None
    focus = next(iter(focus_models(pipeline.comparisons)), None)
    return PaperTable(
        anchor,
        "Table 2: efficiency",
        "Inference is for 2,048 records at once, or as many as the test part has; training is one whole fit. The paper "
        "says neither how many records nor what machine, and 100 to 400 million parameters for tables of 25 columns "
        "cannot be explained by what its text describes.",
        _present(
            beside_table(frame, "QRCNN-LSTM beside the peer strongest in ROC AUC"),
            sections.metric_table(
                efficiency_table(pipeline.efficiency), "Every model", focus, "Measured, so it differs from run to run."
            ),
        ),
        more=_present(cited_table(frame)),
        more_label="Rows the paper cites",
    )


def _ablation(
    number_: int, prefix: str, rows: pd.DataFrame, pipeline: PipelineResults, source: str, anchor: str
) -> PaperTable | None:
    frame = paper_c.variants(number_, rows, pipeline.comparisons, paper_c.data_set_of(source), prefix)
    if frame.empty:
        return None
    what = "the part that reads the sequence" if number_ == 3 else "the attention"
    measured = bool(frame["mean"].notna().any())
    table = variant_table(frame, paper_c.FOCUS[0], f"QRCNN-LSTM and its variants in {what}")
    return PaperTable(
        anchor,
        f"Table {number_}: ablation of {what}",
        "Studies run on the last shuffled fold; the whole model is shown on the same folds and seeds.",
        (table,),
        missing="" if measured else "The variants have not been run on this source.",
        command="" if measured else f'kedro run --pipelines=risk --params="source={source},risk.runs.studies=ablation"',
    )


def variant_table(frame: pd.DataFrame, model: str, caption: str) -> Table:
    """A model and its variants: published beside measured, and the interval of the difference to the whole."""
    shown = list(dict.fromkeys(frame[METRIC]))
    body = []
    for variant, part in frame.groupby(VARIANT, sort=False):
        by_metric = part.set_index(METRIC)
        cells = []
        for metric in shown:
            if metric not in by_metric.index:
                cells.append(sections.EMPTY)
                continue
            row, digits = dict(by_metric.loc[metric]), metric_name(metric).digits
            theirs = "" if isnan(row["published"]) else number(row["published"], digits)
            text = "not run" if isnan(row["mean"]) else number(row["mean"], digits)
            note = "" if isnan(row["difference"]) else interval(row["low"], row["high"])
            cells.append(Cell(text, note, tone="muted" if isnan(row["mean"]) else "", published=theirs))
        body.append(Row(model_row_label(model, str(variant)), tuple(cells)))
    return Table(
        caption,
        "Variant",
        tuple(Head(metric_name(metric).label) for metric in shown),
        tuple(body),
        "Below a number: the 95 % interval of its difference to the whole model.",
    )


def beside_table(frame: pd.DataFrame, caption: str, focus: tuple[str, ...] = paper_c.FOCUS) -> Table | None:
    """Published, ours, strongest peer and difference: a row per measure."""
    run = set(frame.loc[frame["runs"] > 0, MODEL])
    ours = [model for model in focus if model in run]
    rows = []
    for metric, part in frame.groupby(METRIC, sort=False):
        digits = metric_name(str(metric)).digits
        records = {str(r[MODEL]): r for r in part.to_dict("records")}
        theirs = records.get(focus[0], {}).get("published", float("nan"))
        cells = [published_cell("" if isnan(theirs) else number(theirs, digits))]
        for model in ours:
            r = records.get(model)
            known = r is not None and not isnan(r["mean"])
            cells.append(
                Cell(number(r["mean"], digits), sections.spread_text(r["std"], digits))
                if r is not None and known
                else sections.EMPTY
            )
        first = next(iter(records.values()))
        peer = first["peer"]
        cells.append(
            Cell(number(first["peer_mean"], digits), model_label(str(peer)))
            if isinstance(peer, str) and not isnan(first["peer_mean"])
            else sections.EMPTY
        )
        for model in ours:
            r = records.get(model)
            cells.append(
                sections.EMPTY
                if r is None or isnan(r["difference"])
                else sections.difference_cell(r["difference"], r["low"], r["high"], r[N], str(metric))
            )
        rows.append(Row(Label(metric_name(str(metric)).label), tuple(cells)))
    heads = (
        PUBLISHED_HEAD,
        *(Head(model_label(model), "ours") for model in ours),
        Head("Strongest peer"),
        *(Head("Difference", f"{model_label(model)} less peer") for model in ours),
    )
    return Table(caption, "Measure", heads, tuple(rows)) if rows else None


def cited_table(frame: pd.DataFrame, cited: Mapping[str, str] = paper_c.CITED) -> Table | None:
    """The paper's rows of cited works, as published."""
    rows = frame[frame[MODEL].isin(list(cited))]
    if rows.empty:
        return None
    shown = list(dict.fromkeys(rows[METRIC]))
    cells = {(r[MODEL], r[METRIC]): r["published"] for r in rows.to_dict("records")}
    body = tuple(
        Row(Label(label), tuple(_published_number(cells.get((name, metric)), metric) for metric in shown))
        for name, label in cited.items()
    )
    return Table(
        "Published rows of works the paper cites",
        "Cited work",
        tuple(Head(metric_name(metric).label, "published") for metric in shown),
        body,
        "Not reproducible: these works describe no such model, so there is nothing to run.",
    )


def _published_number(value: float | None, metric: str) -> Cell:
    known = value is not None and not isnan(value)
    return published_cell(number(value, metric_name(metric).digits) if known else "")


def leak_table(metrics: pd.DataFrame, protocol: str) -> Table | None:
    """What a leak would fake, beside the same model without it."""
    rows = metrics[(metrics[PROTOCOL] == protocol) & (metrics[SLICE] == SLICE_ALL)]
    if rows.empty:
        return None
    leaky = str(rows[MODEL].iloc[0])
    honest = metrics[(metrics[PROTOCOL] == main_protocol(metrics)) & (metrics[SLICE] == SLICE_ALL)]
    honest = honest[honest[MODEL] == leaky.removesuffix("_leaky")]
    body = []
    for model, part in ((leaky, rows), (leaky.removesuffix("_leaky"), honest)):
        means = part.groupby(METRIC)["value"].mean()
        if len(means):
            cells = tuple(Cell(number(means.get(m), metric_name(m).digits)) for m in _FIRST)
            body.append(Row(model_row_label(model), cells))
    return Table(
        f"What a leak would fake: {protocol_label(protocol)}",
        "Model",
        tuple(Head(metric_name(metric).label) for metric in _FIRST),
        tuple(body),
        "The first row is wrong on purpose; no figure of it is a result.",
    )


def _other_protocols(metrics: pd.DataFrame, focus: str | None) -> list[Table | None]:
    """Every model under the honest protocols that are not the main one."""
    main = main_protocol(metrics)
    tables = []
    for protocol in dict.fromkeys(metrics[PROTOCOL]):
        if protocol != main and protocol not in LEAKS:
            table = performance_table(metrics[metrics[PROTOCOL] == protocol])
            caption = f"{protocol_label(protocol).capitalize()}, all test records: every model"
            tables.append(sections.metric_table(table, caption, focus, metrics=_FIRST))
    return tables


def _paired(pipeline: PipelineResults) -> list[Table]:
    comparisons = pipeline.comparisons
    return [
        table
        for model in focus_models(comparisons)
        for table in sections.paired_tables(comparisons, model, (SLICE_ALL,))
    ]


def _texts(frame: pd.DataFrame) -> dict[tuple[str, str], str]:
    rows = frame[frame["published"].notna()].to_dict("records")
    return {(str(r[MODEL]), str(r[METRIC])): number(r["published"], metric_name(r[METRIC]).digits) for r in rows}


def risk_view(pipeline: PipelineResults, budget: float) -> RiskView | None:
    """Curves, who to contact, attention, intervals; None without any of it.

    Args:
        pipeline: results of the models.
        budget: share of records that can be contacted.
    """
    if pipeline.curves.empty and pipeline.intervals.empty:
        return None
    importance, agreement = _importance(pipeline.importance)
    return RiskView(
        plots=_plots(pipeline, budget),
        contact=_contact(pipeline.curves, budget),
        attention=_attention(pipeline.attention),
        intervals=_intervals(pipeline.intervals),
        importance=importance,
        agreement=agreement,
    )


def leading_models(pipeline: PipelineResults) -> list[str]:
    """The focus models, then the best of the others by ROC AUC: as many as a drawing can hold."""
    curves = pipeline.curves[pipeline.curves[PROTOCOL] == main_protocol(pipeline.curves)]
    table = performance_table(pipeline.metrics)
    order = list(table.sort_values("roc_auc", ascending=False)[MODEL]) if "roc_auc" in table else []
    present = set(curves[MODEL])
    focus = [model for model in FOCUS_OF.get(pipeline.name, ()) if model in present]
    return [*focus, *(m for m in order if m in present and m not in focus)][:MOST_CURVES]


def _plots(pipeline: PipelineResults, budget: float) -> tuple[SquarePlot, ...]:
    curves = pipeline.curves[pipeline.curves[PROTOCOL] == main_protocol(pipeline.curves)]
    models = leading_models(pipeline)
    if not models:
        return ()
    names = ", ".join(model_label(model) for model in models)

    def lines(x: str, y: str) -> tuple[SquareCurve, ...]:
        drawn = []
        for model in models:
            rows = curves[(curves[MODEL] == model) & curves[x].notna() & curves[y].notna()]
            points = zip(100 * rows[x], 100 - 100 * rows[y], strict=True)
            drawn.append(SquareCurve(model_row_label(model), " ".join(f"{a:.2f},{b:.2f}" for a, b in points)))
        return tuple(drawn)

    return (
        SquarePlot(
            "ROC",
            "false alarms",
            "found",
            lines("false_positive_rate", "true_positive_rate"),
            f"Share of the positive records found against the share of others called so, by {names}.",
        ),
        SquarePlot(
            "Precision and recall",
            "found",
            "precision",
            lines("true_positive_rate", "precision"),
            f"Precision against the share of the positive records found, by {names}.",
            diagonal=False,
        ),
        SquarePlot(
            "Gain: who to contact",
            "contacted",
            "found",
            lines("share", "true_positive_rate"),
            f"Share of the positive records found among those of highest risk, by {names}.",
            cut=round(100 * budget, 2),
            note=f"The line marks a budget of {number(100 * budget, 0)} % of the records.",
        ),
    )


def _contact(curves: pd.DataFrame, budget: float) -> Table | None:
    """What contacting the records of highest risk within the budget reaches, by model."""
    rows = curves[(curves[PROTOCOL] == main_protocol(curves)) & (curves["share"] <= budget + 1e-9)]
    if rows.empty:
        return None
    last = rows.sort_values("share", kind="stable").drop_duplicates(MODEL, keep="last")
    last = last.assign(_rank=last[MODEL].map(model_rank)).sort_values(
        ["true_positive_rate", "_rank"], ascending=[False, True]
    )
    body = tuple(
        Row(
            model_row_label(str(r[MODEL])),
            (
                Cell(f"{number(100 * r['true_positive_rate'], 1)} %"),
                Cell(f"{number(100 * r['precision'], 1)} %"),
                Cell(number(r["lift"], 2)),
                Cell(number(r["threshold"])),
            ),
        )
        for r in last.to_dict("records")
    )
    contacted = float(last["share"].iloc[0] * last[N].iloc[0])
    return Table(
        f"Who to contact: the {number(100 * budget, 0)} % of highest risk ({count(contacted)} records)",
        "Model",
        (Head("Found", "of all positive"), Head("Right", "of those contacted"), Head("Lift"), Head("Risk at the cut")),
        body,
        "Lift: how many times as many positive records as among the same number drawn at random.",
    )


def _attention(attention: pd.DataFrame) -> tuple[tuple[str, tuple[ClassBar, ...]], ...]:
    """Weight of each step by model and true class."""
    views = []
    for (model, label), rows in attention.groupby([MODEL, "class"], sort=False):
        highest = rows["weight"].max()
        if not highest > 0:
            continue
        bars = tuple(
            ClassBar(str(r["step"]), round(100 * r["weight"] / highest, 2), number(r["weight"]))
            for r in rows.sort_values("position").to_dict("records")
        )
        views.append((f"{model_label(str(model))}, records that turned out “{label}”", bars))
    return tuple(views)


def _intervals(intervals: pd.DataFrame) -> Table | None:
    if intervals.empty:
        return None
    amounts = bool(intervals["amount_coverage"].notna().any())
    body = []
    for r in intervals.to_dict("records"):
        inside = r["low"] <= r["risk"] <= r["high"]
        cells = [
            Cell(number(r["risk"])),
            Cell(number(r["observed"]), interval(r["low"], r["high"]), tone="" if inside else "worse"),
        ]
        cells += [Cell(number(r["amount_coverage"]))] if amounts else []
        body.append(Row(Label(f"{number(r['decile'], 0)}"), (*cells, Cell(count(r[N])))))
    heads = [Head("Stated risk"), Head("Observed", "95 % interval")]
    heads += [Head("Amounts inside", "their 80 % interval")] if amounts else []
    model = model_label(str(intervals[MODEL].iloc[0]))
    return Table(
        f"Risk by tenth of the records, {model}",
        "Tenth",
        (*heads, Head("n")),
        tuple(body),
        "Every record is scored by a model that did not learn from it. A stated risk outside the interval is set off.",
    )


def _importance(importance: pd.DataFrame) -> tuple[Table | None, str]:
    """Attribution beside permutation importance, and how far the two rankings agree."""
    if importance.empty:
        return None, ""
    body = tuple(
        Row(Label(str(r["feature"])), (Cell(number(r["attribution"])), Cell(number(r["permutation"], 4))))
        for r in importance.to_dict("records")
    )
    model = model_label(str(importance[MODEL].iloc[0]))
    table = Table(
        f"What the scores rest on, {model}",
        "Column or channel",
        (Head("Attribution", "mean |log-odds|"), Head("Shuffled", "AUC lost")),
        body,
    )
    ranks = importance[["attribution", "permutation"]].rank()
    if len(ranks) < 3:
        return table, ""
    agreement = float(ranks["attribution"].corr(ranks["permutation"]))
    return table, f"The two rankings agree with a rank correlation of {number(agreement, 2)}."


def _present(*tables: Table | None) -> tuple[Table, ...]:
    return tuple(table for table in tables if table is not None)
