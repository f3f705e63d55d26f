"""TF-IDF of texts, projected to a few dimensions, and its mean over what an entity was told *before* an event.

Paper A: "we set the vocabulary size to 50,000 unique tokens, adopted unigram (1-gram) as the n-gram range, set the
minimum document frequency (min_df) to 5 ... and maximum document frequency (max_df) to 0.9 ... We also disabled
stop-word removal". Tokens are scikit-learn's own: lower-cased runs of two or more word characters.

A review is written after the behaviour it explains, so an event's own text is never an input to its prediction.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd
from safetensors.numpy import load_file, save_file
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer

from crm_pipelines.config import EncodingParameters
from crm_pipelines.events.index import EventIndex
from crm_pipelines.events.store import EventStore

Texts: TypeAlias = "Sequence[str | None] | npt.NDArray[np.object_] | pd.Series[Any]"
Int64 = npt.NDArray[np.int64]
Int32 = npt.NDArray[np.int32]
Float32 = npt.NDArray[np.float32]

_CHUNK: Final = 65_536
_FIXED_POINT: Final = 2.0**32
"""Projections lie in [-1, 1]; as 32-bit fractions in int64 they sum exactly over up to 2^31 events."""


@dataclass(frozen=True, eq=False)
class TextProjection:
    """TF-IDF followed by a truncated SVD (latent semantic analysis).

    Attributes:
        terms: the vocabulary, V words.
        idf: float32 (V,).
        components: float32 (D, V); the projection of a document is ``tfidf @ components.T``.
        note: why D is smaller than asked, or empty.
    """

    terms: tuple[str, ...]
    idf: Float32
    components: Float32
    note: str = ""

    @property
    def width(self) -> int:
        """D, the number of dimensions; 0 where no word occurs in enough documents."""
        return len(self.components)

    @classmethod
    def fit(cls, texts: Texts, parameters: EncodingParameters) -> Self:
        """Fit on the given documents; missing and blank ones are left out.

        The width is ``text_dimensions``, or the number of words or documents if there are fewer.
        """
        documents = _as_strings(texts)
        documents = documents[documents != ""]
        vectorizer = TfidfVectorizer(
            max_features=parameters.tfidf_vocabulary,
            min_df=parameters.tfidf_min_df,
            max_df=parameters.tfidf_max_df,
            dtype=np.float32,
        )
        try:
            tfidf = vectorizer.fit_transform(documents)
        except ValueError:  # the one way it says that no word is within min_df and max_df
            note = f"no word occurs in at least {parameters.tfidf_min_df} of the {len(documents)} training texts"
            return cls((), np.empty(0, np.float32), np.empty((0, 0), np.float32), note)
        n_terms = tfidf.shape[1]
        width = min(parameters.text_dimensions, *tfidf.shape)
        if width == n_terms:  # nothing to compress
            components = np.eye(n_terms, dtype=np.float32)
        else:
            svd = TruncatedSVD(width, random_state=parameters.seed).fit(tfidf)
            components = np.ascontiguousarray(svd.components_, dtype=np.float32)
        short = width < parameters.text_dimensions
        note = f"{len(documents)} training texts with {n_terms} words give {width} dimensions" if short else ""
        terms = tuple(str(term) for term in vectorizer.get_feature_names_out())
        return cls(terms, np.asarray(vectorizer.idf_, dtype=np.float32), components, note)

    def transform(self, texts: Texts) -> Float32:
        """Project N texts, float32 (N, D) in [-1, 1]; a missing one becomes zeros."""
        documents = _as_strings(texts)
        projected = np.zeros((len(documents), self.width), dtype=np.float32)
        if self.width:
            vectorizer = TfidfVectorizer(vocabulary=list(self.terms), dtype=np.float32)
            vectorizer.idf_ = self.idf
            for start in range(0, len(documents), _CHUNK):
                part = slice(start, start + _CHUNK)
                projected[part] = vectorizer.transform(documents[part]) @ self.components.T
        return projected

    def save(self, directory: Path) -> None:
        """Write ``projection.json`` and ``projection.safetensors``."""
        directory.mkdir(parents=True, exist_ok=True)
        described = json.dumps({"terms": self.terms, "note": self.note}, ensure_ascii=False)
        (directory / "projection.json").write_text(described, encoding="utf-8")
        save_file({"idf": self.idf, "components": self.components}, directory / "projection.safetensors")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Inverse of `save`."""
        described = json.loads((directory / "projection.json").read_text(encoding="utf-8"))
        arrays = load_file(directory / "projection.safetensors")
        return cls(tuple(described["terms"]), arrays["idf"], arrays["components"], described["note"])


@dataclass(frozen=True, eq=False)
class PastTexts:
    """What was written before each of N events.

    Attributes:
        features: float32 (N, 2 D): mean projection of the customer's, then of the item's past texts; 0 for none.
        counts: int32 (N, 2): how many past texts that is.
        names: of the 2 D features.
    """

    features: Float32
    counts: Int32
    names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class PastTextEncoder:
    """Describes each event by the texts its customer and its item had before it."""

    projection: TextProjection

    @classmethod
    def fit(cls, texts: Texts, training: Int64, parameters: EncodingParameters) -> Self:
        """Fit the projection on the texts of the training events.

        Args:
            texts: one per event (N,), null where it has none.
            training: ids of training events.
            parameters: TF-IDF limits, dimensions and seed.
        """
        return cls(TextProjection.fit(_as_strings(texts)[training], parameters))

    def encode(self, texts: Texts, store: EventStore) -> PastTexts:
        """Past texts of every event of the store; texts of the same second or later are not past."""
        documents = _as_strings(texts)
        projected, present = self.projection.transform(documents), documents != ""
        parts, counts, names = [], [], []
        for side, index in (("customer", store.customers), ("item", store.items)):
            means, count = past_means(index, projected, present, *index.spans(np.arange(len(store))))
            parts.append(means)
            counts.append(count)
            names += [f"{side}_text_{dimension}" for dimension in range(self.projection.width)]
        return PastTexts(np.hstack(parts), np.column_stack(counts), tuple(names))

    def save(self, directory: Path) -> None:
        """Write the fitted projection."""
        self.projection.save(directory)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Inverse of `save`."""
        return cls(TextProjection.load(directory))


def past_means(
    index: EventIndex, projected: Float32, present: npt.NDArray[np.bool_], start: Int64, end: Int64
) -> tuple[Float32, Int32]:
    """Mean projection of the texts in the slices ``events[start:end]``.

    One prefix sum per dimension answers every query. It is exact (integers), so a mean depends on its own texts
    only and never on rounding errors left by the rest of the log.

    Args:
        index: one side of the event store.
        projected: float32 (n_events, D) in [-1, 1].
        present: bool (n_events,), whether the event has a text.
        start: (B,) first slot of each slice: of ``EventIndex.spans``, or ``EventIndex.start`` for new queries.
        end: (B,) one past its last slot: of ``EventIndex.spans``, or ``EventIndex.lookup`` for new queries.

    Returns:
        Means float32 (B, D), zero where there is no text, and counts int32 (B,).
    """

    def total(values: npt.NDArray[Any]) -> Int64:
        sums = np.zeros(len(values) + 1, dtype=np.int64)
        np.cumsum(values[index.events], out=sums[1:])
        return sums[end] - sums[start]

    count = total(present.astype(np.int64))
    means = np.empty((len(count), projected.shape[1]), dtype=np.float32)
    divisor = np.maximum(count, 1) * _FIXED_POINT
    for dimension in range(projected.shape[1]):
        fixed = np.rint(projected[:, dimension] * _FIXED_POINT).astype(np.int64)
        means[:, dimension] = total(fixed) / divisor
    return means, count.astype(np.int32)


def _as_strings(texts: Texts) -> npt.NDArray[np.object_]:
    """As an object array of str; missing and blank texts are empty."""
    cells = pd.Series(texts, dtype="object")
    blank = cells.isna() | (cells.astype("str").str.strip() == "")
    return cells.mask(blank, "").to_numpy(dtype=object)
