"""The report: one HTML file that asks the network for nothing.

Every text on it passes Jinja2's autoescape; drawings are inline SVG whose attributes are numbers of ours. One script,
ours and named by its hash in the file's own policy, turns the sections into pages; without it they follow one another.
The same results give the same bytes: the page carries no time but those in the data.
"""

import base64
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any, Final

import pandas as pd
from jinja2 import Environment, PackageLoader, StrictUndefined

from crm_pipelines.columns import FOLD, METRIC, MODEL, PROTOCOL, SEED, SLICE, SLICE_ALL, VARIANT
from crm_pipelines.reporting import sections
from crm_pipelines.reporting.charts import (
    ClassBar,
    IntervalPlot,
    Reliability,
    SplitPicture,
    class_bars,
    class_style,
    interval_plot,
    reliability_charts,
    split_picture,
)
from crm_pipelines.reporting.customers import ScoringView, scoring_view
from crm_pipelines.reporting.drawings import Scores, published_scores, score_drawing
from crm_pipelines.reporting.explanations import ExplanationView, explanation_view
from crm_pipelines.reporting.formatting import count, counts, date
from crm_pipelines.reporting.names import (
    FOCUS_OF,
    METRICS,
    MODELS,
    PIPELINE_TITLES,
    cases,
    model_label,
    model_rank,
    protocol_label,
)
from crm_pipelines.reporting.overview import (
    audits,
    fakes,
    results_by_paper,
    runs_table,
    standing_plot,
    standings,
    worth_tables,
)
from crm_pipelines.reporting.paper_b_sections import engagement_tables
from crm_pipelines.reporting.paper_c import data_set_of as paper_c_data_set_of
from crm_pipelines.reporting.paper_c import published as paper_c_published
from crm_pipelines.reporting.paper_c_sections import RiskView, four_tables, risk_view
from crm_pipelines.reporting.paper_d_profile import PROFILE, behaviour_tables
from crm_pipelines.reporting.paper_d_sections import feedback_tables
from crm_pipelines.reporting.paper_e import data_set_of as paper_e_data_set_of
from crm_pipelines.reporting.paper_e_sections import recommendation_tables
from crm_pipelines.reporting.paper_sections import five_tables
from crm_pipelines.reporting.paper_table import PaperTable
from crm_pipelines.reporting.papers import PAPERS, Paper
from crm_pipelines.reporting.published import data_set_of, published_values
from crm_pipelines.reporting.results import (
    CONTACT_BUDGET,
    DocumentsResults,
    PipelineResults,
    RecordsResults,
    Results,
    SourceResults,
    environment_mark,
)
from crm_pipelines.reporting.tables import calibration_table, focus_models, main_protocol, performance_table
from crm_pipelines.reporting.verdict import HEADLINE_METRIC, HEADLINE_METRIC_OF, Headline, headlines
from crm_pipelines.reporting.view import Table
from crm_pipelines.runs import NOT_APPLICABLE

RISK: Final = "risk"
ENGAGEMENT: Final = "engagement"
FEEDBACK: Final = "feedback"
RECOMMENDATION: Final = "recommendation"


@dataclass(frozen=True)
class PipelineView:
    """What the template shows of one pipeline; an empty part is left out."""

    anchor: str
    title: str
    source: str
    source_name: str
    runs: str
    scores: Scores | None
    headlines: tuple[tuple[Headline, IntervalPlot], ...]
    run_with: str
    tables: tuple[PaperTable, ...]
    published: str
    not_applicable: tuple[str, ...]
    risk: RiskView | None
    fairness: tuple[Table, ...]
    calibration: Table | None
    reliability: tuple[Reliability, ...]
    classes: tuple[tuple[str, int, str], ...]
    explanations: ExplanationView | None


@dataclass(frozen=True)
class RecordsView:
    """What the template shows of a source's table of records."""

    records: str
    customers: str
    inputs: str
    class_bars: tuple[ClassBar, ...]
    splits: Table | None
    cleaning: Table | None
    columns: Table | None
    notes: Table | None


@dataclass(frozen=True)
class DocumentsView:
    """What the template shows of a source's documents."""

    documents: str
    customers: str
    labelled: str
    not_learnt: str
    class_bars: tuple[ClassBar, ...]
    channel_bars: tuple[ClassBar, ...]
    cleaning: Table | None
    languages: Table | None
    notes: Table | None


@dataclass(frozen=True)
class PaperView:
    """What the template shows of one paper: its results on every source it was run on."""

    anchor: str
    paper: Paper
    parts: tuple[PipelineView, ...]


@dataclass(frozen=True)
class StageView:
    """What the template shows of a stage before the models."""

    title: str
    tables: tuple[Table, ...]


@dataclass(frozen=True)
class SourceView:
    """What the template shows of one source's data."""

    anchor: str
    name: str
    title: str
    events: str
    customers: str
    items: str
    start: str
    end: str
    class_bars: tuple[ClassBar, ...]
    split: SplitPicture | None
    cleaning: Table | None
    imputation: Table | None
    notes: Table | None
    records: RecordsView | None
    documents: DocumentsView | None
    stages: tuple[StageView, ...]
    run: bool
    scoring: ScoringView | None
    check: Table | None
    requirements: Table | None


def render_report(results: Results, titles: Mapping[str, str] = MappingProxyType({})) -> str:
    """The whole report as one self-contained HTML document; without results it says how to get some.

    Args:
        results: of every source that has been run.
        titles: source -> how it is called, where its results do not say.
    """
    results = replace(
        results, sources=tuple(replace(each, called=titles.get(each.name, "")) for each in results.sources)
    )
    environment = Environment(
        loader=PackageLoader("crm_pipelines.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    sources = tuple(
        source_view(source, f"source-{position}") for position, source in enumerate(results.sources, start=1)
    )
    shown = {model for source in results.sources for pipeline in source.pipelines for model in pipeline.metrics[MODEL]}
    glossary_models = [
        (MODELS[name].label, MODELS[name].about) for name in sorted(shown, key=model_rank) if name in MODELS
    ]
    measured = {
        m for source in results.sources for p in source.pipelines for m in [*p.metrics[METRIC], *p.efficiency[METRIC]]
    }
    glossary_metrics = [
        (name.label, name.about) for metric, name in METRICS.items() if metric in measured and name.about
    ]
    found = standings(results)
    script = environment.get_template("report.js").render()
    return environment.get_template("report.html").render(
        sources=sources,
        papers=paper_views(results),
        standings=found,
        standing_plot=standing_plot(found),
        runs=runs_table(results),
        worth=worth_tables(results),
        audits=audits(results),
        fakes=fakes(results),
        script_hash=base64.b64encode(hashlib.sha256(script.encode()).digest()).decode(),
        left_out=results.left_out,
        glossary_models=glossary_models,
        glossary_metrics=glossary_metrics,
    )


def paper_views(results: Results) -> tuple[PaperView, ...]:
    """A page for each of the papers, also for one of which nothing was run, and one for what belongs to none."""
    parts: dict[Paper, list[PipelineView]] = {paper: [] for paper in PAPERS}
    for paper, source, pipeline in results_by_paper(results):
        anchor = f"source-{results.sources.index(source) + 1}-{source.pipelines.index(pipeline) + 1}"
        view = pipeline_view(pipeline, source, anchor)
        if any(each.tables for each in parts.get(paper, ())):  # a world that is the same for every source: once
            view = replace(view, tables=tuple(t for t in view.tables if not t.anchor.endswith("-world")))
        parts.setdefault(paper, []).append(view)
    return tuple(
        PaperView(f"paper-{paper.letter.lower() or 'other'}", paper, tuple(views)) for paper, views in parts.items()
    )


def stage_views(source: SourceResults) -> tuple[StageView, ...]:
    """What the stages before the models of papers B, D and E counted and dropped."""
    views = []
    for stage in source.stages:
        tables = [_cleaning_table(found, heading) for heading, found in stage.cleaning.items()]
        tables += [sections.plain_table(ingestion_notes(notes), heading) for heading, notes in stage.notes.items()]
        views.append(StageView(stage.title, tuple(table for table in tables if table is not None)))
    return tuple(views)


def source_view(source: SourceResults, anchor: str) -> SourceView:
    """The view of a source; ``anchor`` is its place on the page, free of any text from the data."""
    overview = {**log_sizes(source), **source.overview}
    start, end = _number(overview, "start"), _number(overview, "end")
    class_counts = overview.get("class_counts") or {}
    cleaning = _cleaning_table(source.cleaning)
    imputation = None if source.imputation is None else sections.plain_table(source.imputation, "What was filled in")
    return SourceView(
        anchor=anchor,
        name=source.name,
        title=source.title,
        events=count(_number(overview, "events")),
        customers=count(_number(overview, "customers")),
        items=count(_number(overview, "items")),
        start=date(start),
        end=date(end),
        class_bars=class_bars({str(label): float(n) for label, n in class_counts.items()}),
        split=split_picture(source.splits, start, end),
        cleaning=cleaning,
        imputation=imputation,
        notes=sections.plain_table(ingestion_notes(source.notes), "What was counted while reading"),
        records=None if source.records is None else records_view(source.records),
        documents=None if source.documents is None else documents_view(source.documents),
        stages=stage_views(source),
        run=bool(source.pipelines),
        scoring=None if source.scoring is None else scoring_view(source.scoring),
        check=None if source.check is None else sections.plain_table(source.check, "What a check of the tables found"),
        requirements=None
        if source.requirements is None
        else sections.plain_table(source.requirements, "For which pipelines the tables suffice"),
    )


def log_sizes(source: SourceResults) -> dict[str, int]:
    """Events, customers and items of a log that was cleaned and not prepared for the models of behaviour."""
    if source.cleaning is None:
        return {}
    sizes = {"events": int(source.cleaning.loc[source.cleaning["step"] == "rows_out", "rows"].sum())}
    for side in ("customers", "items"):
        of_log = [_number(source.notes, f"{side}_{kind}") for kind in ("rows", "only_in_log")]
        if any(of_log):
            sizes[side] = int(sum(number or 0 for number in of_log))
    return sizes


def _cleaning_table(cleaning: pd.DataFrame | None, caption: str = "What cleaning dropped") -> Table | None:
    if cleaning is None:
        return None
    return sections.plain_table(cleaning.replace("_", " ", regex=True), caption, ["step", "reason", "rows"])


def records_view(found: RecordsResults) -> RecordsView:
    """The view of a source's table of records."""
    overview = found.overview
    parts = {"numbers": "numeric", "categories": "categorical", "steps": "steps", "channels": "channels"}
    inputs = [f"{count(_number(overview, key))} {label}" for label, key in parts.items() if _number(overview, key)]
    splits = pd.DataFrame(
        [
            {
                "protocol": protocol_label(str(split["protocol"])),
                "fold": str(split["fold"]),
                **{part: float(split[part]) for part in ("train", "validation", "test")},
            }
            for split in found.splits
        ]
    )
    columns = found.columns
    if columns is not None:
        columns = columns.assign(missing=[f"{100 * share:.1f} %" for share in columns["missing"]])
    counts_by_class = {str(label): float(n) for label, n in (overview.get("class_counts") or {}).items()}
    return RecordsView(
        records=count(_number(overview, "records")),
        customers=count(_number(overview, "customers")),
        inputs=", ".join(inputs),
        class_bars=class_bars(counts_by_class),
        splits=sections.plain_table(splits, "Records in every part"),
        cleaning=_cleaning_table(found.cleaning),
        columns=None if columns is None else sections.plain_table(columns, "Columns"),
        notes=sections.plain_table(ingestion_notes(found.notes), "What was counted while reading"),
    )


def documents_view(found: DocumentsResults) -> DocumentsView:
    """The view of a source's documents."""
    overview, languages, cleaning = found.overview, found.languages, found.cleaning
    if languages is not None:
        languages = languages.assign(share=[f"{100 * share:.1f} %" for share in languages["share"]])
    if cleaning is not None:
        cleaning = cleaning[(cleaning["step"].isin(["rows_in", "dropped", "rows_out"])) | (cleaning["rows"] > 0)]
    bars = {
        name: class_bars({str(label): float(n) for label, n in (overview.get(name) or {}).items()})
        for name in ("class_counts", "channels")
    }
    return DocumentsView(
        documents=count(_number(overview, "documents")),
        customers=count(_number(overview, "customers")),
        labelled=count(_number(overview, "labelled")),
        not_learnt=str(overview.get("not_learnt") or ""),
        class_bars=bars["class_counts"],
        channel_bars=bars["channels"],
        cleaning=None
        if cleaning is None
        else sections.plain_table(
            cleaning.replace("_", " ", regex=True),
            "What cleaning dropped, changed and noticed",
            ["step", "reason", "rows"],
        ),
        languages=None if languages is None else sections.plain_table(languages.head(12), "Languages"),
        notes=sections.plain_table(ingestion_notes(found.notes), "What was counted while reading"),
    )


def pipeline_view(pipeline: PipelineResults, source: SourceResults, anchor: str) -> PipelineView:
    """The view of one pipeline's results."""
    metrics, comparisons = pipeline.metrics, pipeline.comparisons
    compared = focus_models(comparisons)
    focus = next(iter(compared), None)
    protocol = main_protocol(metrics)
    calibration = calibration_table(metrics)
    on_all = metrics[(metrics[SLICE] == SLICE_ALL) & (metrics[PROTOCOL] == protocol)]
    classes = tuple(dict.fromkeys([*(source.overview.get("class_counts") or {}), *pipeline.reliability["class"]]))
    classes = tuple(label for label in classes if label in set(pipeline.reliability["class"]))
    ece = dict(zip(calibration[MODEL], calibration["ece"], strict=True)) if "ece" in calibration else {}
    reliability = pipeline.reliability[pipeline.reliability[PROTOCOL] == main_protocol(pipeline.reliability)]
    order = sorted(dict.fromkeys(reliability[MODEL]), key=lambda model: (model != focus, model_rank(model)))
    caption = f"{protocol_label(protocol).capitalize()}, whole test part"
    return PipelineView(
        anchor=anchor,
        title=PIPELINE_TITLES.get(pipeline.name, pipeline.name.replace("_", " ").capitalize()),
        source=source.title,
        source_name=source.name,
        runs=describe_runs(on_all, cases(pipeline.name)),
        scores=_scores(pipeline, source.name),
        headlines=tuple((verdict, interval_plot(verdict)) for verdict in headlines(comparisons)),
        run_with=environment_mark(pipeline.environment),
        tables=_tables(pipeline, source.name, anchor),
        published=_published(pipeline.name, source.name),
        not_applicable=_not_applicable(pipeline.environment),
        risk=risk_view(pipeline, float(pipeline.environment.get(CONTACT_BUDGET, 0.1))),
        fairness=sections.fairness_tables(pipeline.fairness, metrics, main_protocol(pipeline.fairness), focus),
        calibration=sections.metric_table(calibration, caption, focus, "Lower is better in every column."),
        reliability=reliability_charts(reliability, classes, order, ece, focus),
        classes=tuple((label, *class_style(index)) for index, label in enumerate(classes)),
        explanations=explanation_view(pipeline),
    )


def _scores(pipeline: PipelineResults, source: str) -> Scores | None:
    """Every model on the measure of the headline, with what the paper prints of it for this source."""
    table = performance_table(pipeline.metrics)
    metric = HEADLINE_METRIC_OF.get(pipeline.name, HEADLINE_METRIC)
    printed: dict[str, float] = {}
    if pipeline.name == RISK:
        printed = published_scores(paper_c_published(1, paper_c_data_set_of(source)), metric)
    elif pipeline.name == "coldstart":
        printed = published_scores(published_values(1, data_set_of(source)), metric)
    return score_drawing(table, metric, FOCUS_OF.get(pipeline.name, ()), printed)


def _tables(pipeline: PipelineResults, source: str, anchor: str) -> tuple[PaperTable, ...]:
    """The tables of the pipeline's paper."""
    if pipeline.name == ENGAGEMENT:
        return engagement_tables(pipeline, anchor)
    if pipeline.name == PROFILE:
        return behaviour_tables(pipeline, anchor)
    if pipeline.name == FEEDBACK:
        return feedback_tables(pipeline, anchor)
    if pipeline.name == RECOMMENDATION:
        return recommendation_tables(pipeline, source, anchor)
    return (four_tables if pipeline.name == RISK else five_tables)(pipeline, source, anchor)


def _published(pipeline: str, source: str) -> str:
    """The paper whose published figures stand beside ours; empty where there are none for this source."""
    if pipeline in (ENGAGEMENT, FEEDBACK, PROFILE):  # said beside each of their tables
        return ""
    if pipeline == RECOMMENDATION:
        return "E" if paper_e_data_set_of(source) is not None else ""
    if pipeline == RISK:
        return "C" if paper_c_data_set_of(source) is not None else ""
    return "A" if data_set_of(source) is not None else ""


def _not_applicable(environment: Mapping[str, Any]) -> tuple[str, ...]:
    """Models that were left out, and why."""
    reasons = environment.get(NOT_APPLICABLE)
    found = reasons.items() if isinstance(reasons, Mapping) else ()
    return tuple(f"{model_label(str(model))} was not run: {reason}" for model, reason in found)


def ingestion_notes(notes: Mapping[str, Any]) -> pd.DataFrame:
    """What was counted or chosen while reading the files, as text: ``what, found``."""
    shown = [count(value) if isinstance(value, int | float) else str(value) for value in notes.values()]
    return pd.DataFrame({"what": [name.replace("_", " ") for name in notes], "found": shown})


def describe_runs(rows: pd.DataFrame, cases: str) -> str:
    """``8 models, 1 fold, 2 seeds, n = 9,809 test events`` for rows of one slice and protocol; empty without rows.

    ``cases`` says what is predicted: events, records.
    """
    if rows.empty:
        return ""
    # Some metrics leave events out (fairness those of small groups), so one that counts all of them is asked.
    n = rows.loc[rows[METRIC] == ("accuracy" if (rows[METRIC] == "accuracy").any() else rows[METRIC].iloc[0]), "n"]
    parts = [
        _many(rows[MODEL].nunique(), "model"),
        _many(rows[[MODEL, VARIANT]].drop_duplicates().shape[0] - rows[MODEL].nunique(), "further variant"),
        _many(rows[FOLD].nunique(), "fold"),
        _many(rows[SEED].nunique(), "seed"),
    ]
    if len(n):
        parts.append(f"n = {counts(n.min(), n.max())} test {cases}")
    return ", ".join(part for part in parts if part)


def _many(number: int, what: str) -> str:
    return "" if number == 0 else f"{number} {what}{'' if number == 1 else 's'}"


def _number(mapping: Mapping[str, Any], key: str) -> float | None:
    value = mapping.get(key)
    return float(value) if isinstance(value, int | float) else None
