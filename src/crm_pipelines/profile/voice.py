"""``customer_voice``: one row per customer with what the customer says, belongs to and will probably do."""

import json
from collections import Counter
from collections.abc import Sequence
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
    by = known.groupby(c.CUSTOMER_ID, sort=False)
    negative = known[known[c.SENTIMENT] == c.SENTIMENTS[0]].drop_duplicates(c.CUSTOMER_ID, keep="last")
    negative = negative.set_index(c.CUSTOMER_ID)
    named = known[(known[c.ENTITIES] != "[]") & known[c.ENTITIES].notna()]
    mentioned = named.groupby(c.CUSTOMER_ID, sort=False)[c.ENTITIES].agg(lambda lists: _entities(lists, entities))
    out = pd.DataFrame(index=ids)
    out["documents"] = numbers["documents_total"].astype("int64")
    out["sentiment_now"], out["sentiment_trend"] = numbers["sentiment_now"], numbers["sentiment_trend"]
    out["themes"] = by[c.THEME].agg(lambda column: _most_frequent(column.dropna(), themes)).reindex(ids).fillna("")
    out["entities"] = mentioned.reindex(ids).fillna("") if len(named) else ""
    out["last_negative_document"] = negative[c.DOCUMENT_ID].reindex(ids)
    at = pd.to_datetime(negative[c.TIMESTAMP].reindex(ids), unit="s")
    out["last_negative_at"] = at.dt.strftime("%Y-%m-%d").where(at.notna(), None)
    return out[out["documents"] > 0]


def _most_frequent(values: Sequence[Any] | pd.Series, most: int) -> str:
    """The most frequent values with bars between them, the earlier of equals first."""
    return " | ".join(str(value) for value, _ in Counter(values).most_common(most))


def _entities(lists: pd.Series, most: int) -> str:
    return _most_frequent([each["text"] for text in lists for each in json.loads(text)], most)


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
