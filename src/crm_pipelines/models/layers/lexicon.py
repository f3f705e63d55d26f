"""VADER's lexicon as numbers of a document: its scores as a whole, of its summary, and sentence by sentence."""

from typing import Final

import numpy as np

from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.text.valence import CHUNK, Words, compounds

MOST_SENTENCES: Final = 30
CLEARLY: Final = 0.05
"""Compound scores beyond this are called positive, below its negative negative, as VADER's authors do."""
WIDTH: Final = 10


def lexicon_numbers(inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
    """(B, `WIDTH`) float32 of document rows (B,): summary, text; lowest, highest, mean, first, last sentence; share
    of clearly negative and of clearly positive ones; logarithm of the length. Sentences are the first `MOST_SENTENCES`.
    """
    parts = [_numbers(inputs, rows[start : start + CHUNK]) for start in range(0, len(rows), CHUNK)]
    return np.concatenate([np.zeros((0, WIDTH), dtype=np.float32), *parts])


def _numbers(inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
    texts = [str(text) for text in inputs.text[rows]]
    words = Words.of(texts)
    starts, counts = words.sentences()
    end = np.cumsum(counts)
    place = np.arange(end[-1]) - np.repeat(end - counts, counts)
    kept = place < MOST_SENTENCES
    score = words.compounds(starts)[kept]
    counts = np.minimum(counts, MOST_SENTENCES)
    last = np.cumsum(counts) - 1
    first = last + 1 - counts
    columns = (
        compounds([str(summary) for summary in inputs.summary[rows]]),
        words.compounds(words.starts),
        np.minimum.reduceat(score, first),
        np.maximum.reduceat(score, first),
        np.add.reduceat(score, first) / counts,
        score[first],
        score[last],
        np.add.reduceat(score < -CLEARLY, first, dtype=np.float64) / counts,
        np.add.reduceat(score > CLEARLY, first, dtype=np.float64) / counts,
        np.log1p([len(text) for text in texts]),
    )
    return np.column_stack(columns).astype(np.float32)
