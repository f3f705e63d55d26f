"""Words, pairs of words and character n-grams of many texts at once, hashed to columns: no loop over texts.

All texts lie one after the other in an array of code points. A polynomial hash of every beginning (a running sum that
wraps at 2^64) gives the hash of any piece as a difference (Karp and Rabin 1987), so the n-grams of a corpus cost a few
passes over its characters. Columns are hash buckets (Weinberger et al. 2009, "Feature hashing"): nothing is fitted and
no vocabulary is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Hashes = NDArray[np.uint64]
Ids = NDArray[np.int64]

_BASE: Final = 0x9E3779B97F4A7C15 | 1
"""Odd, so that it has an inverse modulo 2^64."""
_INVERSE: Final = pow(_BASE, -1, 1 << 64)
_BREAK: Final = 0
"""Code point between texts; normalised texts do not hold it."""
CHUNK: Final = 500_000
"""Characters hashed at once (about): some hundred bytes of working memory each."""


@dataclass(frozen=True)
class Pieces:
    """Occurrences of n-grams in a run of texts.

    Attributes:
        text: (P,) number of the text each lies in, ascending within a kind.
        start, end: (P,) first character and one past the last, in the run.
        column: (P,) bucket.
    """

    text: Ids
    start: Ids
    end: Ids
    column: Ids


@dataclass(frozen=True)
class NGrams:
    """Which n-grams are counted.

    Attributes:
        words: longest run of words, 0 for none. characters: shortest and longest run of characters, blanks included;
            (0, 0) for none. bits: 2^bits columns for each of the two kinds.
    """

    words: int = 2
    characters: tuple[int, int] = (2, 5)
    bits: int = 18

    @property
    def width(self) -> int:
        """Number of columns."""
        return (bool(self.words) + bool(self.characters[1])) << self.bits

    def counts(self, texts: Sequence[str]) -> sp.csr_matrix:
        """How often each n-gram is in each text: float32 (N, `width`), sorted columns."""
        parts = [self._counted(texts[a:b]) for a, b in _runs(texts)]
        if not parts:
            return sp.csr_matrix((0, self.width), dtype=np.float32)
        return parts[0] if len(parts) == 1 else sp.vstack(parts, format="csr")

    def _counted(self, texts: Sequence[str]) -> sp.csr_matrix:
        keys = [(piece.text << 40) | piece.column for piece in self.pieces(texts)]
        ordered = np.sort(np.concatenate(keys)) if keys else np.empty(0, dtype=np.int64)
        first = np.flatnonzero(np.diff(ordered, prepend=-1))
        distinct = ordered[first]
        times = np.diff(first, append=len(ordered)).astype(np.float32)
        indptr = np.searchsorted(distinct, np.arange(len(texts) + 1, dtype=np.int64) << 40)
        columns = (distinct & ((1 << 40) - 1)).astype(np.int32)
        return sp.csr_matrix((times, columns, indptr), shape=(len(texts), self.width))

    def pieces(self, texts: Sequence[str]) -> list[Pieces]:
        """Every occurrence, kind by kind: words, pairs of words, ..., characters from the shortest."""
        points, text_of = _points(texts)
        beginnings, powers = _beginnings(points)
        found = []
        starts, ends = _words(points) if self.words else (np.empty(0, np.int64), np.empty(0, np.int64))
        for n in range(1, self.words + 1):
            a, b = starts[: len(starts) - n + 1], ends[n - 1 :]
            together = text_of[a] == text_of[b - 1] if n > 1 else np.ones(len(a), dtype=bool)
            a, b = a[together], b[together]
            # A pair's hash is made of its words', so that what stands between them does not matter.
            hashed = np.zeros(len(a), dtype=np.uint64)
            at = np.flatnonzero(together)
            for offset in range(n):
                one = _mixed(_piece(beginnings, powers, starts[at + offset], ends[at + offset]))
                hashed = _mixed(hashed * np.uint64(3) + one)
            found.append(Pieces(text_of[a], a, b, self._column(hashed, 0)))
        low, high = self.characters
        inside = np.cumsum(points == _BREAK, dtype=np.int64)
        for n in range(low, high + 1) if high else ():
            a = np.arange(max(len(points) - n + 1, 0), dtype=np.int64)
            a = a[inside[a + n - 1] == inside[a] - (points[a] == _BREAK)]  # none that reaches over a break
            a = a[points[a] != _BREAK]
            hashed = _mixed(_piece(beginnings, powers, a, a + n) + np.uint64(n))
            found.append(Pieces(text_of[a], a, a + n, self._column(hashed, int(bool(self.words)))))
        return found

    def _column(self, hashed: Hashes, kind: int) -> Ids:
        return (hashed >> np.uint64(64 - self.bits)).astype(np.int64) + (kind << self.bits)


def _runs(texts: Sequence[str]) -> list[tuple[int, int]]:
    """Slices of the texts of about `CHUNK` characters."""
    if not len(texts):
        return []
    ends = np.cumsum([len(text) + 1 for text in texts])
    cuts = np.unique(np.searchsorted(ends, np.arange(CHUNK, int(ends[-1]) + CHUNK, CHUNK)).clip(0, len(texts) - 1) + 1)
    return list(zip([0, *cuts[:-1].tolist()], cuts.tolist(), strict=True))


def _points(texts: Sequence[str]) -> tuple[NDArray[np.uint32], Ids]:
    """Lower-case code points (L,) of all texts with a break after each, and the text of every point."""
    joined = "\0".join(texts) + "\0"
    lowered = joined.lower()
    if len(lowered) != len(joined):  # a few capitals become two letters: their places must stay
        lowered = "".join(c if len(c.lower()) != 1 else c.lower() for c in joined)
    points = np.frombuffer(lowered.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    text_of = np.cumsum(points == _BREAK, dtype=np.int64)
    text_of[points == _BREAK] -= 1
    return points, text_of


def _beginnings(points: NDArray[np.uint32]) -> tuple[Hashes, Hashes]:
    """Hash (L + 1,) of every beginning, and the inverse powers (L + 1,) that bring a difference back to place 0."""
    size = len(points) + 1
    up = _powers(_BASE, size)
    beginnings = np.zeros(size, dtype=np.uint64)
    np.cumsum((points.astype(np.uint64) + np.uint64(1)) * up[:-1], out=beginnings[1:])
    return beginnings, _powers(_INVERSE, size)


def _powers(base: int, size: int) -> Hashes:
    powers = np.full(size, np.uint64(base), dtype=np.uint64)
    powers[0] = 1
    return np.cumprod(powers)


def _piece(beginnings: Hashes, powers: Hashes, start: Ids, end: Ids) -> Hashes:
    return (beginnings[end] - beginnings[start]) * powers[start]


def _mixed(hashed: Hashes) -> Hashes:
    """Every bit of the input in every bit of the output (Steele et al. 2014, splitmix64)."""
    hashed = (hashed ^ (hashed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashed = (hashed ^ (hashed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashed ^ (hashed >> np.uint64(31))


def _words(points: NDArray[np.uint32]) -> tuple[Ids, Ids]:
    """First character and one past the last of every word: runs of letters and digits with apostrophes, emoji, !, ?."""
    letters, alone = _kinds()
    small = np.minimum(points, len(letters) - 1)
    letter = letters[small]
    quote = (points == ord("'")) & np.append(False, letter[:-1]) & np.append(letter[1:], False)
    inside = letter | quote
    begins = inside & ~np.append(False, inside[:-1])
    ends = inside & ~np.append(inside[1:], False)
    single = alone[small] | (points >= len(letters))  # emoji lie above the basic plane
    start = np.flatnonzero(begins | single)
    end = np.flatnonzero(ends | single) + 1
    return start.astype(np.int64), end.astype(np.int64)


@cache
def _kinds() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which characters of the basic plane make words, and which are words by themselves."""
    import unicodedata

    letters = np.fromiter((chr(point).isalnum() for point in range(1 << 16)), dtype=bool, count=1 << 16)
    symbols: Any = (unicodedata.category(chr(point)) == "So" for point in range(1 << 16))
    alone = np.fromiter(symbols, dtype=bool, count=1 << 16) & ~letters
    alone[[ord("!"), ord("?")]] = True
    return letters, alone
