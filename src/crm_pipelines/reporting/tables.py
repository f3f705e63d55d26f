"""Result rows as tables for the page and the catalog: one row per model, means over seeds and folds.

Every function takes tables with the columns of ``results.TABLE_COLUMNS`` and returns a new frame; empty in, empty out.
"""

from collections.abc import Sequence
from typing import Final

import pandas as pd

from crm_pipelines.columns import (
    MAIN_VARIANT,
    METRIC,
    MODEL,
    PIPELINE,
    PROTOCOL,
    PROTOCOL_LAST_OUT,
    PROTOCOL_STRATIFIED,
    PROTOCOL_TIME,
    RESULT_VALUE,
    SHOTS,
    SIDES,
    SLICE,
    SLICE_ALL,
    SLICE_WARM,
    VARIANT,
    N,
    cold_slice,
)
from crm_pipelines.reporting.names import (
    CALIBRATION_METRICS,
    CLASS_AUC,
    EFFICIENCY_METRICS,
    FOCUS,
    FOCUS_OF,
    PERFORMANCE_METRICS,
    metric_name,
    model_rank,
    slice_rank,
)

SMALLEST_SLICE: Final = 30
"""Slices with fewer events are shown as "n too small"; evaluation leaves their value empty."""

VARIANT_MARK: Final = ":"
"""Comparisons name a variant ``<model>:<variant>``."""

_KEY: Final = [PROTOCOL, SLICE, MODEL, VARIANT, METRIC]


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Mean and standard deviation over the runs of each number.

    Args:
        rows: ``RESULT_COLUMNS``, one row per number.

    Returns:
        ``protocol, slice, model, variant, metric, mean, std, runs, n_low, n_high``: ``runs`` with a value, ``std``
        (one degree of freedom off) missing below two of them, and the fewest and most events any of them saw. A value
        for fewer than ``SMALLEST_SLICE`` events is dropped, whatever the file says.
    """
    rows = rows.assign(**{RESULT_VALUE: rows[RESULT_VALUE].where(~(rows[N] < SMALLEST_SLICE))})
    groups = rows.groupby(_KEY, sort=False)
    values = groups[RESULT_VALUE].agg(mean="mean", std="std", runs="count")
    counts = groups[N].agg(n_low="min", n_high="max")
    summary: pd.DataFrame = values.join(counts).reset_index()
    return summary


def main_protocol(rows: pd.DataFrame) -> str:
    """``stratified``, else ``leave_last_out``, else ``time`` where it was run, else the first protocol in the table.

    Recommendation puts the protocol first that its source is best read by.
    """
    present = list(dict.fromkeys(rows[PROTOCOL]))
    if present and PIPELINE in rows and (rows[PIPELINE] == "recommendation").all():
        return str(present[0])
    preferred = [name for name in (PROTOCOL_STRATIFIED, PROTOCOL_LAST_OUT, PROTOCOL_TIME) if name in present]
    return str(next(iter([*preferred, *present]), PROTOCOL_TIME))


def next_item_models(metrics: pd.DataFrame) -> list[str]:
    """Models of the next item, which are judged by ranks."""
    return list(dict.fromkeys(metrics.loc[metrics[METRIC] == "hr@10", MODEL]))


def sorted_models(frame: pd.DataFrame, by: str) -> pd.DataFrame:
    """Rows by falling (or, where lower is better, rising) ``by``, missing last, ties in the order of the page."""
    if by not in frame.columns:
        by = MODEL
    rank = frame[MODEL].map(model_rank)
    if by == MODEL:
        return frame.assign(_rank=rank).sort_values("_rank", kind="stable").drop(columns="_rank").reset_index(drop=True)
    rising = bool(metric_name(by).lower_is_better)
    ordered = frame.assign(_rank=rank).sort_values(
        [by, "_rank"], ascending=[rising, True], na_position="last", kind="stable"
    )
    return ordered.drop(columns="_rank").reset_index(drop=True)


def wide(summary: pd.DataFrame, metrics: Sequence[str], by: str, spread: bool = True) -> pd.DataFrame:
    """One row per model and variant, one column per metric that was measured, ``<metric>_std`` beside it.

    Args:
        summary: rows of ``summarise`` for one protocol and one slice.
        metrics: metrics to keep, in this order.
        by: metric to sort by.
        spread: keep the standard deviations; columns without any are left out.
    """
    measured = [metric for metric in metrics if (summary[METRIC] == metric).any()]
    keys = [MODEL, VARIANT]
    kept = summary[summary[METRIC].isin(measured)]
    table = kept.groupby(keys, sort=False).agg(runs=("runs", "max"), n=("n_high", "max"))
    for metric in measured:
        rows = kept[kept[METRIC] == metric].set_index(keys)
        table[metric] = rows["mean"]
        if spread and rows["std"].notna().any():
            table[f"{metric}_std"] = rows["std"]
    return sorted_models(table.reset_index(), by)


def performance_table(metrics: pd.DataFrame, slice_name: str = SLICE_ALL) -> pd.DataFrame:
    """Models (main variants) by macro-F1 on one slice of the main protocol; see ``wide`` for the columns."""
    return _of_slice(metrics, slice_name, (*PERFORMANCE_METRICS, *_other_metrics(metrics)), "macro_f1")


def class_auc_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """ROC AUC of each class against the rest on all test events, models in the order of ``performance_table``."""
    names = tuple(dict.fromkeys(metric for metric in metrics[METRIC] if metric.startswith(CLASS_AUC)))
    table = _of_slice(metrics, SLICE_ALL, ("macro_f1", *names), "macro_f1")
    return table.drop(columns=["macro_f1", "macro_f1_std"], errors="ignore")


def calibration_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Log-loss, Brier score and ECE of each model on all test events, best log-loss first."""
    return _of_slice(metrics, SLICE_ALL, CALIBRATION_METRICS, "log_loss")


def efficiency_table(efficiency: pd.DataFrame) -> pd.DataFrame:
    """Cost of each model's main variant, means over the runs of the main protocol; fastest end to end first."""
    rows = efficiency[(efficiency[VARIANT] == MAIN_VARIANT) & (efficiency[PROTOCOL] == main_protocol(efficiency))]
    # n counts the events measured on, not those of a slice, so it decides nothing.
    table = wide(
        summarise(rows.assign(**{N: float("nan")})), EFFICIENCY_METRICS, "latency_end_to_end_p50_ms", spread=False
    )
    without_gpu = "peak_gpu_mb" in table and not table["peak_gpu_mb"].any()
    return table.drop(columns=["n", *(["peak_gpu_mb"] if without_gpu else [])], errors="ignore")


def cold_start_table(metrics: pd.DataFrame) -> pd.DataFrame:
    """Models on entities with k events seen, beside warm events.

    Returns:
        ``protocol, side, k, slice, model, macro_f1, macro_f1_std, accuracy, majority_accuracy, n_low, n_high``; k is
        missing for the slice ``warm``. Rows whose slice is too small keep their n and have no values.
    """
    main = metrics[metrics[VARIANT] == MAIN_VARIANT]
    summary = summarise(main)
    columns = [
        PROTOCOL,
        "side",
        "k",
        SLICE,
        MODEL,
        "macro_f1",
        "macro_f1_std",
        "accuracy",
        "majority_accuracy",
        "n_low",
        "n_high",
    ]
    parts = []
    for side in SIDES:
        shots = {cold_slice(side, k): k for k in SHOTS}
        rows = summary[summary[SLICE].isin([*shots, SLICE_WARM])]
        # A protocol without a single new entity on this side has nothing to show.
        having = rows.loc[(rows[SLICE] != SLICE_WARM) & (rows["n_high"] > 0), PROTOCOL].unique()
        rows = rows[rows[PROTOCOL].isin(having)]
        if rows.empty:
            continue
        keys = [PROTOCOL, SLICE, MODEL]
        table = rows.groupby(keys, sort=False)[["n_low", "n_high"]].max()
        for metric in ("macro_f1", "accuracy", "majority_accuracy"):
            table[metric] = rows[rows[METRIC] == metric].set_index(keys)["mean"]
        table["macro_f1_std"] = rows[rows[METRIC] == "macro_f1"].set_index(keys)["std"]
        table = table.reset_index()
        parts.append(table.assign(side=side, k=table[SLICE].map(shots).astype("float64")))
    if not parts:
        return pd.DataFrame(columns=columns)
    joined = pd.concat(parts, ignore_index=True)[columns]
    rank = joined[[SLICE, MODEL]].apply(lambda row: (slice_rank(row[SLICE]), model_rank(row[MODEL])), axis=1)
    joined = joined.assign(_later=joined[PROTOCOL] != PROTOCOL_TIME, _rank=rank)
    ordered = joined.sort_values(["side", "_later", PROTOCOL, "_rank"], kind="stable")
    return ordered.drop(columns=["_later", "_rank"]).reset_index(drop=True)


def focus_models(comparisons: pd.DataFrame) -> tuple[str, ...]:
    """The models of the headlines: those of ``FOCUS_OF`` that were compared, else the first compared, if any."""
    compared = {*comparisons[MODEL], *comparisons["peer"]}
    pipeline = next(iter(comparisons[PIPELINE]), "") if PIPELINE in comparisons else ""
    focus = FOCUS_OF.get(pipeline, FOCUS)
    return tuple(model for model in focus if model in compared) or tuple(comparisons[MODEL].head(1))


def paired_table(comparisons: pd.DataFrame, model: str) -> pd.DataFrame:
    """Comparisons of ``model`` with other models, each turned so that ``difference`` is ``model`` less ``peer``.

    Those with its own variants (``variant_differences``) are left out.
    """
    comparisons = comparisons[~comparisons["peer"].str.contains(VARIANT_MARK, regex=False)]
    ours = comparisons[comparisons[MODEL] == model]
    theirs = comparisons[(comparisons["peer"] == model) & (comparisons[MODEL] != model)]
    turned = theirs.assign(
        **{
            MODEL: theirs["peer"],
            "peer": theirs[MODEL],
            "difference": -theirs["difference"],
            "low": -theirs["high"],
            "high": -theirs["low"],
        }
    )
    both = pd.concat([ours, turned], ignore_index=True) if len(turned) else ours
    return both.drop_duplicates([PROTOCOL, SLICE, "peer", METRIC], ignore_index=True)


def variant_differences(comparisons: pd.DataFrame, model: str) -> pd.DataFrame:
    """Comparisons of ``model`` with its variants, turned so that ``difference`` is variant less whole model.

    Returns:
        As ``comparisons``, with the variant's own name in ``variant``.
    """
    peers, prefix = comparisons["peer"], f"{model}{VARIANT_MARK}"
    rows = comparisons[(comparisons[MODEL] == model) & peers.str.startswith(prefix)]
    turned = {"difference": 0.0 - rows["difference"], "low": 0.0 - rows["high"], "high": 0.0 - rows["low"]}
    return rows.assign(**turned, **{VARIANT: rows["peer"].str.removeprefix(prefix)})


def fairness_table(fairness: pd.DataFrame, protocol: str) -> pd.DataFrame:
    """Macro-F1 by group with the ratio and the difference over groups.

    Returns:
        ``axis, model, group, n, macro_f1, low, high, group_fairness, gap``: ``group_fairness`` is 100 x lowest over
        highest macro-F1 of the axis's groups of at least ``SMALLEST_SLICE`` events and ``gap`` is highest less lowest;
        both missing with fewer than two such groups.
    """
    table = fairness[fairness[PROTOCOL] == protocol][["axis", MODEL, "group", N, "macro_f1", "low", "high"]].copy()
    small = table[N] < SMALLEST_SLICE
    table.loc[small, ["macro_f1", "low", "high"]] = float("nan")
    groups = table.groupby(["axis", MODEL], sort=False)["macro_f1"]
    lowest, highest, count = groups.transform("min"), groups.transform("max"), groups.transform("count")
    table["group_fairness"] = (100 * lowest / highest).where((count > 1) & (highest > 0))
    table["gap"] = (highest - lowest).where(count > 1)
    rank = table[MODEL].map(model_rank)
    return (
        table.assign(_rank=rank)
        .sort_values(["axis", "_rank"], kind="stable")
        .drop(columns="_rank")
        .reset_index(drop=True)
    )


def _of_slice(metrics: pd.DataFrame, slice_name: str, wanted: Sequence[str], by: str) -> pd.DataFrame:
    rows = metrics[
        (metrics[VARIANT] == MAIN_VARIANT)
        & (metrics[SLICE] == slice_name)
        & (metrics[PROTOCOL] == main_protocol(metrics))
    ]
    return wide(summarise(rows), wanted, by)


def _other_metrics(metrics: pd.DataFrame) -> tuple[str, ...]:
    """Metrics this project does not name, by name; those of one fairness axis have their own table."""
    known = {*PERFORMANCE_METRICS, *CALIBRATION_METRICS}
    return tuple(sorted({m for m in metrics[METRIC] if m not in known and "[" not in m}))
