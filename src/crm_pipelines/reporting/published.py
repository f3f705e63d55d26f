"""The figures a paper prints, transcribed from its text, and ours beside them.

``published/paper_a.csv`` holds every number the text of the TFP-Net paper (doi 10.1371/journal.pone.0345461) gives for
its Tables 1, 2, 3 and 5; cells that stand only in the tables' images are absent. Units are ours (shares, not percent;
group fairness 0-100). ``<metric>_behind_tfpnet`` is a difference the text states, some as "approximately" or "around".
An empty ``source`` means that the text names no data set; ``cold@k`` that it names no side.
"""

from importlib.resources import files
from typing import Final

import pandas as pd

from crm_pipelines.columns import MAIN_VARIANT, METRIC, MODEL, PROTOCOL, SLICE, SLICE_ALL, SOURCE, VARIANT
from crm_pipelines.reporting.names import model_rank
from crm_pipelines.reporting.tables import main_protocol, summarise

BEHIND: Final = "_behind_tfpnet"
DATA_SETS: Final = ("taobao", "amazon")


def published_figures() -> pd.DataFrame:
    """``table, source, model, variant, slice, metric, mean, std``; source is text, empty where none is named."""
    path = files("crm_pipelines.reporting") / "published" / "paper_a.csv"
    with path.open(encoding="utf-8") as stream:
        table = pd.read_csv(stream, dtype={"table": "int64"})
    return table.assign(**{SOURCE: table[SOURCE].fillna("")})


def data_set_of(source: str) -> str | None:
    """The paper's data set that a source is a part or a relative of, by the first word of its name; else None."""
    return next((name for name in DATA_SETS if source.split("_")[0] == name), None)


def compare_published(published: pd.DataFrame, metrics: pd.DataFrame, data_set: str) -> pd.DataFrame:
    """Published numbers of Tables 1 and 3 (values, no differences) and ours of the same name.

    Returns:
        ``table, model, slice, metric, published, published_std, named`` (False where the text names no data set),
        ``ours, ours_std, runs``; ours is missing where that was not run. A slice ``cold@k`` yields one row for
        customers and one for items.
    """
    wanted = published[
        published["table"].isin([1, 3])
        & published[SOURCE].isin([data_set, ""])
        & (published[VARIANT] == MAIN_VARIANT)
        & ~published[METRIC].str.endswith(BEHIND)
    ]
    cold = wanted[SLICE].str.startswith("cold@")
    by_side = [
        wanted[cold].assign(**{SLICE: "cold_" + side + wanted.loc[cold, SLICE].str[4:]})
        for side in ("customer", "item")
    ]
    wanted = pd.concat([wanted[~cold], *by_side], ignore_index=True).rename(
        columns={"mean": "published", "std": "published_std"}
    )
    rows = metrics[(metrics[VARIANT] == MAIN_VARIANT) & (metrics[PROTOCOL] == main_protocol(metrics))]
    ours = summarise(rows).rename(columns={"mean": "ours", "std": "ours_std"})
    table = wanted.merge(
        ours[[MODEL, SLICE, METRIC, "ours", "ours_std", "runs"]], how="left", on=[MODEL, SLICE, METRIC]
    )
    table["named"] = table[SOURCE] != ""
    rank = table[MODEL].map(model_rank)
    order = table.assign(_rank=rank, _all=table[SLICE] != SLICE_ALL).sort_values(
        ["table", "_rank", "_all", METRIC, SLICE], kind="stable"
    )
    columns = ["table", MODEL, SLICE, METRIC, "published", "published_std", "named", "ours", "ours_std", "runs"]
    return order[columns].reset_index(drop=True)
