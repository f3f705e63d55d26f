"""The four tables of paper E (product recommendation): what the paper publishes beside what was measured here.

``published/paper_e.csv`` holds every number of its Tables 1 to 4 (shares, seconds, single parameters). Its rows are
called by cited works: Jiang et al. (2019) is a trust-aware, Cui et al. (2020) an item-based collaborative filter and
Naumov et al. (2019) is DLRM, which stand under our names of them; the other three are surveys or essays that hold no
model, so that nothing can be run for them. Table 3 and Table 1 give other figures for the same whole model.

Each function takes result tables (``results.TABLE_COLUMNS``) and the paper's data set that the source belongs to
(`data_set_of`; None where there is none), and returns one row per number.
"""

from importlib.resources import files
from typing import Final

import pandas as pd

from crm_pipelines.columns import MAIN_VARIANT, METRIC, MODEL, PROTOCOL, SLICE, SLICE_ALL, SOURCE, VARIANT, N
from crm_pipelines.reporting.names import FOCUS_OF
from crm_pipelines.reporting.paper_c import beside, variants_of
from crm_pipelines.reporting.tables import main_protocol

FOCUS: Final = FOCUS_OF["recommendation"]
DATA_SETS: Final = ("santander", "beauty_sequences", "market", "fprt")
PAIRS: Final = ("pair_precision", "pair_recall", "pair_f1")
RANKED: Final = ("ndcg@10", "recall@10", "map@7", "hr@10", "mrr")
COSTS: Final = ("fit_seconds", "inference_seconds", "latency_end_to_end_p50_ms", "parameters")
CITED: Final = {
    "jung_2018": "Jung et al. (2018)",
    "portugal_2018": "Portugal et al. (2018)",
    "zhang_2019": "Zhang et al. (2019)",
}
"""Rows of works that hold no such model."""


def data_set_of(source: str) -> str | None:
    """The paper's data set that a source is or is a relative of; else None."""
    return next((name for name in DATA_SETS if source == name or source.startswith(f"{name}_")), None)


def published(table: int, data_set: str | None) -> pd.DataFrame:
    """``model, variant, metric, published`` of one of the paper's tables."""
    path = files("crm_pipelines.reporting") / "published" / "paper_e.csv"
    with path.open(encoding="utf-8") as stream:
        rows = pd.read_csv(stream)
    rows = rows[(rows["table"] == table) & (rows[SOURCE] == (data_set or ""))]
    return rows.rename(columns={"value": "published"})[[MODEL, VARIANT, METRIC, "published"]].reset_index(drop=True)


def table_1(metrics: pd.DataFrame, comparisons: pd.DataFrame, data_set: str | None) -> pd.DataFrame:
    """Quality in the main protocol: full ranking first, then the paper's measures on pairs, one to one."""
    rows = metrics[(metrics[SLICE] == SLICE_ALL) & (metrics[PROTOCOL] == main_protocol(metrics))]
    rows = rows[rows[METRIC].isin((*RANKED, *PAIRS)) & (rows[VARIANT] == MAIN_VARIANT)]
    pairs = comparisons[comparisons[SLICE] == SLICE_ALL]
    return beside(rows, pairs, published(1, data_set), (*RANKED, *PAIRS), FOCUS)


def table_2(
    efficiency: pd.DataFrame, comparisons: pd.DataFrame, metrics: pd.DataFrame, data_set: str | None
) -> pd.DataFrame:
    """Cost in the main protocol, beside the peer strongest in NDCG@10."""
    rows = efficiency[(efficiency[PROTOCOL] == main_protocol(efficiency)) & (efficiency[VARIANT] == MAIN_VARIANT)]
    rows = rows[rows[METRIC].isin(COSTS)].assign(**{N: float("nan")})
    table = beside(rows, comparisons.iloc[:0], published(2, data_set), COSTS, FOCUS)
    leading = table_1(metrics, comparisons, data_set)
    peers = leading.loc[leading[METRIC] == "ndcg@10", "peer"].dropna()
    peer = str(peers.iloc[0]) if len(peers) else None
    own = table[table[MODEL] == peer].set_index(METRIC)["mean"]
    return table.assign(peer=peer, peer_mean=table[METRIC].map(own).astype("float64"))


def table_3(metrics: pd.DataFrame, comparisons: pd.DataFrame, data_set: str | None) -> pd.DataFrame:
    """Ablation in quality: baseline, +tl, +gnn and both, at equal numbers of parameters."""
    return variants_of(FOCUS[0], metrics, comparisons, published(3, data_set), "", (*RANKED[:3], *PAIRS))


def table_4(efficiency: pd.DataFrame, comparisons: pd.DataFrame, data_set: str | None) -> pd.DataFrame:
    """Ablation in cost."""
    return variants_of(FOCUS[0], efficiency, comparisons, published(4, data_set), "", COSTS)
