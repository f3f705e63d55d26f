"""Table 1 of paper D, for what is measured on text: what the paper publishes beside ours and the strongest peer.

``published/paper_d.csv`` holds every number of its Table 1, and the accuracy of sentiment that its abstract gives
(table 0). Table 1 compares "Hybrid Model", "Rule-Based Model" and "SVM Model" and does not say whether segments,
behaviour or sentiment were predicted, on what split or of how many customers. Beside sentiment they stand next to the
network, the lexicon's rules and the SVM on text.
"""

from importlib.resources import files
from typing import Final

import pandas as pd

from crm_pipelines.columns import MAIN_VARIANT, METRIC, MODEL, PROTOCOL, SLICE, SLICE_ALL, VARIANT, N
from crm_pipelines.reporting.names import FOCUS_OF, model_rank
from crm_pipelines.reporting.tables import main_protocol, summarise

FOCUS: Final = FOCUS_OF["feedback"]
TABLE_1_METRICS: Final = ("accuracy", "precision", "recall", "f1", "macro_f1")
BESIDE: Final = (
    *(METRIC, MODEL, "published", "mean", "std", "runs", "peer", "peer_mean"),
    *("difference", "low", "high", "t", "p", N),
)


def published() -> pd.DataFrame:
    """``table, model, metric, value``."""
    path = files("crm_pipelines.reporting") / "published" / "paper_d.csv"
    with path.open(encoding="utf-8") as stream:
        return pd.read_csv(stream)


def table_1(metrics: pd.DataFrame, tests: pd.DataFrame) -> pd.DataFrame:
    """`BESIDE`: one row per metric and model of the main protocol, with the test against the strongest peer.

    Args:
        metrics: ``RESULT_COLUMNS``.
        tests: ``evaluation.resampled_t.TEST_COLUMNS``.
    """
    rows = metrics[(metrics[SLICE] == SLICE_ALL) & (metrics[PROTOCOL] == main_protocol(metrics))]
    rows = rows[rows[METRIC].isin(TABLE_1_METRICS) & (rows[VARIANT] == MAIN_VARIANT)]
    summary = summarise(rows).rename(columns={"n_high": N})
    theirs = published()
    theirs = theirs[theirs["table"] == 1].rename(columns={"value": "published"})
    table = theirs[[MODEL, METRIC, "published"]].merge(
        summary[[MODEL, METRIC, "mean", "std", "runs", N]], how="outer", on=[MODEL, METRIC]
    )
    peers = summary[~summary[MODEL].isin(FOCUS) & summary["mean"].notna()]
    best = peers.sort_values("mean", ascending=False, kind="stable").drop_duplicates(METRIC)
    best = best[[METRIC, MODEL, "mean"]].rename(columns={MODEL: "peer", "mean": "peer_mean"})
    table = table.merge(best, how="left", on=METRIC)
    columns = [MODEL, "peer", METRIC, "difference", "low", "high", "t", "p"]
    found = tests[columns] if len(tests) else pd.DataFrame({name: [] for name in columns})
    text = dict.fromkeys((MODEL, "peer", METRIC), "object")
    table = table.astype(text).merge(found.astype(text), how="left", on=[MODEL, "peer", METRIC])
    order = {name: position for position, name in enumerate(TABLE_1_METRICS)}
    table = table.assign(_at=table[METRIC].map(order), _rank=table[MODEL].map(model_rank))
    table["runs"] = table["runs"].fillna(0)
    return table.sort_values(["_at", "_rank"], kind="stable", ignore_index=True)[list(BESIDE)]
