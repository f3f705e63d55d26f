"""Tables 4 and 5 of paper A as sections of the page: a model beside its variants."""

from collections.abc import Callable
from math import isnan
from typing import Final

import pandas as pd

from crm_pipelines.columns import CUSTOMER, ITEM, MAIN_VARIANT, MODEL, VARIANT, N, cold_slice
from crm_pipelines.reporting import sections
from crm_pipelines.reporting.formatting import count, counts, number, signed
from crm_pipelines.reporting.lines import LineChart, line_chart
from crm_pipelines.reporting.names import model_label
from crm_pipelines.reporting.paper_table import (
    PUBLISHED_HEAD,
    PaperTable,
    Record,
    measured_cell,
    published_cell,
    published_text,
)
from crm_pipelines.reporting.published import data_set_of
from crm_pipelines.reporting.studies import ABLATIONS, PARAMETERS, STUDIES, table_4, table_5
from crm_pipelines.reporting.view import Cell, Head, Label, Row, Table

_COLD: Final = {cold_slice(ITEM, 1): "New items, k = 1", cold_slice(CUSTOMER, 1): "New customers, k = 1"}
_ABOUT: Final = (
    "Studies run on the last fold in time; the whole model is shown on the same folds and seeds. The difference is in "
    "macro-F1, variant less whole model, with its 95 % interval over customers; the paper gives accuracies only."
)


def sensitivity(metrics: pd.DataFrame, comparisons: pd.DataFrame, source: str, anchor: str) -> PaperTable:
    """Table 4: one row per value of a parameter, and a line chart per parameter."""
    frame = table_4(metrics, comparisons, data_set_of(source))
    unnamed = frame[(frame["parameter"] != "") & frame["setting"].isna()]
    said = "; ".join(
        f"{published_text(r['published'], r['published_std'], r['published_behind'], 'accuracy')} for a value of "
        f"{_parameter(r['parameter'])}"
        for r in unnamed.to_dict("records")
    )
    shown = frame.drop(unnamed.index)
    charts: list[LineChart | None] = []
    for model, rows in shown.groupby(MODEL, sort=False):
        whole = rows.loc[rows[VARIANT] == MAIN_VARIANT, "macro_f1"]
        for name, part in rows[rows["parameter"] != ""].groupby("parameter", sort=False):
            label = f"{model_label(str(model))}, {_parameter(str(name))}"
            charts.append(line_chart(label, part, float(whole.iloc[0]) if len(whole) else float("nan")))
    return PaperTable(
        anchor,
        "Table 4: sensitivity",
        f"One parameter of TFP-Net is changed at a time. {_ABOUT}",
        _tables(shown, "sensitivity", _setting),
        tuple(chart for chart in charts if chart is not None),
        (f"The paper's text also gives, in accuracy, {said}; the value itself stands only in an image.",)
        if said
        else (),
        *_how_to_run(shown, "sensitivity", source),
    )


def ablation(metrics: pd.DataFrame, comparisons: pd.DataFrame, source: str, anchor: str) -> PaperTable:
    """Table 5: one row per variant with a part switched off."""
    frame = table_5(metrics, comparisons, data_set_of(source))
    return PaperTable(
        anchor,
        "Table 5: ablation",
        "One part of TFP-Net is switched off at a time, or only some are left. Scaling by all data changes nothing "
        f"where a source has no numeric attributes. {_ABOUT}",
        _tables(frame, "ablation", _ablation),
        (),
        _lost_recall(frame),
        *_how_to_run(frame, "ablation", source),
    )


def _how_to_run(frame: pd.DataFrame, study: str, source: str) -> tuple[str, str]:
    """What is missing, and the command that runs it; empty where the study was run."""
    if (frame.loc[frame[VARIANT] != MAIN_VARIANT, "runs"] > 0).any():
        return "", ""
    missing = (
        f"The {study} study has not been run on this source. The parameter {STUDIES} takes both with a space "
        "between them, or this one:"
    )
    return missing, f"kedro run --pipelines=coldstart --params=source={source},{STUDIES}={study}"


def _tables(frame: pd.DataFrame, study: str, name: Callable[[Record], str]) -> tuple[Table, ...]:
    """One table per model that has variants, measured or published."""
    tables = []
    for model, rows in frame.groupby(MODEL, sort=False):
        run = rows[rows["runs"] > 0]
        printed = bool(rows[["published", "published_behind"]].notna().any(axis=None))
        measured = bool(len(run))
        cold = [at for at in _COLD if measured and at in rows and rows[f"{at}_n"].max() > 0]
        heads = [*([Head("Published accuracy", PUBLISHED_HEAD.note)] if printed else [])]
        if measured:
            heads += [Head("Accuracy"), Head("Macro-F1"), Head("Difference", "less whole model")]
            heads += [Head(_COLD[s], f"macro-F1, n = {count(rows[f'{s}_n'].max())}") for s in cold]
        body = []
        for r in rows.to_dict("records"):
            cells = [_published(r)] if printed else []
            if measured:
                cells += [
                    measured_cell(r["accuracy"], r["accuracy_std"], r[N], r["runs"], "accuracy"),
                    measured_cell(r["macro_f1"], r["macro_f1_std"], r[N], r["runs"], "macro_f1"),
                    _difference(r),
                ]
                cells += [measured_cell(r[s], r[f"{s}_std"], r[f"{s}_n"], r["runs"], "macro_f1") for s in cold]
            body.append(Row(Label(name(r), focus=r[VARIANT] == MAIN_VARIANT), tuple(cells)))
        caption = f"{model_label(str(model))}: {study}"
        if measured:
            runs = int(run["runs"].max())
            each = f"{runs} {'run' if runs == 1 else 'runs'} each"
            caption += f", n = {counts(run[N].min(), run[N].max())} test events, {each}"
        tables.append(Table(caption, "Variant", tuple(heads), tuple(body)))
    return tuple(tables)


def _published(record: Record) -> Cell:
    text = published_text(record["published"], record["published_std"], float("nan"), "accuracy")
    behind = record["published_behind"]
    cell = published_cell(text)
    return cell if isnan(behind) else Cell(cell.text, signed(-behind), tone=cell.tone)


def _difference(record: Record) -> Cell:
    if record[VARIANT] == MAIN_VARIANT or isnan(record["difference"]):
        return sections.EMPTY
    if record["difference"] == record["low"] == record["high"] == 0:
        return Cell(signed(0.0), "same predictions", tone="even")
    return sections.difference_cell(record["difference"], record["low"], record["high"], record[N], "macro_f1")


def _parameter(name: str) -> str:
    return PARAMETERS.get(name, name.replace("_", " "))


def _setting(record: Record) -> str:
    if not record["parameter"]:
        return "Whole model"
    return f"{_parameter(str(record['parameter']))} = {record['setting']:g}"


def _ablation(record: Record) -> str:
    variant = str(record[VARIANT])
    return "Whole model" if variant == MAIN_VARIANT else ABLATIONS.get(variant, variant.replace("_", " "))


def _lost_recall(frame: pd.DataFrame) -> tuple[str, ...]:
    """The recall that the paper's text says is lost at most, without naming the data set."""
    rows = frame[frame["published_recall_behind"].notna()]
    said = [f"{_ablation(r)} {number(r['published_recall_behind'])}" for r in rows.to_dict("records")]
    return (f"Recall lost at most, over both of the paper's data sets: {', '.join(said)}.",) if said else ()
