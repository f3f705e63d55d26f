"""The four tables of paper C (QRCNN-LSTM): what the paper publishes beside what was measured here.

``published/paper_c.csv`` holds every number of the paper's Tables 1 to 4 that its text gives unambiguously, in our
units (shares, seconds, milliseconds, single parameters and operations). Table 3 prints no F1 and AUC for the bank, and
some cells of the row Khan et al. in Table 2 are broken over lines beyond repair: they are absent. Six rows of Tables 1
and 2 cite works that hold no such model, so that nothing can be run for them.

Each function takes result tables (``results.TABLE_COLUMNS``) and the paper's data set that the source belongs to
(`data_set_of`; None where there is none), and returns one row per number.
"""

from importlib.resources import files
from typing import Final

import pandas as pd

from crm_pipelines.columns import (
    MAIN_VARIANT,
    METRIC,
    MODEL,
    PROTOCOL,
    SLICE,
    SLICE_ALL,
    SOURCE,
    VARIANT,
    N,
)
from crm_pipelines.reporting.names import FOCUS_OF, metric_name, model_rank
from crm_pipelines.reporting.tables import main_protocol, paired_table, summarise, variant_differences

FOCUS: Final = FOCUS_OF["risk"]
DATA_SETS: Final = ("credit", "telco", "retail", "bank")
TABLE_1_METRICS: Final = ("accuracy", "recall", "f1", "roc_auc", "macro_f1", "average_precision", "log_loss", "ece")
COSTS: Final = {
    "parameters": "parameters",
    "flops": "flops_per_event",
    "latency_ms": "latency_forward_p50_ms",
    "training_seconds": "fit_seconds",
}
"""What the paper measures in Tables 2 and 4 -> our name of it; the paper does not say for how many records."""
CITED: Final = {
    "alshurideh_2022": "Alshurideh (2022)",
    "khan_2022": "Khan et al. (2022)",
    "gil_gomez_2020": "Gil-Gomez et al. (2020)",
    "haiyun_2021": "Haiyun et al. (2021)",
    "kandasamy_2020": "Kandasamy et al. (2020)",
    "hung_2020": "Hung et al. (2020)",
}
"""Rows called "state of the art" by the paper, whose works hold no such model."""
BESIDE: Final = (METRIC, MODEL, "published", "mean", "std", "runs", "peer", "peer_mean", "difference", "low", "high", N)
VARIANTS: Final = (MODEL, VARIANT, METRIC, "published", "mean", "std", "runs", "difference", "low", "high")


def data_set_of(source: str) -> str | None:
    """The paper's data set that a source is or is a relative of, by the first word of its name; else None."""
    return next((name for name in DATA_SETS if source.split("_")[0] == name), None)


def published(table: int, data_set: str | None) -> pd.DataFrame:
    """``model, variant, metric, published`` of one of the paper's tables; costs under our names."""
    path = files("crm_pipelines.reporting") / "published" / "paper_c.csv"
    with path.open(encoding="utf-8") as stream:
        rows = pd.read_csv(stream)
    rows = rows[(rows["table"] == table) & (rows[SOURCE] == (data_set or ""))]
    renamed = rows.assign(**{METRIC: rows[METRIC].replace(COSTS)}).rename(columns={"value": "published"})
    return renamed[[MODEL, VARIANT, METRIC, "published"]].reset_index(drop=True)


def table_1(metrics: pd.DataFrame, comparisons: pd.DataFrame, data_set: str | None) -> pd.DataFrame:
    """Performance in the main protocol: `BESIDE`, one row per metric and model, the paper's cited rows included."""
    rows = metrics[(metrics[SLICE] == SLICE_ALL) & (metrics[PROTOCOL] == main_protocol(metrics))]
    rows = rows[rows[METRIC].isin(TABLE_1_METRICS) & (rows[VARIANT] == MAIN_VARIANT)]
    return beside(rows, comparisons, published(1, data_set), TABLE_1_METRICS)


def table_2(
    efficiency: pd.DataFrame, comparisons: pd.DataFrame, metrics: pd.DataFrame, data_set: str | None
) -> pd.DataFrame:
    """Cost in the main protocol: `BESIDE`, whose peer is the one strongest in ROC AUC."""
    rows = efficiency[(efficiency[PROTOCOL] == main_protocol(efficiency)) & (efficiency[VARIANT] == MAIN_VARIANT)]
    rows = rows[rows[METRIC].isin(list(COSTS.values()))].assign(**{N: float("nan")})
    table = beside(rows, comparisons.iloc[:0], published(2, data_set), tuple(COSTS.values()))
    leading = table_1(metrics, comparisons, data_set)
    peers = leading.loc[leading[METRIC] == "roc_auc", "peer"].dropna()
    peer = str(peers.iloc[0]) if len(peers) else None
    own = table[table[MODEL] == peer].set_index(METRIC)["mean"]
    return table.assign(peer=peer, peer_mean=table[METRIC].map(own).astype("float64"))


def variants(
    number: int, rows: pd.DataFrame, comparisons: pd.DataFrame, data_set: str | None, prefix: str
) -> pd.DataFrame:
    """Table 3 (encoders) or 4 (attentions): `VARIANTS`, one row per variant and measure.

    Args:
        number: of the paper's table.
        rows: metrics and efficiency of the main protocol.
        comparisons: for the differences of variants to the whole model.
        data_set: of the paper.
        prefix: with which the names of the table's variants begin.
    """
    wanted = ("accuracy", "recall", "f1", "roc_auc", "macro_f1", *COSTS.values())
    return variants_of(FOCUS[0], rows, comparisons, published(number, data_set), prefix, wanted)


def variants_of(
    model: str,
    rows: pd.DataFrame,
    comparisons: pd.DataFrame,
    theirs: pd.DataFrame,
    prefix: str,
    wanted: tuple[str, ...],
) -> pd.DataFrame:
    """`VARIANTS` of a model: published, measured, and the paired difference to the whole model.

    Args:
        model: whose. rows: metrics and efficiency. comparisons: paired differences.
        theirs: ``model, variant, metric, published``.
        prefix: with which the names of the variants begin. wanted: metrics in the order of the table.
    """
    ours = rows[(rows[PROTOCOL] == main_protocol(rows)) & (rows[SLICE] == SLICE_ALL) & (rows[MODEL] == model)]
    mine = ours[ours[VARIANT].str.startswith(prefix)]
    # Variants run on one fold, so the whole model is taken from the same folds and seeds.
    same = mine[["fold", "seed"]].drop_duplicates()
    whole = ours[ours[VARIANT] == MAIN_VARIANT].merge(same, on=["fold", "seed"]) if len(same) else ours.iloc[:0]
    both = pd.concat([whole, mine], ignore_index=True)
    summary = summarise(both[both[METRIC].isin(wanted)].assign(**{N: float("nan")}))
    table = theirs.merge(summary[[MODEL, VARIANT, METRIC, "mean", "std", "runs"]], how="outer")
    differences = variant_differences(comparisons, model)
    known = (differences[PROTOCOL] == main_protocol(rows)) & (differences[SLICE] == SLICE_ALL)
    differences = differences.loc[known, [VARIANT, METRIC, "difference", "low", "high"]]
    table = table.merge(differences, how="left", on=[VARIANT, METRIC])
    order = {name: position for position, name in enumerate(wanted)}
    table = table.assign(_later=table[VARIANT] == MAIN_VARIANT, _at=table[METRIC].map(order))
    return table.sort_values(["_later", VARIANT, "_at"], kind="stable", ignore_index=True)[list(VARIANTS)]


def beside(
    rows: pd.DataFrame,
    comparisons: pd.DataFrame,
    theirs: pd.DataFrame,
    metrics: tuple[str, ...],
    focus: tuple[str, ...] = FOCUS,
) -> pd.DataFrame:
    """`BESIDE`: published, measured, the strongest peer, and the paired difference to it, a row per metric and model.

    Args:
        rows: results of one slice and protocol. comparisons: paired differences.
        theirs: ``model, metric, published``. metrics: in the order of the table.
        focus: models that are no peers.
    """
    summary = summarise(rows).rename(columns={"n_high": N})
    table = theirs[[MODEL, METRIC, "published"]].merge(
        summary[[MODEL, METRIC, "mean", "std", "runs", N]], how="outer", on=[MODEL, METRIC]
    )
    peers = summary[~summary[MODEL].isin(focus) & summary["mean"].notna()]
    sign = peers[METRIC].map(lambda name: -1.0 if metric_name(name).lower_is_better else 1.0)
    best = peers.assign(_score=peers["mean"] * sign.astype("float64")).sort_values("_score", ascending=False)
    best = best.drop_duplicates(METRIC)[[METRIC, MODEL, "mean"]]
    table = table.merge(best.rename(columns={MODEL: "peer", "mean": "peer_mean"}), how="left", on=METRIC)
    pairs = [
        paired_table(comparisons, model).assign(**{MODEL: model})[[MODEL, "peer", METRIC, "difference", "low", "high"]]
        for model in focus
    ]
    found = pd.concat(
        [
            pair[paired_table(comparisons, model)[PROTOCOL].to_numpy() == main_protocol(comparisons)]
            for model, pair in zip(focus, pairs, strict=True)
        ]
    )
    table = table.merge(found, how="left", on=[MODEL, "peer", METRIC])
    order = {name: position for position, name in enumerate(metrics)}
    table = table.assign(_at=table[METRIC].map(order), _rank=table[MODEL].map(model_rank))
    table["runs"] = table["runs"].fillna(0)
    return table.sort_values(["_at", "_rank"], kind="stable", ignore_index=True)[list(BESIDE)]
