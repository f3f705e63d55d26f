"""VADER's lexicon as numbers of a document: its scores as a whole, of its summary, and sentence by sentence.

Hutto and Gilbert 2014, "VADER: a parsimonious rule-based model for sentiment analysis of social media text", ICWSM.
"""

import re
from functools import cache, lru_cache
from typing import Any, Final

import numpy as np

from crm_pipelines.documents.inputs import TextInputs

_SENTENCES: Final = re.compile(r"(?<=[.!?])\s+")
MOST_SENTENCES: Final = 30
CLEARLY: Final = 0.05
"""Compound scores beyond this are called positive, below its negative negative, as VADER's authors do."""
WIDTH: Final = 10


@lru_cache(maxsize=1 << 17)
def compound(text: str) -> float:
    """VADER's score of a text, in [-1, 1]; each text is scored once in a process, since folds share documents."""
    return float(_analyser().polarity_scores(text)["compound"])


@lru_cache(maxsize=1 << 17)
def _numbers(summary: str, text: str) -> tuple[float, ...]:
    found = [compound(each) for each in _SENTENCES.split(text)[:MOST_SENTENCES] if each] or [0.0]
    scores = np.array(found)
    return (
        *(compound(summary), compound(text), scores.min(), scores.max(), scores.mean(), scores[0], scores[-1]),
        *(float((scores < -CLEARLY).mean()), float((scores > CLEARLY).mean()), float(np.log1p(len(text)))),
    )


def lexicon_numbers(inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
    """(B, `WIDTH`) float32 of document rows (B,): summary, text; lowest, highest, mean, first, last sentence; share
    of clearly negative and of clearly positive ones; logarithm of the length.
    """
    found = [_numbers(str(inputs.summary[row]), str(inputs.text[row])) for row in rows]
    return np.array(found, dtype=np.float32).reshape(len(rows), WIDTH)


def forget() -> None:
    """Forget the scores of texts, so that whoever measures a model's speed does not measure its memory."""
    compound.cache_clear()
    _numbers.cache_clear()


@cache
def _analyser() -> Any:
    from vaderSentiment.vaderSentiment import SentimentIntensityAnalyzer

    return SentimentIntensityAnalyzer()
