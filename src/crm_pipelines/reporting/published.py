"""The figures a paper prints, transcribed from its text.

``published/paper_a.csv`` holds every number the text of the TFP-Net paper (doi 10.1371/journal.pone.0345461) gives for
its Tables 1 to 5; cells that stand only in the tables' images are absent. Units are ours (shares, not percent; group
fairness 0-100). ``<metric>_behind_tfpnet`` is a difference the text states, some as "approximately" or "around". An
empty ``source`` means that the text names no data set; ``cold@k`` that it names no side; a variant ``<parameter>=?``
that the value of the parameter stands only in an image.
"""

from importlib.resources import files
from typing import Final

import pandas as pd

from crm_pipelines.columns import MAIN_VARIANT, METRIC, MODEL, SIDES, SLICE, SOURCE, VARIANT

BEHIND: Final = "_behind_tfpnet"
DATA_SETS: Final = ("taobao", "amazon")
PUBLISHED_COLUMNS: Final = (MODEL, VARIANT, SLICE, METRIC, "published", "published_std", "published_behind")

_KEY: Final = [MODEL, VARIANT, SLICE, METRIC]
_PAPERS_MODEL: Final = "tfpnet"


def published_figures() -> pd.DataFrame:
    """``table, source, model, variant, slice, metric, mean, std``; source is text, empty where none is named."""
    path = files("crm_pipelines.reporting") / "published" / "paper_a.csv"
    with path.open(encoding="utf-8") as stream:
        table = pd.read_csv(stream, dtype={"table": "int64"})
    return table.assign(**{SOURCE: table[SOURCE].fillna("")})


def data_set_of(source: str) -> str | None:
    """The paper's data set that a source is a part or a relative of, by the first word of its name; else None."""
    return next((name for name in DATA_SETS if source.split("_")[0] == name), None)


def published_values(table: int, data_set: str | None) -> pd.DataFrame:
    """What the paper gives for one of its tables and one data set.

    A difference to TFP-Net stated for a named data set becomes a value where TFP-Net's own is stated too, in the same
    table or in Table 1.

    Args:
        table: 1 to 5.
        data_set: of ``DATA_SETS``; None for data the paper did not use, which gives no rows.

    Returns:
        ``PUBLISHED_COLUMNS``, one row per model, variant, slice and metric: ``published`` is missing where only a
        difference is stated, ``published_behind`` where only a value is. A slice ``cold@k`` yields a row per side.
    """
    if data_set is None:
        return pd.DataFrame({c: pd.Series(dtype="str" if c in _KEY else "float64") for c in PUBLISHED_COLUMNS})
    everything = published_figures()
    usable = everything[everything[SOURCE].isin([data_set, ""])]
    behind = usable[METRIC].str.endswith(BEHIND)
    named = usable.assign(**{METRIC: usable[METRIC].str.removesuffix(BEHIND)})
    here = named["table"] == table
    values = named[here & ~behind].rename(columns={"mean": "published", "std": "published_std"})
    stated = named[here & behind].rename(columns={"mean": "published_behind"})
    stated["named"] = stated[SOURCE] != ""
    joined = values[[*_KEY, "published", "published_std"]].merge(
        stated[[*_KEY, "published_behind", "named"]], how="outer", on=_KEY, sort=False
    )
    whole = named[~behind & (named[MODEL] == _PAPERS_MODEL) & (named[VARIANT] == MAIN_VARIANT)]
    whole = whole[whole["table"].isin([table, 1])].sort_values("table", ascending=False, kind="stable")
    base = whole.drop_duplicates([SLICE, METRIC]).set_index([SLICE, METRIC])["mean"]
    own = pd.Series(base.reindex(pd.MultiIndex.from_frame(joined[[SLICE, METRIC]])).to_numpy(), index=joined.index)
    joined["published"] = joined["published"].fillna((own - joined["published_behind"]).where(joined["named"].eq(True)))
    cold = joined[SLICE].str.startswith("cold@")
    by_side = [
        joined[cold].assign(**{SLICE: f"cold_{side}" + joined.loc[cold, SLICE].str.removeprefix("cold")})
        for side in SIDES
    ]
    return pd.concat([joined[~cold], *by_side], ignore_index=True)[list(PUBLISHED_COLUMNS)]
