"""What a run prints at its end: the models side by side, the verdict, and where the report lies."""

from collections.abc import Sequence
from dataclasses import replace

import pandas as pd

from crm_pipelines.columns import CUSTOMER, ITEM, MODEL, VARIANT, cold_slice
from crm_pipelines.reporting.formatting import count, is_missing, number
from crm_pipelines.reporting.names import cases, model_label
from crm_pipelines.reporting.results import PipelineResults, Results, environment_mark
from crm_pipelines.reporting.tables import SMALLEST_SLICE, calibration_table, next_item_models, performance_table
from crm_pipelines.reporting.verdict import headlines

_ALL = {
    "accuracy": "accuracy",
    "majority_accuracy": "majority",
    "macro_f1": "macro-F1",
    "roc_auc": "AUC",
    "log_loss": "log-loss",
    "ece": "ECE",
    "hr@10": "HR@10",
    "ndcg@10": "NDCG@10",
    "recall@10": "recall@10",
    "map@7": "MAP@7",
}
RECOMMENDATION = "recommendation"
_COLD = tuple((side, k) for side in (CUSTOMER, ITEM) for k in (0, 1))


def summary_text(results: Results, source: str, called: str = "") -> str:
    """The comparison of one source's models as plain text, with the verdict and the report's path below.

    Columns: accuracy, the majority's accuracy, macro-F1, AUC, log-loss and ECE on all test events, then macro-F1 on
    customers and items with no and one event seen. ``n<30`` stands where there are too few events.

    Args:
        results: read from disk. source: whose. called: its title, where its results do not say it.
    """
    found = replace(results.source(source), called=called)
    parts = [
        part
        for pipeline in found.pipelines
        for half in _halves(pipeline)
        if (part := _pipeline_text(half, found.title))
    ]
    parts += [mark for pipeline in found.pipelines if (mark := environment_mark(pipeline.environment))]
    if not parts:
        parts = [f"{found.title}: no model has been run for this source."]
    return "\n\n".join([*parts, f"Report: {results.report_path}"])


def _halves(pipeline: PipelineResults) -> Sequence[PipelineResults]:
    """A pipeline that ranks items and predicts classes, as two."""
    ranked = next_item_models(pipeline.metrics)
    if not ranked:
        return [pipeline]
    both = []
    for of_items in (True, False):
        metrics = pipeline.metrics[pipeline.metrics[MODEL].isin(ranked) == of_items]
        pairs = pipeline.comparisons[pipeline.comparisons[MODEL].isin(ranked) == of_items]
        both.append(replace(pipeline, metrics=metrics, comparisons=pairs))
    return both


def _pipeline_text(pipeline: PipelineResults, title: str) -> str:
    table = performance_table(pipeline.metrics)
    if table.empty:
        return ""
    calibration = calibration_table(pipeline.metrics)
    table = table.merge(calibration.drop(columns=["runs", "n"], errors="ignore"), how="left", on=[MODEL, VARIANT])
    shown = {metric: label for metric, label in _ALL.items() if metric in table}
    columns: dict[str, list[str]] = {"model": [model_label(model) for model in table[MODEL]]}
    columns.update({label: [number(value) for value in table[metric]] for metric, label in shown.items()})
    for side, k in _COLD:
        cold = performance_table(pipeline.metrics, cold_slice(side, k)).set_index(MODEL)
        if len(cold) and cold["n"].max() > 0:
            columns[f"{side}@{k}"] = [_cold(cold, model) for model in table[MODEL]]
    measured = "NDCG@10" if pipeline.name == RECOMMENDATION else "macro-F1"
    has_cold = any(f"{side}@{k}" in columns for side, k in _COLD)
    cold_start = f", cold-start columns are {measured}" if has_cold else ""
    lines = [
        f"{title}, {pipeline.name}: {count(table['n'].max())} test {cases(pipeline.name)}{cold_start}",
        "",
        *aligned(columns),
    ]
    lines += [line for verdict in headlines(pipeline.comparisons) for line in ("", verdict.sentence)]
    return "\n".join(lines)


def _cold(table: pd.DataFrame, model: str) -> str:
    if model not in table.index:
        return number(None)
    row = dict(table.loc[model])
    value = row.get("macro_f1", row.get("ndcg@10"))
    return f"n<{SMALLEST_SLICE}" if is_missing(value) and row["n"] < SMALLEST_SLICE else number(value)


def aligned(columns: dict[str, list[str]]) -> Sequence[str]:
    """Lines of a table: the first column to the left, numbers to the right, a rule below the heading."""
    widths = {name: max(len(name), *map(len, values)) for name, values in columns.items()}
    first = next(iter(columns))

    def line(cells: dict[str, str]) -> str:
        return "  ".join(
            text.ljust(widths[c]) if c == first else text.rjust(widths[c]) for c, text in cells.items()
        ).rstrip()

    body = [line(dict(zip(columns, row, strict=True))) for row in zip(*columns.values(), strict=True)]
    return [line({name: name for name in columns}), "-" * (sum(widths.values()) + 2 * (len(widths) - 1)), *body]
