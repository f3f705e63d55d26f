"""The five tables of paper A (TFP-Net): what the paper publishes beside what was measured here.

Each function takes result tables (``results.TABLE_COLUMNS``) and the paper's data set that the source belongs to
(``published.data_set_of``; None where there is none), and returns one row per number: a frame for the catalog, from
which ``paper_sections`` builds the page. Without results the published values remain.
"""

from typing import Final

import pandas as pd

from crm_pipelines.columns import (
    MAIN_VARIANT,
    METRIC,
    MODEL,
    PROTOCOL,
    PROTOCOL_TIME,
    SHOTS,
    SIDES,
    SLICE,
    SLICE_ALL,
    VARIANT,
    N,
    cold_slice,
)
from crm_pipelines.reporting.names import EFFICIENCY_METRICS, FOCUS, metric_name, model_rank
from crm_pipelines.reporting.published import published_values
from crm_pipelines.reporting.tables import main_protocol, paired_table, summarise

TABLE_1_METRICS: Final = ("accuracy", "precision", "recall", "f1", "macro_f1", "group_fairness")
TABLE_3_METRICS: Final = ("macro_f1", "accuracy")
TABLE_3_SLICES: Final = {cold_slice(side, k): (side, k) for side in SIDES for k in SHOTS}

_AT: Final = [PROTOCOL, SLICE, METRIC]
_PUBLISHED: Final = ["published", "published_std", "published_behind"]
_OURS: Final = ["mean", "std", "runs", N]
_DIFFERENCE: Final = ["difference", "low", "high"]
BESIDE_COLUMNS: Final = (*_AT, MODEL, *_PUBLISHED, *_OURS, "peer", "peer_mean", *_DIFFERENCE)
"""Columns of Tables 1 and 3: ``peer`` is the strongest one, ``difference`` the model less that peer."""

PAPER_EFFICIENCY: Final = {
    "seconds_per_epoch": ("seconds_per_epoch_batch_32", 1.0),
    "latency_ms": ("latency_forward_p50_ms", 1.0),
    "peak_memory_gb": ("peak_gpu_mb", 1000.0),
    "parameters": ("parameters", 1.0),
}
"""What the paper measures in Table 2 -> our name of it and its size in our unit."""


def table_1(metrics: pd.DataFrame, comparisons: pd.DataFrame, data_set: str | None) -> pd.DataFrame:
    """Performance on all test events of the main protocol: ``BESIDE_COLUMNS``, one row per metric and model."""
    rows = metrics[(metrics[SLICE] == SLICE_ALL) & (metrics[PROTOCOL] == main_protocol(metrics))]
    published = published_values(1, data_set).assign(**{PROTOCOL: main_protocol(metrics)})
    return _beside(rows[rows[METRIC].isin(TABLE_1_METRICS)], comparisons, published, TABLE_1_METRICS)


def table_2(efficiency: pd.DataFrame, data_set: str | None) -> pd.DataFrame:
    """Cost in the main protocol, one row per measure and model.

    Returns:
        ``metric, model, published, mean, std, runs``; published values in our units, the paper's GPU memory beside
        that of the process where no GPU was used.
    """
    rows = efficiency[(efficiency[VARIANT] == MAIN_VARIANT) & (efficiency[PROTOCOL] == main_protocol(efficiency))]
    # n counts the events measured on, not those of a slice, so it decides nothing.
    ours = summarise(rows[rows[METRIC].isin(EFFICIENCY_METRICS)].assign(**{N: float("nan")}))
    memory = memory_metric(efficiency)
    theirs = published_values(2, data_set)
    scale = theirs[METRIC].map({name: factor for name, (_, factor) in PAPER_EFFICIENCY.items()}).astype("float64")
    theirs["published"] *= scale
    theirs[METRIC] = theirs[METRIC].map({name: to for name, (to, _) in PAPER_EFFICIENCY.items()})
    theirs[METRIC] = theirs[METRIC].replace("peak_gpu_mb", memory)
    table = theirs[[MODEL, METRIC, "published"]].merge(
        ours[[MODEL, METRIC, "mean", "std", "runs"]], how="outer", on=[METRIC, MODEL]
    )
    order = {name: position for position, name in enumerate(EFFICIENCY_METRICS)}
    table["runs"] = table["runs"].fillna(0)
    if memory != "peak_gpu_mb":
        table = table[table[METRIC] != "peak_gpu_mb"]
    return ordered(table, [table[METRIC].map(order)])[[METRIC, MODEL, "published", "mean", "std", "runs"]]


def memory_metric(efficiency: pd.DataFrame) -> str:
    """The measure of memory to show beside the paper's: the GPU's where one was used, else that of the process."""
    used = efficiency[(efficiency[METRIC] == "peak_gpu_mb") & (efficiency["value"] > 0)]
    measured = set(efficiency[METRIC])
    named = [name for name in ("peak_rss_mb", "peak_memory_mb") if name in measured]
    return "peak_gpu_mb" if len(used) else next(iter(named), "peak_rss_mb")


def table_3(metrics: pd.DataFrame, comparisons: pd.DataFrame, data_set: str | None) -> pd.DataFrame:
    """New customers and items with k events seen: ``side, k`` and ``BESIDE_COLUMNS``.

    Protocols without a single new entity of a side are left out of that side. The paper does not say which entities
    are new, nor how they were held out, so its figures stand beside both sides and every protocol.
    """
    rows = metrics[metrics[SLICE].isin(TABLE_3_SLICES) & metrics[METRIC].isin(TABLE_3_METRICS)]
    side = rows[SLICE].map({name: at[0] for name, at in TABLE_3_SLICES.items()})
    having = rows[N].groupby([rows[PROTOCOL], side]).transform("max") > 0
    rows, side = rows[having], side[having]
    present = list(dict.fromkeys(zip(rows[PROTOCOL], side, strict=True)))
    if not present:
        present = [(PROTOCOL_TIME, side) for side in SIDES]
    values = published_values(3, data_set)
    published = pd.concat(
        [values[values[SLICE].str.startswith(f"cold_{side}@")].assign(**{PROTOCOL: name}) for name, side in present]
    )
    table = _beside(rows, comparisons, published, TABLE_3_METRICS)
    places = pd.DataFrame([(name, *at) for name, at in TABLE_3_SLICES.items()], columns=[SLICE, "side", "k"])
    table = places.merge(table, how="inner", on=SLICE)
    order = [table["side"].map(list(SIDES).index), table[PROTOCOL] != PROTOCOL_TIME, table["k"]]
    order.append(table[METRIC].map(TABLE_3_METRICS.index))
    return ordered(table, order)[["side", "k", *BESIDE_COLUMNS]]


def strongest_peers(summary: pd.DataFrame) -> pd.DataFrame:
    """The best model beside ``FOCUS`` on each protocol, slice and metric: ``protocol, slice, metric, peer, peer_mean``.

    Group fairness is best for a model that is equally bad for all; its peer is the one strongest in macro-F1.

    Args:
        summary: rows of ``tables.summarise``, main variants.
    """
    peers = summary[~summary[MODEL].isin(FOCUS) & summary["mean"].notna()]
    sign = [-1.0 if metric_name(metric).lower_is_better else 1.0 for metric in peers[METRIC]]
    ranked = ordered(peers.assign(_score=peers["mean"] * sign), [])
    ranked = ranked.sort_values("_score", ascending=False, kind="stable")
    best = ranked.drop_duplicates(_AT)
    undirected = best[METRIC].map(lambda metric: metric_name(metric).lower_is_better is None).astype(bool)
    leading = best.loc[best[METRIC] == "macro_f1", [PROTOCOL, SLICE, MODEL]]
    led = peers[peers[METRIC].isin(best.loc[undirected, METRIC])].merge(leading, on=[PROTOCOL, SLICE, MODEL])
    chosen = pd.concat([best[~undirected], led])[[*_AT, MODEL, "mean"]]
    return chosen.rename(columns={MODEL: "peer", "mean": "peer_mean"}).reset_index(drop=True)


def _beside(
    rows: pd.DataFrame, comparisons: pd.DataFrame, published: pd.DataFrame, metrics: tuple[str, ...]
) -> pd.DataFrame:
    """Published values, means and, for ``FOCUS``, differences to the strongest peer: ``BESIDE_COLUMNS``."""
    summary = summarise(rows[rows[VARIANT] == MAIN_VARIANT]).rename(columns={"n_high": N})
    table = published[[*_AT, MODEL, *_PUBLISHED]].merge(summary[[*_AT, MODEL, *_OURS]], how="outer", on=[*_AT, MODEL])
    table["runs"] = table["runs"].fillna(0)
    table = table.merge(strongest_peers(summary), how="left", on=_AT)
    paired = pd.concat([paired_table(comparisons, model) for model in FOCUS])
    compared = paired.drop_duplicates([*_AT, MODEL, "peer"])[[*_AT, MODEL, "peer", *_DIFFERENCE]]
    table = table.merge(compared, how="left", on=[*_AT, MODEL, "peer"])
    focus = table[MODEL].isin(FOCUS)
    table["difference"] = table["difference"].fillna((table["mean"] - table["peer_mean"]).where(focus))
    table.loc[table["mean"].isna(), _DIFFERENCE] = float("nan")
    return ordered(table, [table[METRIC].map(metrics.index)])[list(BESIDE_COLUMNS)]


def ordered(table: pd.DataFrame, keys: list[pd.Series]) -> pd.DataFrame:
    """Rows by ``keys``, then models in the order of the page."""
    named = {f"_{position}": key for position, key in enumerate(keys)}
    known = {model: position for position, model in enumerate(sorted(table[MODEL].unique(), key=model_rank))}
    ranked = table.assign(**named, _model=table[MODEL].map(known))
    in_order = ranked.sort_values([*named, "_model"], kind="stable")
    return in_order.drop(columns=[*named, "_model"]).reset_index(drop=True)
