"""What is said of themes: how often, how gladly, since when; and pain points."""

import numpy as np
import pandas as pd

from crm_pipelines import columns as c

PERIODS = 12
"""Most periods that a history of themes is cut into."""
MONTH = 30 * 86_400
NAMES = ("theme", "period", "start", "documents", "share", "negative", "negative_share")


def theme_table(profiles: pd.DataFrame) -> pd.DataFrame:
    """One row per theme, period and ``all``: see `NAMES`.

    ``share`` is of the period's documents with a theme, ``negative`` the mean probability of a negative sentiment and
    ``negative_share`` the theme's part of all expected negative documents. ``period`` is the date a period begins at
    (UTC), ``all`` without periods; periods are equally long, at most `PERIODS`.
    """
    rows = profiles[profiles[c.THEME].notna()]
    if rows.empty:
        return pd.DataFrame({name: pd.Series(dtype="float64") for name in NAMES})
    parts = [_table(rows, "all", float("nan"))]
    dated = rows[rows[c.TIMESTAMP].notna()]
    time = dated[c.TIMESTAMP].to_numpy(dtype=np.float64)
    if len(dated) and time.max() > time.min():
        edges = _edges(time)
        place = np.clip(np.searchsorted(edges, time, side="right") - 1, 0, len(edges) - 2)
        for number in range(len(edges) - 1):
            chosen = dated[place == number]
            if len(chosen):
                name = str(np.datetime64(int(edges[number]), "s").astype("datetime64[D]"))
                parts.append(_table(chosen, name, edges[number]))
    return pd.concat(parts, ignore_index=True)


def pain_points(profiles: pd.DataFrame) -> pd.DataFrame:
    """Themes by how many negative documents are expected in them, with how they went.

    ``theme, documents, share, negative, expected_negative, lift, trend``: ``lift`` is the theme's mean probability of a
    negative sentiment over that of all documents; ``trend`` the mean of its later half less that of its earlier half,
    missing without times. Documents without sentiment count for nothing.
    """
    rows = profiles[profiles[c.THEME].notna() & profiles[c.probability("negative")].notna()]
    names = ["theme", "documents", "share", "negative", "expected_negative", "lift", "trend"]
    if rows.empty:
        return pd.DataFrame({name: pd.Series(dtype="float64") for name in names})
    overall = float(rows[c.probability("negative")].mean())
    found = []
    for theme, part in rows.groupby(c.THEME, sort=False):
        p = part[c.probability("negative")].to_numpy(dtype=np.float64)
        time = part[c.TIMESTAMP].to_numpy(dtype=np.float64, na_value=np.nan)
        known = ~np.isnan(time)
        trend = float("nan")
        if known.sum() >= 20:
            later = time[known] > np.median(time[known])
            if later.any():
                trend = float(p[known][later].mean() - p[known][~later].mean())
        mean = float(p.mean())
        found.append((str(theme), len(p), len(p) / len(rows), mean, float(p.sum()), mean / max(overall, 1e-12), trend))
    table = pd.DataFrame(found, columns=names)
    return table.sort_values(["expected_negative", "theme"], ascending=[False, True], ignore_index=True)


def _edges(time: np.ndarray) -> np.ndarray:
    """Bounds of at most `PERIODS` equal periods, of a month at least where the documents span several."""
    low, high = float(time.min()), float(time.max()) + 1
    count = int(np.clip(np.ceil((high - low) / MONTH), 4, PERIODS))
    return np.linspace(low, high, count + 1)


def _table(rows: pd.DataFrame, period: str, start: float) -> pd.DataFrame:
    p = rows[c.probability("negative")]
    groups = rows.assign(_p=p.astype("float64")).groupby(c.THEME, sort=True)["_p"]
    table = pd.DataFrame({"documents": groups.size(), "negative": groups.mean(), "_sum": groups.sum()}).reset_index()
    total = float(table["_sum"].sum())
    return pd.DataFrame(
        {
            "theme": table[c.THEME],
            "period": period,
            "start": start,
            "documents": table["documents"],
            "share": table["documents"] / len(rows),
            "negative": table["negative"],
            "negative_share": table["_sum"] / total if total else float("nan"),
        }
    )
