"""What customers have said before a reference date: the text side of a customer's profile.

Every number comes from documents dated strictly before the reference date; documents without a customer or a time are
left out and counted. A customer who has said nothing has nan throughout, which is the mask of that modality.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c

DAY: Final = 86_400
LATEST: Final = 3
"""Documents that say how a customer feels now."""
NEEDED: Final = (
    *(c.DOCUMENT_ID, c.CUSTOMER_ID, c.TIMESTAMP, c.CHANNEL, c.THEME, c.ENTITIES, c.SENTIMENT),
    *("p_negative", "p_neutral", "p_positive"),
    *c.EMBEDDING_COLUMNS,
)
"""Columns of ``document_profiles`` that are read."""

Floats = NDArray[np.float64]
Ids = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Voices:
    """Documents of customers, by customer and time.

    Attributes:
        ids: (U) customers who wrote. customer: (D) position in ``ids``, ascending. time: (D) UTC seconds, ascending
            within a customer.
        mood: (D) p_positive - p_negative, nan where a document has no sentiment.
        vectors: (D, W) embeddings.
        days: length of the period of the outcome: what counts as lately.
        present: whether the source has documents at all; without any there are no columns and no modality.
        left_out: documents without a customer or a time.
    """

    ids: pd.Index
    customer: Ids
    time: Ids
    mood: Floats
    vectors: Floats
    days: float
    present: bool
    left_out: int = 0

    @classmethod
    def of(cls, documents: pd.DataFrame, days: float, present: bool | None = None) -> "Voices":
        """From ``document_profiles``, in any order; ``present`` where these are of some customers only."""
        usable = (documents[c.CUSTOMER_ID].notna() & documents[c.TIMESTAMP].notna()).to_numpy()
        known = documents[usable]
        codes, ids = pd.factorize(known[c.CUSTOMER_ID], sort=True)
        time = known[c.TIMESTAMP].to_numpy(dtype=np.int64)
        order = np.lexsort((time, codes))
        mood = (known["p_positive"] - known["p_negative"]).to_numpy(dtype=np.float64, na_value=np.nan)
        return cls(
            ids=pd.Index(ids),
            customer=codes[order].astype(np.int64),
            time=time[order],
            mood=mood[order],
            vectors=known[list(c.EMBEDDING_COLUMNS)].to_numpy(dtype=np.float64)[order],
            days=days,
            present=bool(usable.any()) if present is None else present,
            left_out=int((~usable).sum()),
        )

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns of `at`."""
        if not self.present:
            return ()
        lately = f"documents_{self.days:g}_days"
        return ("documents_total", lately, "days_since_document", "sentiment", "sentiment_now", "sentiment_trend")

    def at(self, reference: int, customers: pd.Index) -> Floats:
        """(n, 6) numbers of documents, days since the last, mean sentiment, that of the latest, and its change."""
        rows = np.asarray(self.ids.get_indexer(customers), dtype=np.int64)
        if not self.present:
            return np.empty((len(rows), 0))
        size = len(self.ids)
        past = self.time < reference
        who, age = self.customer[past], (reference - self.time[past]) / DAY
        mood = self.mood[past]
        felt = ~np.isnan(mood)
        n = np.bincount(who, minlength=size).astype(np.float64)
        lately = np.bincount(who, weights=age <= self.days, minlength=size)
        since = np.full(size, np.nan)
        since[who] = age
        mean = _mean(who[felt], mood[felt], size)
        rank = _from_the_end(who[felt])
        new, old = rank < LATEST, rank >= LATEST
        now = _mean(who[felt][new], mood[felt][new], size)
        earlier = _mean(who[felt][old], mood[felt][old], size)
        table = np.stack([n, lately, since, mean, now, now - earlier], axis=1)
        table[n == 0, 2:] = np.nan
        out = np.full((len(rows), table.shape[1]), np.nan)
        out[:, :2] = 0.0
        known = rows >= 0
        out[known] = table[rows[known]]
        return out

    def profile(self, references: Ids, customers: pd.Index) -> NDArray[np.float32]:
        """(n, W + 3) of records: mean embedding, mean sentiment, its latest, log of the number; nan for the silent."""
        rows = np.asarray(self.ids.get_indexer(customers), dtype=np.int64)
        out = np.full((len(rows), self.vectors.shape[1] + 3), np.nan, dtype=np.float32)
        for reference in np.unique(references):
            at = np.flatnonzero((references == reference) & (rows >= 0))
            numbers = self.at(int(reference), customers[at])
            spoke = numbers[:, 0] > 0 if len(at) else np.zeros(0, dtype=bool)
            end = np.searchsorted(self._key, rows[at] * self._span + min(int(reference), self._span - 1))
            begin = np.searchsorted(self.customer, rows[at])
            total = self._sums[end] - self._sums[begin]
            mean = total / np.maximum(end - begin, 1)[:, None]
            found = np.column_stack([mean, np.nan_to_num(numbers[:, 3:5]), np.log1p(numbers[:, 0])])
            out[at[spoke]] = found[spoke]
        return out

    @cached_property
    def _span(self) -> int:
        return int(self.time.max(initial=0)) + 2

    @cached_property
    def _key(self) -> Ids:
        keys: Ids = self.customer * self._span + self.time
        return keys

    @cached_property
    def _sums(self) -> Floats:
        """(D + 1, W) running sums of the embeddings."""
        return np.vstack([np.zeros(self.vectors.shape[1]), np.cumsum(self.vectors, axis=0)])


def _mean(who: Ids, values: Floats, size: int) -> Floats:
    n = np.bincount(who, minlength=size)
    total = np.bincount(who, weights=values, minlength=size)
    out = np.full(size, np.nan)
    np.divide(total, n, out=out, where=n > 0)
    return out


def _from_the_end(who: Ids) -> Ids:
    """Place of each document among its customer's, 0 for the latest; ``who`` ascending."""
    end = np.searchsorted(who, who, side="right")
    return np.asarray(end - 1 - np.arange(len(who)), dtype=np.int64)
