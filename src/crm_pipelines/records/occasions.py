"""Moments of customers: what each did at one time, merged, in the order of customer and time.

Lines of one invoice, or clicks of one second, are one moment. What is known of a customer before a reference date is
then a contiguous slice, so that totals are sums over masks and the latest moments are gathers; nothing loops over
customers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c

DAY: Final = 86_400

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Occasions:
    """M moments of U customers.

    Attributes:
        ids: (U) customers.
        customer: (M) position in ``ids``, ascending. time: (M) UTC seconds, ascending within a customer.
        counts: (M, B) events of each of ``behaviours``. value: (M) sum of their values.
        new_items: (M) events with an item that the customer had not met before.
        counted: (M) whether the moment holds an event that counts as the outcome. worth: (M) value of those.
        behaviours: names of the B columns.
    """

    ids: pd.Index
    customer: Ids
    time: Ids
    counts: Floats
    value: Floats
    new_items: Floats
    counted: NDArray[np.bool_]
    worth: Floats
    behaviours: tuple[str, ...]

    @classmethod
    def of(cls, log: pd.DataFrame, counted: Sequence[str], behaviours: Sequence[str]) -> "Occasions":
        """Merge the events of a log.

        Args:
            log: ``customer_id, item_id, timestamp, behaviour, value``, in any order.
            counted: labels that count as the outcome; all where empty.
            behaviours: every label.
        """
        codes, ids = pd.factorize(log[c.CUSTOMER_ID], sort=True)
        time = log[c.TIMESTAMP].to_numpy(dtype=np.int64)
        order = np.lexsort((time, codes))
        codes, time = codes[order].astype(np.int64), time[order]
        behaviour = pd.Categorical(log[c.BEHAVIOUR].to_numpy()[order], categories=list(behaviours)).codes
        value = np.nan_to_num(log[c.VALUE].to_numpy(dtype=np.float64)[order])
        item = pd.factorize(log[c.ITEM_ID])[0][order]
        is_new = ~pd.DataFrame({"c": codes, "i": item}).duplicated().to_numpy()
        wanted = np.asarray([not counted or name in counted for name in behaviours], dtype=bool)
        counts_it = wanted[behaviour] if len(behaviour) else np.zeros(0, dtype=bool)
        begins = np.ones(len(codes), dtype=bool)
        begins[1:] = (codes[1:] != codes[:-1]) | (time[1:] != time[:-1])
        group = np.cumsum(begins) - 1
        size = int(begins.sum())
        counts = np.zeros((size, len(behaviours)))
        np.add.at(counts, (group, behaviour), 1.0)

        def total(weights: NDArray[Any]) -> Floats:
            sums: Floats = np.bincount(group, weights=weights.astype(np.float64), minlength=size).astype(np.float64)
            return sums

        return cls(
            ids=pd.Index(ids),
            customer=codes[begins],
            time=time[begins],
            counts=counts,
            value=total(value),
            new_items=total(is_new),
            counted=total(counts_it) > 0,
            worth=total(np.where(counts_it, value, 0.0)),
            behaviours=tuple(behaviours),
        )

    @cached_property
    def start(self) -> Ids:
        """(U + 1) first moment of each customer."""
        return np.searchsorted(self.customer, np.arange(len(self.ids) + 1)).astype(np.int64)

    def before(self, reference: int) -> Ids:
        """(U) number of each customer's moments before ``reference``."""
        inside = self.time < reference
        return np.bincount(self.customer[inside], minlength=len(self.ids)).astype(np.int64)

    def rows(self, customers: pd.Index) -> Ids:
        """Positions of customers in ``ids``; -1 for those without a moment."""
        return np.asarray(self.ids.get_indexer(customers), dtype=np.int64)

    # -- the sequence of moments -------------------------------------------------------------------------------
    @property
    def event_names(self) -> tuple[str, ...]:
        """Names of what `events` tells of a moment."""
        return ("age", "gap", "counted", "value", "new items", *self.behaviours, "weekday sin", "weekday cos")

    def events(self, references: Ids, customers: pd.Index, length: int) -> NDArray[np.float32]:
        """(n, length, E) the latest moments before each record's reference, oldest first; nan where there is none.

        Ages and gaps are logarithms of days, counts and values logarithms too, so that nothing has to be fitted.
        """
        rows = self.rows(customers)
        known = rows >= 0
        span = int(self.time.max(initial=0)) + 2
        key = self.customer * span + self.time  # ascending
        end = np.searchsorted(key, np.where(known, rows, 0) * span + np.minimum(references, span - 1))
        begin = self.start[np.where(known, rows, 0)]
        place = end[:, None] - length + np.arange(length)  # (n, length)
        there = (place >= begin[:, None]) & known[:, None]
        at = np.where(there, place, 0)
        out = np.empty((len(rows), length, len(self.event_names)), dtype=np.float32)
        out[:, :, 0] = np.log1p(np.maximum(references[:, None] - self.time[at], 0) / DAY)
        out[:, :, 1:] = self._facts[at]
        out[~there] = np.nan
        return out

    @cached_property
    def _facts(self) -> NDArray[np.float32]:
        """(M, E - 1) all that does not depend on the reference."""
        gap = np.zeros(len(self.time))
        same = self.customer[1:] == self.customer[:-1]
        gap[1:] = np.where(same, (self.time[1:] - self.time[:-1]) / DAY, 0.0)
        angle = 2 * np.pi * ((self.time // DAY + 4) % 7) / 7  # 1970-01-01 was a Thursday
        columns = [
            np.log1p(gap),
            self.counted.astype(np.float64),
            np.sign(self.value) * np.log1p(np.abs(self.value)),
            np.log1p(self.new_items),
            *np.log1p(self.counts).T,
            np.sin(angle),
            np.cos(angle),
        ]
        return np.stack(columns, axis=1).astype(np.float32)

    # -- what is bought ----------------------------------------------------------------------------------------
    @cached_property
    def purchases(self) -> "Purchases":
        """The moments that count."""
        keep = self.counted
        return Purchases(
            self.ids, self.customer[keep], self.time[keep], self.worth[keep], self.counts[keep].sum(1),
            self.new_items[keep],
        )  # fmt: skip


@dataclass(frozen=True, eq=False)
class Purchases:
    """Purchases of customers: ``customer`` and ``time`` ascending, ``worth``, ``lines`` and ``new_items`` of each."""

    ids: pd.Index
    customer: Ids
    time: Ids
    worth: Floats
    lines: Floats
    new_items: Floats

    def next_amount(self, reference: int, days: float, customers: pd.Index) -> Floats:
        """(n,) worth of each customer's first purchase in the ``days`` from ``reference``; nan without one."""
        ahead = (self.time >= reference) & (self.time < reference + round(days * DAY))
        out = np.full(len(self.ids) + 1, np.nan)
        out[self.customer[ahead][::-1]] = self.worth[ahead][::-1]  # of several, the first in time is written last
        return out[self.ids.get_indexer(customers)]


@dataclass(frozen=True)
class PurchaseTotals:
    """Recency, frequency, value and rhythm of purchases before a reference date, as columns of a record.

    Attributes:
        purchases: of the log.
        days: length of the period of the outcome, in whose multiples recent purchases are counted.
    """

    purchases: Purchases
    days: float

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        d = f"{self.days:g}"
        return (
            *("purchase_recency_days", "purchase_tenure_days", "purchases_total", "purchase_days", "spend_total"),
            *("spend_mean", "spend_last", "lines_mean", "new_items_share"),
            *(f"purchases_{times}x{d}_days" for times in (1, 2, 3, 6)),
            *(f"spend_{times}x{d}_days" for times in (1, 3)),
            *("purchases_decayed_fast", "purchases_decayed_slow", "spend_decayed"),
            *("gap_mean_days", "gap_spread_days", "gap_last_days", "recency_per_purchase_gap", "gap_due_share"),
        )

    def at(self, reference: int, customers: pd.Index) -> Floats:
        """(n, columns); counts are 0 and the rest nan for customers without a purchase."""
        p = self.purchases
        size = len(p.ids)
        past = p.time < reference
        who, time, worth = p.customer[past], p.time[past], p.worth[past]
        age = (reference - time) / DAY

        def total(weights: NDArray[Any]) -> Floats:
            sums: Floats = np.bincount(who, weights=weights.astype(np.float64), minlength=size).astype(np.float64)
            return sums

        n = total(np.ones(len(who)))
        none = np.where(n > 0, 1.0, np.nan)
        last, first, latest_worth = (np.full(size, np.nan) for _ in range(3))
        last[who] = age  # ascending in time: the last one written is the latest
        latest_worth[who] = worth
        first[who[::-1]] = age[::-1]
        day = time // DAY
        new_day = np.ones(len(who), dtype=bool)
        new_day[1:] = (who[1:] != who[:-1]) | (day[1:] != day[:-1])
        days = total(new_day)
        # Gaps between different days of purchase.
        d_who, d_day = who[new_day], day[new_day]
        same = np.zeros(len(d_who), dtype=bool)
        same[1:] = d_who[1:] == d_who[:-1]
        gap = np.zeros(len(d_who))
        gap[1:] = d_day[1:] - d_day[:-1]
        g_who, gap = d_who[same], gap[same]
        gaps = np.bincount(g_who, minlength=size).astype(np.float64)
        mean = np.bincount(g_who, weights=gap, minlength=size) / np.where(gaps > 0, gaps, np.nan)
        square = np.bincount(g_who, weights=gap**2, minlength=size) / np.where(gaps > 0, gaps, np.nan)
        last_gap = np.full(size, np.nan)
        last_gap[g_who] = gap
        longer = gap > last[g_who]
        due = longer & (gap <= last[g_who] + self.days)
        longer_n = np.bincount(g_who, weights=longer, minlength=size)
        due_n = np.bincount(g_who, weights=due, minlength=size)
        columns = [
            *(last, first, n, days, total(worth)),
            *(total(worth) / n.clip(1) * none, latest_worth),
            total(p.lines[past]) / n.clip(1) * none,
            total(p.new_items[past]) / total(p.lines[past]).clip(1) * none,
            *(total(age <= times * self.days) for times in (1, 2, 3, 6)),
            *(total(np.where(age <= times * self.days, worth, 0.0)) for times in (1, 3)),
            *(total(np.exp(-age / (times * self.days))) for times in (1, 3)),
            total(worth * np.exp(-age / (3 * self.days))),
            *(mean, np.sqrt(np.maximum(square - mean**2, 0.0)), last_gap, last / np.where(mean > 0, mean, np.nan)),
            (due_n + 0.5) / (longer_n + 1.0),
        ]
        table = np.vstack([np.stack(columns, axis=1), np.full(len(columns), np.nan)])  # the last row: nobody's
        found: Floats = table[p.ids.get_indexer(customers)]
        return found
