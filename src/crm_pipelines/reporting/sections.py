"""Tables of the page: frames of ``tables`` turned into cells, with the best of each column marked."""

from collections.abc import Collection, Hashable, Mapping, Sequence
from math import isnan
from types import MappingProxyType
from typing import Any, Final

import pandas as pd

from crm_pipelines.columns import METRIC, MODEL, PROTOCOL, SLICE, VARIANT
from crm_pipelines.reporting.formatting import MISSING, count, counts, interval, number, signed, too_small
from crm_pipelines.reporting.names import (
    METRICS,
    SIDE_LABELS,
    metric_name,
    model_label,
    model_rank,
    protocol_label,
    slice_label,
    slice_rank,
)
from crm_pipelines.reporting.tables import (
    SMALLEST_SLICE,
    cold_start_table,
    fairness_table,
    paired_table,
    sorted_models,
)
from crm_pipelines.reporting.verdict import outcome
from crm_pipelines.reporting.view import Cell, Head, Label, Row, Table, Tone, model_row_label

LOWER = {metric for metric, name in METRICS.items() if name.lower_is_better}
NOTHING_PUBLISHED: Final[Mapping[tuple[str, str], str]] = MappingProxyType({})
EMPTY: Final = Cell(MISSING, tone="muted")
ONE_CLASS: Final = "one class only"
"""Stands in place of a mean over classes on a slice whose events are all of one class."""
TIES = "Bold is the best of its column; whether it can be told apart from the next is in the paired differences."


def metric_table(
    frame: pd.DataFrame,
    caption: str,
    focus: str | None,
    note: str = TIES,
    metrics: Sequence[str] = (),
    published: Mapping[tuple[str, str], str] = NOTHING_PUBLISHED,
) -> Table | None:
    """Models x metrics from a frame of ``tables.wide``; accuracy below the majority's is said so.

    Args:
        frame: rows of ``tables.wide``.
        caption: above the table.
        focus: the model whose row is set off.
        note: below the table.
        metrics: columns to show, in this order, where they were measured or published; all without them.
        published: (model, metric) -> what a paper prints, shown below ours; models that were not run get a row.
    """
    measured = [c for c in frame.columns if c not in (MODEL, VARIANT, "runs", "n") and not c.endswith("_std")]
    printed = {metric for _, metric in published}
    shown = [metric for metric in metrics or measured if metric in measured or metric in printed]
    not_run = sorted({model for model, _ in published} - set(frame.get(MODEL, ())), key=model_rank)
    if not shown or (frame.empty and not not_run):
        return None
    best = {metric: best_text(frame[metric], metric) for metric in shown if metric in measured}
    rows = []
    for record in frame.to_dict("records"):
        cells = []
        for metric in shown:
            value, digits = record.get(metric, float("nan")), metric_name(metric).digits
            small = isnan(value) and record.get("n", float("nan")) < SMALLEST_SLICE
            spread = None if metric == "majority_accuracy" else record.get(f"{metric}_std")
            text = too_small(record["n"]) if small else number(value, digits)
            note_below = spread_text(spread, digits)
            if metric == "accuracy" and value < record.get("majority_accuracy", float("nan")):
                note_below = note_below or "below majority"
            tone: Tone = "muted" if isnan(value) else ""
            theirs = published.get((record[MODEL], metric), "")
            cells.append(Cell(text, note_below, text == best.get(metric), tone, published=theirs))
        rows.append(Row(model_row_label(record[MODEL], record[VARIANT], focus), tuple(cells)))
    for model in not_run:
        texts = [published.get((model, metric), "") for metric in shown]
        if any(texts):
            cells = [Cell("not run", tone="muted", published=text) if text else EMPTY for text in texts]
            rows.append(Row(model_row_label(model), tuple(cells)))
    return Table(caption, "Model", tuple(Head(metric_name(metric).label) for metric in shown), tuple(rows), note)


def best_text(values: pd.Series, metric: str) -> str | None:
    """The best value as printed, so that equal prints are marked alike; None with nothing to choose between."""
    name = metric_name(metric)
    if name.lower_is_better is None or values.notna().sum() < 2:
        return None
    lowest, highest = (number(float(end), name.digits) for end in (values.min(), values.max()))
    return None if lowest == highest else lowest if name.lower_is_better else highest


def cold_start_tables(metrics: pd.DataFrame, focus: str | None) -> tuple[Table, ...]:
    """One table per protocol and side: macro-F1 with accuracy below it, by events seen, n in the heading."""
    frame = cold_start_table(metrics)
    tables = []
    for key, rows in frame.groupby(["side", PROTOCOL], sort=False):
        side, protocol = map(str, key)
        slices = sorted(rows[SLICE].unique(), key=slice_rank)
        by_slice = {name: rows[rows[SLICE] == name].set_index(MODEL) for name in slices}
        heads = [
            Head(
                "warm" if isnan(part["k"].iloc[0]) else f"k = {part['k'].iloc[0]:.0f}",
                f"n = {counts(part['n_low'].min(), part['n_high'].max())}",
            )
            for part in by_slice.values()
        ]
        best = {name: best_text(part["macro_f1"], "macro_f1") for name, part in by_slice.items()}
        first = sorted_models(by_slice[slices[0]].reset_index(), "macro_f1")[MODEL]
        models = dict.fromkeys([*first, *sorted(rows[MODEL].unique(), key=model_rank)])
        body = [
            Row(
                model_row_label(model, focus=focus),
                tuple(_cold_cell(by_slice[name], model, best[name]) for name in slices),
            )
            for model in models
        ]
        majority = tuple(Cell(number(by_slice[name]["majority_accuracy"].mean()), tone="muted") for name in slices)
        tables.append(
            Table(
                f"{SIDE_LABELS[side]}, {protocol_label(protocol)}: macro-F1, accuracy below it",
                "Model",
                tuple(heads),
                (*body, Row(Label("Majority's accuracy"), majority, foot=True)),
                f"k: events of the {side} seen before the one predicted. k = 0 has no history of the {side}.",
            )
        )
    return tuple(tables)


def _cold_cell(part: pd.DataFrame, model: str, best: str | None) -> Cell:
    if model not in part.index:
        return EMPTY
    row = dict(part.loc[model])
    if row["n_high"] < SMALLEST_SLICE:
        return Cell(too_small(row["n_high"]), tone="muted")
    text = ONE_CLASS if isnan(row["macro_f1"]) else number(row["macro_f1"])
    spread = spread_text(row["macro_f1_std"], 3)
    note = f"acc. {number(row['accuracy'])}" if not isnan(row["accuracy"]) else ""
    return Cell(f"{text} {spread}".strip(), note, text == best)


def paired_tables(comparisons: pd.DataFrame, model: str, wanted: Collection[str]) -> tuple[Table, ...]:
    """One table per metric and protocol, macro-F1 first: peers x those of the ``wanted`` slices that have events."""
    frame = paired_table(comparisons[comparisons[SLICE].isin(list(wanted))], model)
    keys = list(dict.fromkeys(zip(frame[METRIC], frame[PROTOCOL], strict=True)))
    keys.sort(key=lambda key: key[0] != "macro_f1")
    tables = []
    for metric, protocol in keys:
        rows = frame[(frame[METRIC] == metric) & (frame[PROTOCOL] == protocol)]
        slices = sorted(rows.loc[rows["n"] > 0, SLICE].unique(), key=slice_rank)
        if not slices:
            continue
        heads = []
        for name in slices:
            part = rows[rows[SLICE] == name]
            heads.append(
                Head(slice_label(name), f"n = {count(part['n'].max())}, {count(part['customers'].max())} customers")
            )
        cells = {
            (r["peer"], r[SLICE]): difference_cell(r["difference"], r["low"], r["high"], r["n"], metric)
            for r in rows.to_dict("records")
        }
        leading = rows[rows[SLICE] == slices[0]].sort_values("difference", ascending=metric in LOWER, kind="stable")
        peers = dict.fromkeys([*leading["peer"], *sorted(rows["peer"].unique(), key=model_rank)])
        body = tuple(
            Row(model_row_label(peer), tuple(cells.get((peer, name), EMPTY) for name in slices)) for peer in peers
        )
        better = "below" if metric in LOWER else "above"
        tables.append(
            Table(
                f"{model_label(model)} less peer, {metric_name(metric).label}, {protocol_label(protocol)}",
                "Peer",
                tuple(heads),
                body,
                f"Difference and its 95 % interval. {model_label(model)} is better where the whole interval lies "
                f"{better} zero. Intervals are not corrected for the number of comparisons.",
            )
        )
    return tuple(tables)


def difference_cell(difference: float, low: float, high: float, n: float, metric: str) -> Cell:
    """A difference with its interval and verdict, or why there is none."""
    if n < SMALLEST_SLICE:
        return Cell(too_small(n), tone="muted")
    if isnan(difference):
        return Cell(ONE_CLASS, tone="muted")
    name = metric_name(metric)
    tones: dict[str, Tone] = {"better": "better", "worse": "worse", "even": "even"}
    tone = tones.get(outcome(low, high, bool(name.lower_is_better)), "muted")
    return Cell(signed(difference, name.digits), interval(low, high, name.digits) or "no interval", tone=tone)


def fairness_tables(
    fairness: pd.DataFrame, metrics: pd.DataFrame, protocol: str, focus: str | None
) -> tuple[Table, ...]:
    """One table per axis: macro-F1 of each group with interval and n, ratio and difference over groups."""
    frame = fairness_table(fairness, protocol)
    tables = []
    for axis, rows in frame.groupby("axis", sort=False):
        groups = list(dict.fromkeys(rows["group"]))
        cells = {(r[MODEL], r["group"]): r for r in rows.to_dict("records")}
        heads = [Head(group, f"n = {count(rows.loc[rows['group'] == group, 'n'].max())}") for group in groups]
        by_model = rows.drop_duplicates(MODEL).set_index(MODEL)
        body = []
        for model in by_model.index:
            ratio = number(by_model.loc[model, "group_fairness"], 1)
            extra = (Cell(ratio), Cell(number(by_model.loc[model, "gap"])))
            body.append(
                Row(
                    model_row_label(model, focus=focus), (*(_group_cell(cells.get((model, g))) for g in groups), *extra)
                )
            )
        tables.append(
            Table(
                f"By {str(axis).replace('_', ' ')}: macro-F1 per group",
                "Model",
                (*heads, Head("GF"), Head("Difference")),
                tuple(body),
            )
        )
    return tuple(tables)


def _group_cell(row: Mapping[Hashable, Any] | None) -> Cell:
    if row is None:
        return EMPTY
    if row["n"] < SMALLEST_SLICE:
        return Cell(too_small(row["n"]), tone="muted")
    return Cell(number(row["macro_f1"]), interval(row["low"], row["high"]))


def plain_table(frame: pd.DataFrame, caption: str, columns: Sequence[str] | None = None) -> Table | None:
    """A frame as it is, its first column as row labels; numbers with thousands separators."""
    if frame.empty:
        return None
    first, *rest = columns or list(frame.columns)
    body = tuple(Row(Label(str(r[first])), tuple(_plain(r[c]) for c in rest)) for r in frame.to_dict("records"))
    return Table(
        caption, _words(first), tuple(Head(_words(c), words=frame[c].dtype.kind not in "fiu") for c in rest), body
    )


def _words(column: str) -> str:
    return str(column).replace("_", " ").capitalize()


def _plain(value: object) -> Cell:
    if isinstance(value, float):
        return Cell(number(value) if isnan(value) or value != round(value) else count(value))
    return Cell(str(value), words=True)


def spread_text(std: float | None, digits: int) -> str:
    """``± 0.004``; empty where there is none."""
    return "" if std is None or isnan(std) else f"± {number(std, max(digits, 0))}"
