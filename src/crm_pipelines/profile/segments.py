"""Segments: clusters of customers' fused profiles, called by what sets them apart.

Clusters are k-means on standardised profiles of training records (Lloyd 1982). How far they can be trusted is said by
their stability under resampling: the adjusted Rand index (Hubert and Arabie 1985) between the clusters of the sample
and those of its bootstrap resamples (Hennig 2007, "Cluster-wise assessment of cluster stability").
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score, r2_score, roc_auc_score, silhouette_score

from crm_pipelines.profile.config import SegmentParameters
from crm_pipelines.records.inputs import RecordInputs

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]

FACTS: Final[Mapping[str, tuple[str, str]]] = {
    "purchase_recency_days": ("recent", "lapsed"),
    "purchases_total": ("rare", "frequent"),
    "spend_total": ("low value", "high value"),
    "sentiment_now": ("dissatisfied", "satisfied"),
    "tenure_days": ("new", "established"),
    "items_different": ("focused", "exploring"),
    "gap_mean_days": ("quick", "slow"),
    "documents_total": ("silent", "vocal"),
}
"""Numeric columns that name segments -> words for low and for high values of them."""
SHOWN: Final = (
    "purchase_recency_days",
    "purchases_total",
    "spend_total",
    "tenure_days",
    "sentiment",
    "documents_total",
)
"""Columns whose means are shown."""
_SILHOUETTE_ON: Final = 2_000
"""Records from which a silhouette is computed: its cost grows with their square."""


@dataclass(frozen=True, eq=False)
class Segments:
    """Fitted clusters.

    Attributes:
        mean, scale: of profiles (D,). centres: (K, D) of standardised ones.
        names: of the K segments.
        silhouette: number of clusters tried -> silhouette.
        stability: mean adjusted Rand index over resamples. stability_low, stability_high: its 2.5 and 97.5 percentiles.
    """

    mean: Floats
    scale: Floats
    centres: Floats
    names: tuple[str, ...]
    silhouette: Mapping[int, float]
    stability: float
    stability_low: float
    stability_high: float

    def assign(self, profiles: NDArray[Any]) -> Ids:
        """Segment (N,) of profiles (N, D)."""
        return nearest((profiles.astype(np.float64) - self.mean) / self.scale, self.centres)


def nearest(points: Floats, centres: Floats) -> Ids:
    """The nearest centre (N,) of points (N, D)."""
    squared = (centres**2).sum(axis=1) - 2 * points @ centres.T
    return np.asarray(squared.argmin(axis=1), dtype=np.int64)


def fit_segments(profiles: NDArray[Any], facts: pd.DataFrame, parameters: SegmentParameters) -> Segments:
    """Cluster training profiles.

    Args:
        profiles: (N, D). facts: (N) columns of `FACTS` that exist, in the order of the profiles.
        parameters: numbers of clusters, sample and resamples.
    """
    draw = np.random.default_rng(parameters.seed)
    chosen = np.sort(draw.permutation(len(profiles))[: parameters.sample])
    sample = profiles[chosen].astype(np.float64)
    mean, deviation = sample.mean(axis=0), sample.std(axis=0)
    scale = np.where(deviation > 1e-6, deviation, 1.0)
    x = (sample - mean) / scale
    seen = x[np.sort(draw.permutation(len(x))[:_SILHOUETTE_ON])]
    fitted: dict[int, Floats] = {}
    silhouette: dict[int, float] = {}
    for count in parameters.counts:
        if len(np.unique(x, axis=0)) <= count:
            continue
        fitted[count] = _centres(x, count, parameters.seed)
        labels = nearest(seen, fitted[count])
        silhouette[count] = float(silhouette_score(seen, labels)) if len(np.unique(labels)) > 1 else -1.0
    if not fitted:
        return Segments(mean, scale, np.zeros((1, x.shape[1])), ("everybody",), {}, 1.0, 1.0, 1.0)
    best = max(silhouette, key=lambda count: silhouette[count])
    labels = nearest(x, fitted[best])
    agreement = []
    for number in range(parameters.resamples):
        again = draw.integers(0, len(x), len(x))
        agreement.append(adjusted_rand_score(labels, nearest(x, _centres(x[again], best, parameters.seed + number))))
    low, high = np.quantile(agreement, [0.025, 0.975])
    names = name_segments(facts.iloc[chosen].reset_index(drop=True), labels, best, parameters.words)
    return Segments(mean, scale, fitted[best], names, silhouette, float(np.mean(agreement)), float(low), float(high))


def _centres(x: Floats, count: int, seed: int) -> Floats:
    centres: Floats = KMeans(count, n_init=3, random_state=seed).fit(x).cluster_centers_
    return centres


def distinctions(facts: pd.DataFrame, labels: Ids, count: int) -> pd.DataFrame:
    """How far each segment lies from all customers in each fact: rows segments, columns facts.

    The number is the mean rank of its members, from -1 (all below everybody) to 1; a fact that is missing for a
    customer does not count, one that is missing for a whole segment is 0.
    """
    ranks = 2 * facts.rank(pct=True) - 1 - 1 / facts.notna().sum().clip(lower=1)
    return ranks.groupby(labels).mean().reindex(range(count)).fillna(0.0)


def name_segments(facts: pd.DataFrame, labels: Ids, count: int, words: int) -> tuple[str, ...]:
    """Names from what distinguishes segments most; where two would be called alike, more is said, then numbers."""
    table = distinctions(facts[[name for name in FACTS if name in facts]], labels, count)
    said: list[list[str]] = []
    for segment in range(count):
        row = table.loc[segment]
        order = np.argsort(-np.abs(row.to_numpy(dtype=np.float64)), kind="stable")
        facts_in_order = [(str(row.index[at]), float(row.iloc[at])) for at in order]
        said.append([FACTS[fact][int(away > 0)] for fact, away in facts_in_order if abs(away) > 0.05])
    names: list[str] = []
    for segment in range(count):
        others = [other for other in range(count) if other != segment]
        length = words
        while length < len(said[segment]) and any(said[o][:length] == said[segment][:length] for o in others):
            length += 1
        name = ", ".join(said[segment][:length]) or "average"
        names.append(name if name not in names else f"{name} ({sum(n.startswith(name) for n in names) + 1})")
    return tuple(names)


def facts_of(inputs: RecordInputs, rows: Ids) -> pd.DataFrame:
    """Columns of `FACTS` and `SHOWN` that the records have, for some rows."""
    wanted = [name for name in dict.fromkeys((*FACTS, *SHOWN)) if name in inputs.numeric_names]
    places = [inputs.numeric_names.index(name) for name in wanted]
    return pd.DataFrame(inputs.numeric[rows][:, places].astype(np.float64), columns=wanted)


def rfm_groups(facts: pd.DataFrame, known: pd.DataFrame, count: int) -> Ids:
    """What marketing would do instead: quintile scores of recency, frequency and value, added up, in ``count`` groups.

    Args:
        facts: customers to be grouped. known: training customers, from whom quintiles are taken.
        count: about as many groups.
    """
    columns = {"purchase_recency_days": -1.0, "purchases_total": 1.0, "spend_total": 1.0}
    total, of_known = np.zeros(len(facts)), np.zeros(len(known))
    for name, sign in columns.items():
        if name not in facts:
            continue
        mine, theirs = (np.nan_to_num(sign * frame[name].to_numpy(), nan=-1e9) for frame in (facts, known))
        cuts = np.quantile(theirs, np.arange(1, 5) / 5)
        total += np.searchsorted(cuts, mine)
        of_known += np.searchsorted(cuts, theirs)
    bounds = np.unique(np.quantile(of_known, np.arange(1, count) / count))
    return np.asarray(np.searchsorted(bounds, total, side="left"), dtype=np.int64)


def worth_of_groups(groups: Ids, known_groups: Ids, inputs: RecordInputs, rows: Ids, known: Ids) -> dict[str, float]:
    """What knowing the group of a test customer tells of what follows.

    Each group states its training members' share of buyers and mean spend (0 for who did not buy).

    Returns:
        ``purchase_auc`` and ``spend_r2`` over the test records, and ``spread``: highest less lowest share of buyers.
    """
    bought, spent = inputs.labels[known], np.nan_to_num(inputs.amount[known].astype(np.float64))
    table = pd.DataFrame({"group": known_groups, "bought": bought, "spent": spent}).groupby("group").mean()
    everybody = pd.Series({"bought": bought.mean(), "spent": spent.mean()})
    told = table.reindex(groups).fillna(everybody)
    truth = inputs.labels[rows]
    shares = pd.Series(truth).groupby(groups).mean()
    worth = np.nan_to_num(inputs.amount[rows].astype(np.float64))
    return {
        "purchase_auc": float(roc_auc_score(truth, told["bought"])) if len(np.unique(truth)) > 1 else float("nan"),
        "spend_r2": float(r2_score(worth, told["spent"])) if worth.std() > 0 else float("nan"),
        "spread": float(shares.max() - shares.min()),
    }
