"""The first page, what models are worth beside their accuracy, and what leaks would fake: across papers and sources."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from math import copysign, isnan, sqrt
from typing import Any, Final

import pandas as pd

from crm_pipelines.columns import FOLD, METRIC, MODEL, PROTOCOL, SEED, SLICE, SLICE_ALL, VARIANT
from crm_pipelines.reporting import sections
from crm_pipelines.reporting.charts import IntervalPlot, Tick, interval_plot
from crm_pipelines.reporting.formatting import MISSING, count, counts, number, signed
from crm_pipelines.reporting.names import FOCUS_OF, cases, metric_name, model_label, protocol_label
from crm_pipelines.reporting.paper_c_sections import LEAKS, leak_table
from crm_pipelines.reporting.papers import OTHER, PAPERS, Paper
from crm_pipelines.reporting.results import PipelineResults, Results, SourceResults, environment_mark
from crm_pipelines.reporting.tables import (
    calibration_table,
    efficiency_table,
    main_protocol,
    performance_table,
    summarise,
)
from crm_pipelines.reporting.verdict import Headline, headlines
from crm_pipelines.reporting.view import Cell, Head, Label, Row, Table, model_row_label
from crm_pipelines.runs import MEASURED

COIN: Final = 0.02
"""How far from a half a ranking without knowledge may be; ties and rounding allow for less."""
LEVELS: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5)
APART: Final = 0.34
"""Differences marked on the stretched axis, and how far apart, as a share of its half."""
WORTH: Final = (
    *("group_fairness", "ece", "log_loss", "parameters"),
    *("fit_seconds", "latency_end_to_end_p50_ms", "peak_rss_mb"),
)
"""What is shown of every paper's model beside its strongest peer."""


@dataclass(frozen=True)
class Standing:
    """A paper's model on one source beside its strongest peer.

    Attributes:
        paper: of which. source: title of the data. metric: label of the measure.
        ours, theirs: the means, as text. peer: the strongest peer.
        verdict: the comparison with that peer alone, for the drawing.
    """

    paper: Paper
    source: str
    metric: str
    model: str
    ours: str
    theirs: str
    peer: str
    verdict: Headline


def paper_of(pipeline: str) -> Paper:
    """The paper that a pipeline belongs to."""
    return next((paper for paper in PAPERS if pipeline in paper.pipelines), OTHER)


def results_by_paper(results: Results) -> Iterator[tuple[Paper, SourceResults, PipelineResults]]:
    """Every pipeline's results in the order of the pages: by paper, then source, then pipeline."""
    for paper in (*PAPERS, OTHER):
        for source in results.sources:
            found = [pipeline for pipeline in source.pipelines if paper_of(pipeline.name) is paper]
            yield from ((paper, source, pipeline) for pipeline in sorted(found, key=lambda each: _place(paper, each)))


def _place(paper: Paper, pipeline: PipelineResults) -> int:
    return paper.pipelines.index(pipeline.name) if pipeline.name in paper.pipelines else 0


def standings(results: Results) -> tuple[Standing, ...]:
    """Each paper's models beside their strongest peer on each source; one that was not compared is left out."""
    found = []
    for paper, source, pipeline in results_by_paper(results):
        for verdict in headlines(pipeline.comparisons):
            strongest = strongest_peer(verdict, pipeline.name)
            if strongest is not None:
                mean = _means(pipeline.metrics, verdict)
                digits, peer = metric_name(verdict.metric).digits, str(strongest.rows["peer"].iloc[0])
                ours, theirs = (number(mean.get(model), digits) for model in (verdict.model, peer))
                found.append(
                    Standing(
                        paper,
                        source.title,
                        metric_name(verdict.metric).label,
                        model_label(verdict.model),
                        ours,
                        theirs,
                        model_label(peer),
                        strongest,
                    )
                )
    return tuple(found)


def strongest_peer(verdict: Headline, pipeline: str) -> Headline | None:
    """The verdict with one row only: the peer that the model has the hardest time with, its own family left out."""
    rows = verdict.rows[verdict.rows["difference"].notna() & ~verdict.rows["peer"].isin(FOCUS_OF.get(pipeline, ()))]
    return replace(verdict, rows=rows.tail(1)) if len(rows) else None


def _means(metrics: pd.DataFrame, verdict: Headline) -> dict[str, float]:
    """Model -> mean of the verdict's measure where it was compared."""
    protocol = str(verdict.rows[PROTOCOL].iloc[0])
    rows = metrics[
        (metrics[PROTOCOL] == protocol)
        & (metrics[SLICE] == SLICE_ALL)
        & (metrics[METRIC] == verdict.metric)
        & (metrics[VARIANT] == "main")
    ]
    summary = summarise(rows)
    return dict(zip(summary[MODEL], summary["mean"], strict=True))


def standing_plot(found: Sequence[Standing]) -> IntervalPlot | None:
    """All standings on one axis, stretched near zero; every measure of theirs runs from 0 to 1.

    Differences on real data are a hundredth, those of untrained networks a half: as square roots both can be seen.
    """
    if not found:
        return None
    rows = pd.concat([each.verdict.rows for each in found], ignore_index=True)
    ends = [abs(value) for name in ("low", "high", "difference") for value in rows[name] if not isnan(value)]
    most = 1.04 * sqrt(max([*ends, 1e-6]))

    def at(value: float) -> float:
        return round(50 + 50 * copysign(sqrt(abs(value)), value) / most, 3)

    plain = interval_plot(replace(found[0].verdict, rows=rows))
    drawn = tuple(
        row
        if row.point is None
        else replace(row, point=at(record["difference"]), low=at(record["low"]), high=at(record["high"]))
        for row, record in zip(plain.rows, rows.to_dict("records"), strict=True)
    )
    marked: list[float] = []
    for level in sorted(LEVELS, reverse=True):  # from the outside in, as far apart as their texts need
        if APART <= sqrt(level) / most <= (sqrt(marked[-1]) / most - APART if marked else 0.9):
            marked.append(level)
    ticks = [Tick(50.0, "0")] + [
        Tick(at(sign * level), signed(sign * level, len(f"{level:g}") - 2), level != marked[0])
        for level in marked
        for sign in (-1, 1)
    ]
    return replace(plain, rows=drawn, ticks=tuple(ticks), zero=50.0)


def runs_table(results: Results) -> Table | None:
    """What was run: a row per paper and source."""
    rows = []
    for paper, source, pipeline in results_by_paper(results):
        metrics = pipeline.metrics
        if metrics.empty:
            continue
        on_all = metrics[(metrics[SLICE] == SLICE_ALL) & (metrics[PROTOCOL] == main_protocol(metrics))]
        of_all = on_all[on_all[METRIC] == ("accuracy" if (on_all[METRIC] == "accuracy").any() else _first(on_all))]
        n = f"{counts(of_all['n'].min(), of_all['n'].max())} {cases(pipeline.name)}" if len(of_all) else MISSING
        name = f"{paper.letter} {pipeline.name.replace('_', ' ')}".strip()
        rows.append(
            Row(
                Label(name),
                (
                    Cell(source.title, words=True),
                    Cell(n),
                    Cell(count(metrics[MODEL].nunique())),
                    Cell(f"{metrics[FOLD].nunique()} × {metrics[SEED].nunique()}"),
                    Cell(str(pipeline.environment.get(MEASURED, MISSING))),
                    Cell("for tests only" if environment_mark(pipeline.environment) else "as configured", words=True),
                ),
            )
        )
    heads = (
        Head("Data", words=True), Head("Tested on"), Head("Models"), Head("Runs of each", "folds × seeds"),
        Head("Measured", "UTC"), Head("Settings", words=True),
    )  # fmt: skip
    return Table("What was run", "Pipeline", heads, tuple(rows)) if rows else None


def _first(rows: pd.DataFrame) -> str:
    return str(next(iter(rows[METRIC]), ""))


def worth_tables(results: Results) -> tuple[Table, ...]:
    """Fairness, calibration and cost of each paper's models beside their strongest peer: a table per paper."""
    by_paper: dict[Paper, list[Row]] = {}
    for paper, source, pipeline in results_by_paper(results):
        models: list[str] = []
        for verdict in headlines(pipeline.comparisons):
            strongest = strongest_peer(verdict, pipeline.name)
            models += [verdict.model, *(strongest.rows["peer"].astype(str) if strongest is not None else ())]
        values = _worth(pipeline)
        for model in dict.fromkeys(models):
            cells = tuple(_worth_cell(values.get((model, metric)), metric) for metric in WORTH)
            if any(cell != sections.EMPTY for cell in cells):
                label = model_row_label(model)
                shown = replace(
                    label, text=f"{label.text} · {source.title}", focus=model in FOCUS_OF.get(pipeline.name, ())
                )
                by_paper.setdefault(paper, []).append(Row(shown, cells))
    heads = tuple(Head(metric_name(metric).label) for metric in WORTH)
    return tuple(
        Table(f"{paper.letter}: {paper.question}", "Model · data", heads, tuple(rows))
        for paper, rows in by_paper.items()
    )


def _worth(pipeline: PipelineResults) -> dict[tuple[str, str], float]:
    """(model, metric) -> mean, of each table's own main protocol."""
    found: dict[tuple[str, str], float] = {}
    ranked = set(pipeline.metrics.loc[pipeline.metrics[METRIC] == "hr@10", MODEL])
    for of_items in (True, False):  # where a pipeline ranks items and predicts classes, protocols differ
        metrics, costs = (
            table[table[MODEL].isin(ranked) == of_items] for table in (pipeline.metrics, pipeline.efficiency)
        )
        for table in (performance_table(metrics), calibration_table(metrics), efficiency_table(costs)):
            for row in table.to_dict("records"):
                found |= {(str(row[MODEL]), metric): float(row[metric]) for metric in WORTH if metric in row}
    return found


def _worth_cell(value: float | None, metric: str) -> Cell:
    if value is None or isnan(value):
        return sections.EMPTY
    return Cell(number(value, metric_name(metric).digits))


def fakes(results: Results) -> tuple[Table, ...]:
    """What leaks would fake, of every source on which it was measured."""
    tables = []
    for _, source, pipeline in results_by_paper(results):
        for protocol in LEAKS:
            table = leak_table(pipeline.metrics, protocol)
            if table is not None:
                tables.append(replace(table, caption=f"{source.title}: {protocol_label(protocol)}"))
    return tuple(tables)


def audits(results: Results) -> tuple[Table, ...]:
    """What can be seen of leaks in the results themselves: folds out of order, and a model that knows too much."""
    rows = []
    for source in results.sources:
        if source.splits:
            wrong = [split for split in source.splits if not _in_order(split)]
            found = f"{len(source.splits) - len(wrong)} of {len(source.splits)} folds"
            rows.append(
                _audited(source.title, "Training ends before validation, validation before test", found, not wrong)
            )
    for paper, source, pipeline in results_by_paper(results):
        metrics = pipeline.metrics
        ignorant = metrics[
            (metrics[MODEL] == "majority") & (metrics[METRIC] == "roc_auc") & (metrics[SLICE] == SLICE_ALL)
        ]["value"].dropna()
        if len(ignorant):
            farthest = float(ignorant.iloc[int((ignorant - 0.5).abs().to_numpy().argmax())])
            where = f"{source.title}, {paper.letter} {pipeline.name}"
            what = "A model that always says the same ranks like a coin: ROC AUC 0.5"
            rows.append(_audited(where, what, number(farthest), abs(farthest - 0.5) < COIN))
    heads = (Head("What must hold", words=True), Head("Found"), Head("Verdict", words=True))
    return (Table("Looked at in these results", "Where", heads, tuple(rows)),) if rows else ()


def _in_order(split: Mapping[str, Any]) -> bool:
    """Whether a fold's parts follow one another in time; a test without an end goes to the end of the data."""
    end = split["test_end"]
    return split["validation_start"] <= split["test_start"] and (end is None or split["test_start"] < end)


def _audited(where: str, what: str, found: str, holds: bool) -> Row:
    verdict = Cell("holds", tone="better", words=True) if holds else Cell("does not hold", tone="worse", words=True)
    return Row(Label(where), (Cell(what, words=True), Cell(found), verdict))
