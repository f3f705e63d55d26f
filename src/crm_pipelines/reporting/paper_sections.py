"""The five tables of paper A as sections of the page: published, ours, the strongest peer, and the difference."""

from collections.abc import Mapping, Sequence
from math import isnan
from typing import Any, Final

import pandas as pd

from crm_pipelines.columns import METRIC, MODEL, PROTOCOL, SLICE, SLICE_ALL, SLICE_WARM, N
from crm_pipelines.reporting import sections
from crm_pipelines.reporting.formatting import count, flat, number
from crm_pipelines.reporting.names import FOCUS, SIDE_LABELS, metric_name, model_label, protocol_label
from crm_pipelines.reporting.paper_a import TABLE_3_SLICES, table_1, table_2, table_3
from crm_pipelines.reporting.paper_table import (
    PUBLISHED_HEAD,
    PaperTable,
    Record,
    measured_cell,
    published_cell,
    published_text,
)
from crm_pipelines.reporting.published import data_set_of
from crm_pipelines.reporting.results import NOT_OF_THE_MACHINE, UNCOUNTED_OPERATIONS, PipelineResults
from crm_pipelines.reporting.study_sections import ablation, sensitivity
from crm_pipelines.reporting.tables import (
    class_auc_table,
    efficiency_table,
    focus_models,
    main_protocol,
    performance_table,
)
from crm_pipelines.reporting.view import Cell, Head, Label, Row, Table

_SHOWN_FIRST: Final = ("macro_f1", "accuracy", "majority_accuracy", "precision", "recall", "f1", "group_fairness")
_PAPERS_MACHINE: Final = (
    " The paper measured on a V100 GPU and does not say whether its latency includes building inputs; it stands beside "
    "the model alone, and its GPU memory beside that of the process where no GPU was used."
)
_PAPERS_SIDES: Final = (
    " The paper begins at k = 1 and does not say whether customers or items are new, so its accuracies stand beside "
    "both."
)
_COST_FIRST: Final = (
    "seconds_per_epoch_batch_32",
    "seconds_per_epoch",
    "latency_forward_p50_ms",
    "latency_end_to_end_p50_ms",
    "parameters",
    "peak_gpu_mb",
    "peak_rss_mb",
    "peak_memory_mb",
    "flops_per_event",
)


def five_tables(pipeline: PipelineResults, source: str, anchor: str) -> tuple[PaperTable, ...]:
    """Tables 1 to 5 of one source; one without a published or a measured number is left out.

    Args:
        pipeline: results of the models.
        source: the source's name.
        anchor: of the pipeline on the page.
    """
    data_set = data_set_of(source)
    performance = table_1(pipeline.metrics, pipeline.comparisons, data_set)
    found = (
        _performance(pipeline, performance, f"{anchor}-table-1"),
        _efficiency(pipeline, performance, data_set, f"{anchor}-table-2"),
        _cold_start(pipeline, data_set, f"{anchor}-table-3"),
        sensitivity(pipeline.metrics, pipeline.comparisons, source, f"{anchor}-table-4"),
        ablation(pipeline.metrics, pipeline.comparisons, source, f"{anchor}-table-5"),
    )
    return tuple(each for each in found if each is not None)


def _performance(pipeline: PipelineResults, frame: pd.DataFrame, anchor: str) -> PaperTable | None:
    if frame.empty:
        return None
    metrics, focus = pipeline.metrics, next(iter(focus_models(pipeline.comparisons)), None)
    table = performance_table(metrics)
    caption = f"{protocol_label(main_protocol(metrics)).capitalize()}, whole test part"
    rest = [c for c in table.columns if c not in (*_SHOWN_FIRST, MODEL, "variant", "runs", N)]
    rest = [c for c in rest if not c.endswith("_std")]
    more = [
        sections.metric_table(table, "Further measures", focus, metrics=("macro_f1", *rest)) if rest else None,
        sections.metric_table(class_auc_table(metrics), "ROC AUC of each class against the rest", focus, ""),
        *_paired(pipeline, (SLICE_ALL, SLICE_WARM)),
    ]
    return PaperTable(
        anchor,
        "Table 1: performance",
        "Means over seeds and folds with their standard deviation. The strongest peer is the best model beside "
        "TFP-Net on that measure and these events; for group fairness, on which a model equally bad for all is best, "
        "it is the one strongest in macro-F1. An accuracy says little where one class dominates: read it beside what "
        "always naming that class reaches.",
        _present(
            beside_table(frame, f"{caption}: TFP-Net beside the strongest peer"),
            sections.metric_table(
                table, f"{caption}: every model", focus, metrics=_SHOWN_FIRST, published=_published_texts(frame)
            ),
        ),
        more=_present(*more),
        more_label="Further measures, and differences to every peer",
    )


def _efficiency(
    pipeline: PipelineResults, performance: pd.DataFrame, data_set: str | None, anchor: str
) -> PaperTable | None:
    frame = table_2(pipeline.efficiency, data_set)
    if frame.empty:
        return None
    focus = next(iter(focus_models(pipeline.comparisons)), None)
    table = efficiency_table(pipeline.efficiency)
    rest = [c for c in table.columns if c not in (*_COST_FIRST, MODEL, "variant", "runs")]
    texts = {
        (str(r[MODEL]), str(r[METRIC])): number(r["published"], metric_name(r[METRIC]).digits)
        for r in frame[frame["published"].notna()].to_dict("records")
    }
    measured = "Measured, so it differs from run to run."
    return PaperTable(
        anchor,
        "Table 2: efficiency",
        "Training at the paper's batch of 32, from a few steps, and at the batch of the configuration. Latency is for "
        "2,048 events at once, or as many as the test part has: the model alone, and end to end with its inputs built."
        + (_PAPERS_MACHINE if data_set else ""),
        _present(
            _cost_table(frame, performance),
            sections.metric_table(table, "Every model", focus, measured, metrics=_COST_FIRST, published=texts),
        ),
        notes=_circumstances(pipeline.environment),
        more=_present(
            sections.metric_table(table, "Further measures", focus, measured, metrics=rest) if rest else None
        ),
        more_label="Further measures",
    )


def _circumstances(environment: Mapping[str, Any]) -> tuple[str, ...]:
    """What was measured on, and what the count of operations leaves out."""
    machine = flat({key: value for key, value in environment.items() if key not in NOT_OF_THE_MACHINE})
    uncounted = environment.get(UNCOUNTED_OPERATIONS)
    by_model = uncounted.items() if isinstance(uncounted, Mapping) else ()
    left_out = _listed({model_label(str(name)): list(map(str, found)) for name, found in by_model if found})
    lines = {
        "Measured on": " · ".join(machine),
        "Operations that torch does not count, so that the FLOPs are too low": left_out,
    }
    return tuple(f"{what}: {text}" for what, text in lines.items() if text)


def _listed(by_model: Mapping[str, Sequence[str]]) -> str:
    """``every model: add, mul; TFP-Net also: exp``: what is common to all of several models is said once."""
    common = set.intersection(*map(set, by_model.values())) if len(by_model) > 1 else set()
    parts = [f"every model: {', '.join(sorted(common))}"] if common else []
    for model, names in by_model.items():
        own = [name for name in names if name not in common]
        parts += [f"{model}{' also' if common else ''}: {', '.join(own)}"] if own else []
    return "; ".join(parts)


def _cost_table(frame: pd.DataFrame, performance: pd.DataFrame) -> Table | None:
    """Measures x published, ours, and the peer one would use instead: the strongest in macro-F1."""
    leading = performance.loc[(performance[METRIC] == "macro_f1") & performance["peer"].notna(), "peer"]
    measured = set(frame.loc[frame["runs"] > 0, MODEL])
    models = [model for model in (*FOCUS, *leading.head(1)) if model in measured]
    theirs = frame[frame[MODEL] == FOCUS[0]].set_index(METRIC)["published"]
    rows = []
    for metric, group in frame.groupby(METRIC, sort=False):
        by_model = {str(r[MODEL]): r for r in group.to_dict("records")}
        digits = metric_name(str(metric)).digits
        published = float(theirs.get(metric, float("nan")))
        cells = [published_cell("" if isnan(published) else number(published, digits))] if theirs.notna().any() else []
        for model in models:
            r = by_model.get(model)
            known = r is not None and r["runs"] > 0
            cells.append(
                Cell(number(r["mean"], digits), sections.spread_text(r["std"], digits))
                if r is not None and known
                else Cell("not measured", tone="muted")
            )
        rows.append(Row(Label(metric_name(str(metric)).label), tuple(cells)))
    heads = [PUBLISHED_HEAD] if theirs.notna().any() else []
    heads += [Head(model_label(m), "ours" if m in FOCUS else "strongest peer in macro-F1") for m in models]
    return Table("TFP-Net beside the strongest peer", "Measure", tuple(heads), tuple(rows)) if heads else None


def _cold_start(pipeline: PipelineResults, data_set: str | None, anchor: str) -> PaperTable | None:
    frame = table_3(pipeline.metrics, pipeline.comparisons, data_set)
    if frame.empty:
        return None
    focus = next(iter(focus_models(pipeline.comparisons)), None)
    parts = [
        beside_table(rows, f"{SIDE_LABELS[str(key[0])]}, {protocol_label(str(key[1]))}", by_shots=True)
        for key, rows in frame.groupby(["side", PROTOCOL], sort=False)
    ]
    return PaperTable(
        anchor,
        "Table 3: cold start",
        "Customers and items without any event before the cut, with k of their events seen since. A slice with fewer "
        "than 30 events is named, not measured; on one whose events are all of one class there is no macro-F1."
        + (_PAPERS_SIDES if data_set else ""),
        _present(*parts),
        notes=_published_baselines(frame),
        more=_present(*sections.cold_start_tables(pipeline.metrics, focus), *_paired(pipeline, tuple(TABLE_3_SLICES))),
        more_label="Every model, and differences to every peer",
    )


def _published_baselines(frame: pd.DataFrame) -> tuple[str, ...]:
    """What the paper says of the other models' accuracies, in words: they are too few for columns."""
    rows = frame[(frame[MODEL] != FOCUS[0]) & frame[["published", "published_behind"]].notna().any(axis=1)]
    rows = rows.drop_duplicates([MODEL, "k", METRIC])
    said = [f"{model_label(str(r[MODEL]))} {_text_of(r)} at k = {r['k']}" for r in rows.to_dict("records")]
    return (f"Of other models the paper's text gives, in accuracy: {', '.join(said)}.",) if said else ()


def beside_table(frame: pd.DataFrame, caption: str, by_shots: bool = False) -> Table | None:
    """Published, ours, strongest peer and difference: a row per metric, or per events seen and metric.

    Args:
        frame: ``paper_a.BESIDE_COLUMNS`` of one protocol and, with ``by_shots``, one side with ``k``.
        caption: above the table.
        by_shots: name k in the rows, and show n.
    """
    run = set(frame.loc[frame["runs"] > 0, MODEL])
    ours = [model for model in FOCUS if model in run]
    of_paper = frame[frame[MODEL] == FOCUS[0]]
    printed = bool(of_paper[["published", "published_behind"]].notna().any(axis=None))
    peers = bool(frame["peer"].notna().any())
    heads = [
        *([Head("n")] if by_shots and run else []),
        *([PUBLISHED_HEAD] if printed else []),
        *(Head(model_label(model), "ours") for model in ours),
        *([Head("Strongest peer")] if peers else []),
        *(Head("Difference", f"{model_label(model)} less peer") for model in ours if peers),
    ]
    if not heads:
        return None
    rows = []
    for _, group in frame.groupby([SLICE, METRIC], sort=False):
        records: dict[str, Record] = {str(r[MODEL]): r for r in group.to_dict("records")}
        first = next(iter(records.values()))
        metric, label = str(first[METRIC]), metric_name(str(first[METRIC])).label
        cells = [Cell(count(group[N].max()))] if by_shots and run else []
        if printed:
            cells.append(published_cell(_text_of(records[FOCUS[0]]) if FOCUS[0] in records else ""))
        mine = [records.get(model) for model in ours]
        cells += [
            sections.EMPTY if r is None else measured_cell(r["mean"], r["std"], r[N], r["runs"], metric) for r in mine
        ]
        if peers:
            cells.append(_peer_cell(first, metric))
            cells += [
                sections.EMPTY
                if r is None or isnan(r["difference"])
                else sections.difference_cell(r["difference"], r["low"], r["high"], r[N], metric)
                for r in mine
            ]
        rows.append(Row(Label(f"k = {first['k']}, {label}" if by_shots else label), tuple(cells)))
    return Table(caption, "Measure", tuple(heads), tuple(rows))


def _peer_cell(record: Record, metric: str) -> Cell:
    if isnan(record["peer_mean"]):
        return sections.EMPTY
    return Cell(number(record["peer_mean"], metric_name(metric).digits), model_label(str(record["peer"])))


def _text_of(record: Record) -> str:
    return published_text(record["published"], record["published_std"], record["published_behind"], str(record[METRIC]))


def _published_texts(frame: pd.DataFrame) -> dict[tuple[str, str], str]:
    texts = {(str(r[MODEL]), str(r[METRIC])): _text_of(r) for r in frame.to_dict("records")}
    return {key: text for key, text in texts.items() if text}


def _paired(pipeline: PipelineResults, slices: Sequence[str]) -> list[Table]:
    """Differences of every focus model to every peer on some slices."""
    comparisons = pipeline.comparisons
    return [
        table for model in focus_models(comparisons) for table in sections.paired_tables(comparisons, model, slices)
    ]


def _present(*tables: Table | None) -> tuple[Table, ...]:
    return tuple(table for table in tables if table is not None)
