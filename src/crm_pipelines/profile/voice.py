"""``customer_voice``: one row per customer with what the customer says, belongs to and will probably do."""

import json
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.records.voices import Voices

VOICE_COLUMNS: Final = (
    c.CUSTOMER_ID,
    *("documents", "sentiment_now", "sentiment_trend", "themes", "entities"),
    *("last_negative_document", "last_negative_at", "last_negative_text"),
    *("segment", "segment_name", "purchase_probability", "band", "value_band", "data"),
)
SUFFICIENT: Final = "sufficient"
ONE_EVENT: Final = "single event: the score rests on little"
OUTSIDE: Final = "outside the audience of the definition"
NO_HISTORY: Final = "no event: no score"
UNKNOWN: Final = "unknown"


def said(documents: pd.DataFrame, voices: Voices, moment: int, themes: int, entities: int) -> pd.DataFrame:
    """What customers who wrote before ``moment`` said: index customer, columns from ``documents`` to the last negative.

    Args:
        documents: rows of ``document_profiles`` of the same customers.
        voices: of those documents.
        moment: UTC seconds.
        themes, entities: most of them named.
    """
    ids = voices.ids
    numbers = pd.DataFrame(voices.at(moment, ids), index=ids, columns=list(voices.names))
    known = documents[documents[c.CUSTOMER_ID].notna() & (documents[c.TIMESTAMP] < moment)]
    known = known.sort_values(c.TIMESTAMP, kind="stable")
    negative = known[known[c.SENTIMENT] == c.SENTIMENTS[0]].drop_duplicates(c.CUSTOMER_ID, keep="last")
    negative = negative.set_index(c.CUSTOMER_ID)
    out = pd.DataFrame(index=ids)
    out["documents"] = numbers["documents_total"].astype("int64")
    out["sentiment_now"], out["sentiment_trend"] = numbers["sentiment_now"], numbers["sentiment_trend"]
    out["themes"] = _most_frequent(known[c.CUSTOMER_ID], known[c.THEME], themes).reindex(ids).fillna("")
    named = known[known[c.ENTITIES].notna() & (known[c.ENTITIES] != "[]")]
    texts = named[c.ENTITIES].map(lambda found: [each["text"] for each in json.loads(found)])
    each = pd.DataFrame({"who": named[c.CUSTOMER_ID], "what": texts}).explode("what")
    out["entities"] = _most_frequent(each["who"], each["what"], entities).reindex(ids).fillna("")
    out["last_negative_document"] = negative[c.DOCUMENT_ID].reindex(ids)
    at = pd.to_datetime(negative[c.TIMESTAMP].reindex(ids), unit="s")
    out["last_negative_at"] = at.dt.strftime("%Y-%m-%d").where(at.notna(), None)
    return out[out["documents"] > 0]


def _most_frequent(who: pd.Series, what: pd.Series, most: int) -> pd.Series:
    """Index customer: their most frequent values with bars between them, the earlier of equals first."""
    table = pd.DataFrame({"who": who.to_numpy(), "what": what.to_numpy(), "at": np.arange(len(who))})
    table = table.dropna(subset=["what"])
    if table.empty:
        return pd.Series(dtype=object)
    counts = table.groupby(["who", "what"], sort=False)["at"].agg(n="size", first="min").reset_index()
    counts = counts.sort_values(["who", "n", "first"], ascending=[True, False, True], kind="stable")
    counts["rank"] = counts.groupby("who").cumcount()
    ranked = counts[counts["rank"] < most].pivot_table(index="who", columns="rank", values="what", aggfunc="first")
    joined = ranked[0].astype(object)
    for rank in range(1, len(ranked.columns)):
        joined = joined.where(ranked[rank].isna(), joined + " | " + ranked[rank].fillna(""))
    return joined


def bands(probability: NDArray[Any], bounds: dict[str, float]) -> list[str]:
    """Name of the band of each probability."""
    names = list(bounds)
    at = np.searchsorted(np.asarray(list(bounds.values())), probability, side="right")
    return [names[min(int(place), len(names) - 1)] for place in at]


def observed_bands(probability: NDArray[Any], bought: NDArray[Any], bounds: dict[str, float]) -> pd.DataFrame:
    """What became of test customers of each band: ``band, n, stated, observed, low, high`` (Wilson's 95 % interval)."""
    named = np.asarray(bands(probability, bounds), dtype=object)
    z = 1.959964
    rows = []
    for name in bounds:
        inside = named == name
        n = int(inside.sum())
        if not n:
            rows.append((name, 0, np.nan, np.nan, np.nan, np.nan))
            continue
        p = float(bought[inside].mean())
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * float(np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)))
        rows.append((name, n, float(probability[inside].mean()), p, middle - half, middle + half))
    return pd.DataFrame(rows, columns=["band", "n", "stated", "observed", "low", "high"])
