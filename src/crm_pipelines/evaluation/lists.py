"""The table of lists, what recommenders are judged by; it knows no model.

One row per (slice, query, product, role): ``event_id`` (the query), ``customer``, ``slice``, ``item``, ``role``,
``rank`` of the product among all ``candidates`` (from 1; equal scores share their mean rank), ``log_probability`` among
the candidates, ``popularity``, its share of the events learnt from, and ``relevant``, how many products of the query
are. A role is `RELEVANT` (a product taken afterwards), `LISTED` (one of the first ten), or `SAMPLED` (one drawn at
random among the candidates that are not relevant, as many as are relevant).

Measures of quality rank *all* candidates. The paper's precision, recall and F1 are of yes-or-no decisions on relevant
and sampled products, one to one; to say yes always has precision .5, recall 1 and F1 .667 there.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from crm_pipelines.columns import (
    CUSTOMER,
    EVENT_ID,
    ITEM,
    METRIC,
    RESULT_COLUMNS,
    RESULT_VALUE,
    RUN_COLUMNS,
    SLICE,
    SLICE_VALIDATION,
    N,
)
from crm_pipelines.evaluation.predictions import MIN_N, Floats
from crm_pipelines.evaluation.ranked import CANDIDATES, CHANCE, LOG_PROBABILITY, RANK

ROLE: Final = "role"
RELEVANT, LISTED, SAMPLED = "relevant", "listed", "sampled"
POPULARITY: Final = "popularity"
WANTED: Final = "wanted"
"""Number of relevant products of the query."""
LIST_COLUMNS: Final = (*(EVENT_ID, CUSTOMER, SLICE, ITEM, ROLE, RANK, CANDIDATES, LOG_PROBABILITY, POPULARITY, WANTED),)
LENGTH: Final = 10
MAP_AT: Final = 7
"""Length at which the Santander competition judged lists."""
CUTOFFS: Final = (5, 10, 20)
GROUPS: Final = (0.2, 0.8)
"""Head, middle and tail: products that have the first 20 % of events, the next 60 %, and the last 20 %."""

_DISCOUNT: Final = 1 / np.log2(np.arange(1, LENGTH + 1) + 1)


def per_query(lists: pd.DataFrame) -> pd.DataFrame:
    """``event_id, customer`` and every measure of a query, in the order of ``event_id``; rows of one slice.

    NDCG@10 and MAP@7 are over the best possible order; recall@k is the share of the relevant products among the first
    k. ``<measure>_chance`` is what a random order of the candidates is expected to reach.
    """
    rows = lists[lists[ROLE] == RELEVANT].sort_values([EVENT_ID, RANK], kind="stable")
    event, first = np.unique(rows[EVENT_ID].to_numpy(), return_index=True)
    place = np.repeat(np.arange(len(event)), np.diff(np.append(first, len(rows))))
    rank = rows[RANK].to_numpy(dtype=np.float64)
    n = rows[CANDIDATES].to_numpy(dtype=np.float64)[first]
    wanted = rows[WANTED].to_numpy(dtype=np.float64)[first]
    found = np.arange(len(rows)) - first[place] + 1  # how many relevant ones stand up to here

    def total(values: Floats) -> Floats:
        return np.asarray(np.bincount(place, weights=values, minlength=len(event)), dtype=np.float64)

    values: dict[str, Floats] = {}
    for k in CUTOFFS:
        values[f"recall@{k}"] = total((rank <= k).astype(float)) / np.maximum(wanted, 1)
        values[f"recall@{k}{CHANCE}"] = np.minimum(k / np.maximum(n, 1), 1.0)
    values["hr@10"] = (total((rank <= LENGTH).astype(float)) > 0).astype(float)
    ideal = np.concatenate([[1.0], np.cumsum(_DISCOUNT)])[np.minimum(wanted, LENGTH).astype(np.int64)]
    values["ndcg@10"] = total(np.where(rank <= LENGTH, 1 / np.log2(rank + 1), 0.0)) / ideal
    open_places = np.concatenate([[0.0], np.cumsum(_DISCOUNT)])[np.minimum(n, LENGTH).astype(np.int64)]
    values[f"ndcg@10{CHANCE}"] = wanted / np.maximum(n, 1) * open_places / ideal
    precise = np.where(rank <= MAP_AT, found / rank, 0.0)
    values[f"map@{MAP_AT}"] = total(np.minimum(precise, 1.0)) / np.maximum(np.minimum(wanted, MAP_AT), 1)
    best = np.full(len(event), np.inf)
    np.minimum.at(best, place, rank)
    values["mrr"] = 1 / best
    losses = total(-rows[LOG_PROBABILITY].to_numpy(dtype=np.float64)) / np.maximum(wanted, 1)
    values["item_log_loss"] = losses
    frame = pd.DataFrame({EVENT_ID: event, CUSTOMER: rows[CUSTOMER].to_numpy()[first]})
    return frame.assign(**values)


def of_lists(lists: pd.DataFrame, n_items: int) -> dict[str, float]:
    """Measures of a slice's lists as a whole: coverage, novelty, and how far their popularity is from what is taken.

    ``popularity_divergence`` is the Jensen-Shannon divergence (bits) between the shares of head, middle and tail
    products in the lists and among the relevant ones (Abdollahpouri et al. 2021, "User-centered evaluation of
    popularity bias in recommender systems", UMAP): 0 is a list as popular as what customers take.
    """
    listed, relevant = lists[lists[ROLE] == LISTED], lists[lists[ROLE] == RELEVANT]
    share = listed[POPULARITY].to_numpy(dtype=np.float64)
    lowest = 0.5 * share[share > 0].min(initial=1.0)
    shares = [_by_group(rows, lists) for rows in (listed, relevant)]
    middle = (shares[0] + shares[1]) / 2
    divergence = sum(
        0.5
        * float(np.sum(np.where(part > 0, part * np.log2(np.maximum(part, 1e-300) / np.maximum(middle, 1e-300)), 0)))
        for part in shares
    )
    return {
        "coverage@10": listed[ITEM].nunique() / max(n_items, 1),
        "novelty@10": float(-np.log2(np.maximum(share, lowest)).mean()) if len(share) else float("nan"),
        "popularity_divergence": divergence,
    }


def _by_group(rows: pd.DataFrame, lists: pd.DataFrame) -> Floats:
    """Shares of head, middle and tail products among ``rows``."""
    known = lists.drop_duplicates(ITEM)[[ITEM, POPULARITY]].sort_values(POPULARITY, ascending=False, kind="stable")
    above = known[POPULARITY].cumsum() - known[POPULARITY]
    group = np.searchsorted(np.asarray(GROUPS), above.to_numpy() / max(float(known[POPULARITY].sum()), 1e-12), "right")
    of_item = pd.Series(group, index=known[ITEM].to_numpy())
    counts = np.bincount(of_item.reindex(rows[ITEM]).to_numpy(dtype=np.int64), minlength=3).astype(np.float64)
    return np.asarray(counts / max(counts.sum(), 1.0))


def fit_threshold(validation: pd.DataFrame) -> float:
    """The log-probability from which a product is called wanted, of best F1 on the validation's pairs."""
    pairs = validation[validation[ROLE].isin([RELEVANT, SAMPLED])].sort_values(LOG_PROBABILITY, ascending=False)
    if pairs.empty:
        return float("-inf")
    true = (pairs[ROLE] == RELEVANT).to_numpy(dtype=np.float64)
    hits = np.cumsum(true)
    f1 = 2 * hits / (np.arange(1, len(true) + 1) + true.sum())
    score = pairs[LOG_PROBABILITY].to_numpy(dtype=np.float64)
    last = np.append(score[1:] < score[:-1], True)  # a cut divides no equal scores
    return float(score[int(np.argmax(np.where(last, f1, -1.0)))])


def pair_metrics(lists: pd.DataFrame, threshold: float) -> dict[str, float]:
    """The paper's precision, recall and F1 on relevant and sampled products, one to one."""
    pairs = lists[lists[ROLE].isin([RELEVANT, SAMPLED])]
    true = (pairs[ROLE] == RELEVANT).to_numpy()
    said = pairs[LOG_PROBABILITY].to_numpy(dtype=np.float64) >= threshold
    both = float((true & said).sum())
    precision, recall = both / max(said.sum(), 1), both / max(true.sum(), 1)
    return {
        "pair_precision": precision,
        "pair_recall": recall,
        "pair_f1": 2 * precision * recall / max(precision + recall, 1e-12),
    }


def evaluate_lists(lists: pd.DataFrame, n_items: int, run: Mapping[str, Any]) -> pd.DataFrame:
    """All result rows of one run: ``RESULT_COLUMNS``, NaN in slices with fewer than ``MIN_N`` queries.

    Args:
        lists: the table of lists.
        n_items: number of products.
        run: a value for each of ``RUN_COLUMNS``.
    """
    identity = {column: run[column] for column in RUN_COLUMNS}
    threshold = fit_threshold(lists[lists[SLICE] == SLICE_VALIDATION])
    parts = []
    for name, rows in lists.groupby(SLICE, sort=False):
        if name == SLICE_VALIDATION:
            continue
        queries = per_query(rows)
        n = len(queries)
        means = queries.drop(columns=[EVENT_ID, CUSTOMER]).mean()
        values = {str(metric): float(mean) for metric, mean in means.items()}
        values |= {**of_lists(rows, n_items), **pair_metrics(rows, threshold)}
        parts.append(
            pd.DataFrame(
                {
                    **identity,
                    SLICE: name,
                    METRIC: list(values),
                    RESULT_VALUE: [value if n >= MIN_N else float("nan") for value in values.values()],
                    N: n,
                }
            )
        )
    return pd.concat(parts, ignore_index=True)[list(RESULT_COLUMNS)]
