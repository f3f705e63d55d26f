"""CRM segments of customers by recency, frequency and value: where the class prototypes of TFP-Net start.

Paper A initialises its prototypes from CRM segments; recency-frequency-value with k-means is the customary
reading (Bult & Wansbeek 1995).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.cluster import KMeans

from crm_pipelines.events.store import EventStore

NO_SEGMENT: Final = -1
"""Segment of a customer without training events."""

RFV: Final = ("recency", "frequency", "value")
_WORDS: Final = (("lapsed", "recent"), ("rare", "frequent"), ("low value", "high value"))
_FITTED_ON: Final = 200_000
"""Customers that k-means sees at most; a random sample of more would move the centres by next to nothing."""

Floats = npt.NDArray[np.float64]


def rfv_table(
    store: EventStore, events: npt.NDArray[np.int64], at: int, time_unit: float, *, ratings: bool
) -> pd.DataFrame:
    """Recency, frequency and value of the customers who have one of the given events.

    Args:
        store: the event store.
        events: ids of the events that count, all before ``at``: the training part.
        at: UTC seconds from which recency is counted back: the start of validation.
        time_unit: seconds in the unit of recency.
        ratings: value is the mean rating; otherwise the number of events of the last declared class (a purchase).

    Returns:
        Index ``customer`` (dense id), columns `RFV`: time units since the last event, number of events, value.
    """
    customer = store.customer[events]
    frequency = np.bincount(customer, minlength=store.n_customers)
    last = np.full(store.n_customers, np.iinfo(np.int64).min)
    np.maximum.at(last, customer, store.timestamp[events])
    if ratings:
        rated = ~np.isnan(store.value[events])
        total = np.bincount(customer[rated], store.value[events][rated].astype(np.float64), store.n_customers)
        value = total / np.maximum(np.bincount(customer[rated], minlength=store.n_customers), 1)
    else:
        bought = store.behaviour[events] == len(store.classes) - 1
        value = np.bincount(customer[bought], minlength=store.n_customers).astype(np.float64)
    known = np.flatnonzero(frequency)
    columns = ((at - last[known]) / time_unit, frequency[known].astype(np.float64), value[known])
    return pd.DataFrame(dict(zip(RFV, columns, strict=True)), index=pd.Index(known, name="customer"))


@dataclass(frozen=True, eq=False)
class RfvSegments:
    """k-means clusters of log1p(recency, frequency, value), each standardised; best segment first.

    Attributes:
        mean, scale: (3,) of the logarithms over training customers.
        centres: (S, 3) in that space, ordered by frequency + value - recency, descending.
    """

    mean: Floats
    scale: Floats
    centres: Floats

    @classmethod
    def fit(cls, rfv: pd.DataFrame, n_segments: int, seed: int) -> Self:
        """Cluster training customers (see `rfv_table`); fewer segments where fewer customers differ."""
        if rfv.empty:
            return cls(np.zeros(3), np.ones(3), np.empty((0, 3)))
        logs = _logs(rfv)
        mean, scale = logs.mean(axis=0), logs.std(axis=0)
        scale = np.where(scale > 0, scale, 1.0)
        points = (logs - mean) / scale
        if len(points) > _FITTED_ON:
            points = points[np.random.default_rng(seed).choice(len(points), _FITTED_ON, replace=False)]
        distinct = len(np.unique(points, axis=0))
        fitted = KMeans(min(n_segments, distinct), n_init=10, random_state=seed).fit(points)
        centres = np.asarray(fitted.cluster_centers_, dtype=np.float64)
        best_first = np.argsort(centres @ np.array([1.0, -1.0, -1.0]), kind="stable")
        return cls(mean, scale, centres[best_first])

    @property
    def n_segments(self) -> int:
        """S, at most the number asked for."""
        return len(self.centres)

    def assign(self, rfv: pd.DataFrame, n_customers: int) -> npt.NDArray[np.int32]:
        """Nearest segment of each customer, int32 (n_customers,); `NO_SEGMENT` for those not in ``rfv``."""
        segment = np.full(n_customers, NO_SEGMENT, dtype=np.int32)
        if self.n_segments and len(rfv):
            points = (_logs(rfv) - self.mean) / self.scale
            distance = np.stack([((points - centre) ** 2).sum(axis=1) for centre in self.centres], axis=1)
            segment[rfv.index.to_numpy()] = distance.argmin(axis=1)
        return segment

    def describe(self, rfv: pd.DataFrame, segment: npt.NDArray[np.int32]) -> pd.DataFrame:
        """One line per segment: segment, name, customers, share and the medians of recency, frequency and value.

        A name says on which side of the average customer (of the logarithms) the segment's centre lies, for
        example ``recent, frequent, high value``; where two would share a name the number of the segment is added.
        What is the same for all customers is not named.
        """
        highs = self.centres * np.array([-1.0, 1.0, 1.0]) > 0
        told = [axis for axis in range(len(RFV)) if len(np.unique(self.centres[:, axis])) > 1]
        names = [", ".join(_WORDS[axis][int(row[axis])] for axis in told) or "all customers" for row in highs]
        names = [f"{name} ({i})" if names.count(name) > 1 else name for i, name in enumerate(names)]
        grouped = rfv.groupby(segment[rfv.index.to_numpy()])
        size = grouped.size().reindex(range(self.n_segments), fill_value=0)
        table = pd.DataFrame({"segment": range(self.n_segments), "name": names, "customers": size.to_numpy()})
        table["share"] = table["customers"] / max(len(rfv), 1)
        medians = grouped.median().reindex(range(self.n_segments))
        return table.join(medians.add_prefix("median_"), on="segment")

    def to_dict(self) -> dict[str, Any]:
        """As plain numbers, for JSON."""
        return {"mean": self.mean.tolist(), "scale": self.scale.tolist(), "centres": self.centres.tolist()}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Self:
        """Inverse of `to_dict`."""
        return cls(np.array(data["mean"]), np.array(data["scale"]), np.array(data["centres"]).reshape(-1, 3))


def _logs(rfv: pd.DataFrame) -> Floats:
    """log1p of the three columns; below 0 (an event after ``at``, a negative value) counts as 0."""
    logs: Floats = np.log1p(rfv[list(RFV)].clip(lower=0).to_numpy(np.float64))
    return logs
