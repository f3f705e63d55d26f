"""Spans of entities: from tags and back, and how well found ones agree with true ones."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

OUTSIDE = "O"


class Span(NamedTuple):
    """Tokens ``start`` to ``end`` (one past the last) of a sentence are an entity of ``type``."""

    start: int
    end: int
    type: str


@dataclass(frozen=True)
class Sentence:
    """Tokens and, where known, their BIO tags (``B-person``, ``I-person``, ``O``)."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...] = ()

    @property
    def spans(self) -> tuple[Span, ...]:
        """The entities that the tags mark."""
        return spans_of(self.tags)


def spans_of(tags: Sequence[str]) -> tuple[Span, ...]:
    """Entities of BIO tags; an ``I-`` that continues nothing of its type begins an entity, as CoNLL's scorer has it."""
    spans: list[Span] = []
    start, kind = 0, ""
    for position, tag in enumerate([*tags, OUTSIDE]):
        prefix, _, name = tag.partition("-")
        if kind and (prefix != "I" or name != kind):
            spans.append(Span(start, position, kind))
            kind = ""
        if prefix == "B" or (prefix == "I" and not kind):
            start, kind = position, name
    return tuple(spans)


def span_scores(true: Sequence[Sequence[Span]], found: Sequence[Sequence[Span]]) -> pd.DataFrame:
    """Exact matches of span and type: ``type, precision, recall, f1, true, found, right``, a row per type and ``all``.

    The row ``all`` counts every span alike (micro average). A ratio of nothing is 0.

    Raises:
        ValueError: the two differ in the number of sentences.
    """
    kinds = sorted({span.type for spans in (*true, *found) for span in spans})
    rows = []
    pairs = list(zip(map(set, true), map(set, found), strict=True))
    for kind in (*kinds, "all"):
        wanted = [
            ({s for s in a if kind in ("all", s.type)}, {s for s in b if kind in ("all", s.type)}) for a, b in pairs
        ]
        n_true, n_found = sum(len(a) for a, _ in wanted), sum(len(b) for _, b in wanted)
        right = sum(len(a & b) for a, b in wanted)
        precision, recall = right / max(n_found, 1), right / max(n_true, 1)
        f1 = 2 * precision * recall / (precision + recall) if right else 0.0
        rows.append((kind, precision, recall, f1, n_true, n_found, right))
    return pd.DataFrame(rows, columns=["type", "precision", "recall", "f1", "true", "found", "right"])
