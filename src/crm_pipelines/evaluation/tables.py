"""Summaries of result rows: mean and spread over runs, and a comparison table for the terminal."""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from crm_pipelines.columns import (
    MAIN_VARIANT,
    METRIC,
    MODEL,
    PIPELINE,
    PROTOCOL,
    PROTOCOL_TIME,
    RESULT_VALUE,
    SLICE,
    SLICE_ALL,
    SOURCE,
    VARIANT,
    N,
)
from crm_pipelines.evaluation.predictions import MIN_N

SUMMARY_KEY: Final = (PIPELINE, SOURCE, PROTOCOL, MODEL, VARIANT, SLICE, METRIC)
COMPARED: Final = ("accuracy", "macro_f1", "balanced_accuracy", "roc_auc", "log_loss", "ece")


def summarise(metrics: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over folds x seeds.

    Args:
        metrics: ``RESULT_COLUMNS`` of any number of runs.

    Returns:
        ``SUMMARY_KEY``, ``mean``, ``std`` (sample standard deviation; NaN with one run), ``runs`` (those with a
        value) and ``n`` (the fewest rows a run had), in order of first appearance.
    """
    groups = metrics.groupby(list(SUMMARY_KEY), sort=False, observed=True, dropna=False)
    return groups.agg(
        mean=(RESULT_VALUE, "mean"), std=(RESULT_VALUE, "std"), runs=(RESULT_VALUE, "count"), n=(N, "min")
    ).reset_index()


def _cell(mean: float, std: float, n: int) -> str:
    if pd.isna(mean):
        return f"n too small ({n})" if n < MIN_N else "-"
    return f"{mean:.3f}" if pd.isna(std) else f"{mean:.3f} ± {std:.3f}"


def comparison_table(
    metrics: pd.DataFrame,
    slice_name: str = SLICE_ALL,
    names: Sequence[str] = COMPARED,
    variant: str = MAIN_VARIANT,
    protocol: str = PROTOCOL_TIME,
    order_by: str = "macro_f1",
) -> str:
    """Models by metrics on one slice as text, best first, under a line with n and the majority class's accuracy.

    Cells are ``mean ± standard deviation`` over runs. A line says so when there is nothing to show.
    """
    summary = summarise(metrics)
    wanted = (summary[SLICE] == slice_name) & (summary[VARIANT] == variant) & (summary[PROTOCOL] == protocol)
    rows = summary[wanted]
    if rows.empty:
        return f"{slice_name}: no results of variant '{variant}' under protocol '{protocol}'"
    # One source and pipeline need no column of their own; several do, or their models would be mixed.
    index = [column for column in (PIPELINE, SOURCE) if rows[column].nunique() > 1] + [MODEL]
    shown = rows[rows[METRIC].isin(names)].copy()
    shown["cell"] = [_cell(m, s, n) for m, s, n in zip(shown["mean"], shown["std"], shown[N], strict=True)]
    cells = shown.pivot(index=index, columns=METRIC, values="cell").reindex(columns=list(names)).fillna("-")
    best = rows[rows[METRIC] == order_by].set_index(index)["mean"]
    cells = cells.loc[best.reindex(cells.index).sort_values(ascending=False, kind="stable").index]
    majority = rows.loc[rows[METRIC] == "majority_accuracy", "mean"]
    known = f", majority class accuracy {majority.mean():.3f}" if majority.notna().any() else ""
    title = f"{slice_name}: n = {int(rows[N].min()):,}{known}"
    cells.columns.name = None
    return f"{title}\n{cells.reset_index().to_string(index=False)}"
