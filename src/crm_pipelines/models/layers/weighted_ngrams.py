"""TF-IDF of hashed n-grams in blocks, and the weights of a linear model on them.

Sublinear term frequency and smoothed inverse document frequency as in scikit-learn's ``TfidfVectorizer``; each block is
brought to length 1 by itself, so that a short summary counts as much as a long text.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import scipy.sparse as sp
import torch
from pydantic import Field
from torch import Tensor

from crm_pipelines.config import Parameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.text import ngrams
from crm_pipelines.text.ngrams import MOST_BITS, NGrams


class NGramParameters(Parameters):
    """What is counted.

    Attributes:
        words: longest run of words. characters: shortest and longest run of characters. bits: 2^bits buckets a kind.
        least: documents of the training part an n-gram must be in.
        summary: count the words of the summary apart, too.
    """

    words: int = Field(default=2, ge=1, le=4)
    characters: tuple[int, int] = (2, 5)
    bits: int = Field(default=20, ge=10, le=MOST_BITS)
    least: int = Field(default=2, ge=1)
    summary: bool = True


class WeightedNGrams:
    """Blocks: words and characters of summary and text together, and the words of the summary.

    Attributes:
        idf: by block, (buckets,) inverse document frequency; 0 for n-grams that are too rare.
    """

    def __init__(self, parameters: NGramParameters) -> None:
        self.parameters = parameters
        self.idf: list[np.ndarray] = []

    def _blocks(self) -> int:
        return 1 + (self.parameters.characters[1] > 0) + self.parameters.summary

    def counts(self, inputs: TextInputs, rows: np.ndarray) -> list[sp.csr_matrix]:
        """Raw counts of each block."""
        p = self.parameters
        words = NGrams(p.words, (0, 0), p.bits)
        kinds = [words, *([NGrams(0, p.characters, p.bits)] if p.characters[1] else [])]
        both = [f"{inputs.summary[i]}\n{inputs.text[i]}" if inputs.summary[i] else inputs.text[i] for i in rows]
        alone = [words.counts([inputs.summary[i] for i in rows])] if p.summary else []
        return [*ngrams.counts(both, kinds), *alone]

    def fit(self, counts: Sequence[sp.csr_matrix]) -> None:
        """Inverse document frequencies of raw counts of training documents."""
        self.idf = []
        for block in counts:
            frequency = np.bincount(block.indices, minlength=block.shape[1])
            idf = np.log((1 + block.shape[0]) / (1 + frequency)) + 1
            self.idf.append(np.where(frequency >= self.parameters.least, idf, 0).astype(np.float32))

    @property
    def width(self) -> int:
        """Columns of the matrix."""
        return int(sum((idf > 0).sum() for idf in self.idf))

    def weigh(self, counts: Sequence[sp.csr_matrix]) -> sp.csr_matrix:
        """TF-IDF (B, `width`) float32 of raw counts."""
        return sp.hstack([self._weigh(block, idf) for block, idf in zip(counts, self.idf, strict=True)], format="csr")

    def transform(self, inputs: TextInputs, rows: np.ndarray) -> sp.csr_matrix:
        """TF-IDF (B, `width`) of document rows (B,)."""
        return self.weigh(self.counts(inputs, rows))

    def spread(self, coefficients: np.ndarray) -> list[np.ndarray]:
        """Coefficients (C, `width`) as one table (buckets, C) float32 per block, times the inverse frequencies."""
        tables, start = [], 0
        for idf in self.idf:
            known = np.flatnonzero(idf)
            table = np.zeros((len(idf), len(coefficients)), dtype=np.float32)
            table[known] = coefficients[:, start : start + len(known)].T * idf[known, None]
            tables.append(table)
            start += len(known)
        return tables

    def scores(self, inputs: TextInputs, rows: np.ndarray, tables: Sequence[np.ndarray]) -> np.ndarray:
        """TF-IDF times coefficients (B, C) of document rows (B,), from what :meth:`spread` gave: the matrix is not
        made.
        """
        total = np.zeros((len(rows), tables[0].shape[1]), dtype=np.float64)
        for block, idf, table in zip(self.counts(inputs, rows), self.idf, tables, strict=True):
            block.data = 1 + np.log(block.data)
            found = block @ table
            block.data *= block.data
            total += found / np.sqrt(np.maximum(block @ (idf * idf), 1e-24))[:, None]
        return total

    @staticmethod
    def _weigh(counts: sp.csr_matrix, idf: np.ndarray) -> sp.csr_matrix:
        weights = idf[counts.indices]
        kept = weights > 0
        ends = np.concatenate([[0], np.cumsum(kept)])[counts.indptr]
        values = ((1 + np.log(counts.data)) * weights)[kept]
        rows = np.repeat(np.arange(counts.shape[0]), np.diff(ends))
        norm = np.sqrt(np.bincount(rows, weights=values.astype(np.float64) ** 2, minlength=counts.shape[0]))
        values = values / np.maximum(norm, 1e-12)[rows]
        place = np.cumsum(idf > 0) - 1
        columns = place[counts.indices[kept]].astype(np.int32)
        shape = (counts.shape[0], int((idf > 0).sum()))
        return sp.csr_matrix((values.astype(np.float32), columns, ends.astype(np.int32)), shape=shape)

    def state(self) -> dict[str, Tensor]:
        """The fitted arrays, to be saved."""
        return {f"idf_{number}": torch.from_numpy(idf) for number, idf in enumerate(self.idf)}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Take over what :meth:`state` gave."""
        self.idf = [state[f"idf_{number}"].numpy() for number in range(self._blocks())]


def full_coefficients(estimator: Any, classes: int) -> tuple[np.ndarray, np.ndarray]:
    """Coefficients (C, F) and intercepts (C,) of all classes, whatever scikit-learn keeps of two or of absent ones."""
    rows, intercept = estimator.coef_, estimator.intercept_
    if len(estimator.classes_) == 2:
        rows, intercept = np.vstack([-rows, rows]) / 2, np.array([-intercept[0], intercept[0]]) / 2
    full, bias = np.zeros((classes, rows.shape[1]), dtype=np.float32), np.full(classes, -30.0)
    full[estimator.classes_], bias[estimator.classes_] = rows, intercept
    return full, bias


def softmax(scores: np.ndarray) -> np.ndarray:
    """Probabilities (B, C) from scores (B, C)."""
    shifted = np.exp(scores - scores.max(axis=1, keepdims=True))
    out: np.ndarray = shifted / shifted.sum(axis=1, keepdims=True)
    return out
