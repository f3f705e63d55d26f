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
Keys = NDArray[np.uint32]
Ids = NDArray[np.int64]

_BASE: Final = 0x9E3779B97F4A7C15
"""Odd, so that it has an inverse modulo 2^64."""
_INVERSE: Final = pow(_BASE, -1, 1 << 64)
_BREAK: Final = 0
"""Code point between texts; normalised texts do not hold it."""
_NOTHING: Final = np.uint32(0xFFFFFFFF)
"""Key of what is no n-gram."""
CHARACTERS: Final = 200_000
"""Characters hashed at once (about): what lies in a processor's cache is hashed fastest."""
MOST_BITS: Final = 21


@dataclass(frozen=True)
class NGrams:
    """Which n-grams are counted: of words, or of characters.

    Attributes:
        words: longest run of words, 0 for none. characters: shortest and longest run of characters, blanks included;
            (0, 0) for none. bits: 2^bits columns, at most `MOST_BITS`.
    """

    words: int = 0
    characters: tuple[int, int] = (0, 0)
    bits: int = 20

    @property
    def width(self) -> int:
        """Number of columns."""
        return 1 << self.bits

    def counts(self, texts: Sequence[str]) -> sp.csr_matrix:
        """How often each n-gram is in each text: float32 (N, `width`), sorted columns."""
        parts = [self._counted(texts[a:b]) for a, b in _runs(texts, 1 << (31 - self.bits))]
        if not parts:
            return sp.csr_matrix((0, self.width), dtype=np.float32)
        return parts[0] if len(parts) == 1 else sp.vstack(parts, format="csr")

    def _counted(self, texts: Sequence[str]) -> sp.csr_matrix:
        """A key holds the number of a text above the column: sorted keys are the matrix."""
        points, text_of = _points(texts)
        beginnings, powers = _beginnings(points)
        number = (text_of << np.uint32(self.bits)).astype(np.uint32)
        keys = [
            *self._of_words(points, beginnings, powers, number),
            *self._of_characters(points, beginnings, powers, number),
        ]
        ordered = np.sort(np.concatenate(keys)) if keys else np.empty(0, dtype=np.uint32)
        ordered = ordered[: np.searchsorted(ordered, _NOTHING)]
        first = np.flatnonzero(np.diff(ordered, prepend=_NOTHING))
        distinct = ordered[first]
        times = np.diff(first, append=len(ordered)).astype(np.float32)
        indptr = np.searchsorted(distinct, np.arange(len(texts) + 1, dtype=np.uint64) << np.uint64(self.bits))
        columns = (distinct & np.uint32(self.width - 1)).astype(np.int32)
        return sp.csr_matrix((times, columns, indptr.astype(np.int32)), shape=(len(texts), self.width))

    def _of_words(self, points: Keys, beginnings: Hashes, powers: Hashes, number: Keys) -> list[Keys]:
        """Keys of runs of 1 to ``words`` words."""
        if not self.words:
            return []
        starts, ends = _words(points)
        one = _mixed((beginnings[ends] - beginnings[starts]) * powers[starts])
        of_text, hashed, keys = number[starts], one, []
        for n in range(1, self.words + 1):
            if n > 1:  # made of the words' own hashes, so that what stands between them does not matter
                hashed = _mixed(hashed[:-1] * np.uint64(3) + one[n - 1 :])
            key = of_text[: len(hashed)] | self._column(hashed)
            keys.append(key[of_text[: len(hashed)] == of_text[n - 1 :]])
        return keys

    def _of_characters(self, points: Keys, beginnings: Hashes, powers: Hashes, number: Keys) -> list[Keys]:
        """Keys of runs of characters; where one would reach over a break stands `_NOTHING`."""
        low, high = self.characters
        blank, keys = points == _BREAK, []
        over = blank
        for n in range(1, high + 1):
            if n > 1:
                over = over[:-1] | blank[n - 1 :]
            if low <= n <= len(points):
                hashed = (beginnings[n:] - beginnings[:-n]) * powers[: len(points) - n + 1] + np.uint64(n)
                key = number[: len(hashed)] | self._column(_mixed(hashed))
                key[over] = _NOTHING
                keys.append(key)
        return keys

    def _column(self, hashed: Hashes) -> Keys:
        return (hashed >> np.uint64(64 - self.bits)).astype(np.uint32)


def _runs(texts: Sequence[str], most: int) -> list[tuple[int, int]]:
    """Slices of at most ``most`` texts and about `CHARACTERS` characters."""
    runs, start, size = [], 0, 0
    for number, text in enumerate(texts):
        size += len(text) + 1
        if size >= CHARACTERS or number + 1 - start >= most:
            runs.append((start, number + 1))
            start, size = number + 1, 0
    return [*runs, (start, len(texts))] if start < len(texts) else runs


def _points(texts: Sequence[str]) -> tuple[Keys, Keys]:
    """Lower-case code points (L,) of all texts with a break after each, and the text of every point."""
    joined = "\0".join(texts) + "\0"
    lowered = joined.lower()
    points = np.frombuffer(lowered.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    breaks = points == _BREAK
    text_of = np.cumsum(breaks, dtype=np.uint32)
    text_of[breaks] -= 1
    return points, text_of


def _beginnings(points: Keys) -> tuple[Hashes, Hashes]:
    """Hash (L + 1,) of every beginning, and the inverse powers (L + 1,) that bring a difference back to place 0."""
    size = 1 << len(points).bit_length()
    beginnings = np.zeros(len(points) + 1, dtype=np.uint64)
    np.cumsum((points.astype(np.uint64) + np.uint64(1)) * _powers(_BASE, size)[: len(points)], out=beginnings[1:])
    return beginnings, _powers(_INVERSE, size)[: len(points) + 1]


@cache
def _powers(base: int, size: int) -> Hashes:
    powers = np.full(size, base, dtype=np.uint64)
    powers[0] = 1
    return np.cumprod(powers)


def _mixed(hashed: Hashes) -> Hashes:
    """Bits of the whole input in the highest bits of the output, as splitmix64 does it (Steele et al. 2014)."""
    return (hashed ^ (hashed >> np.uint64(31))) * np.uint64(0xBF58476D1CE4E5B9)


def _words(points: Keys) -> tuple[Ids, Ids]:
    """First character and one past the last of every word: runs of letters and digits with apostrophes, emoji, !, ?."""
    letters, alone = _kinds()
    small = np.minimum(points, len(letters) - 1)
    letter = letters[small]
    quote = (points == ord("'")) & np.append(False, letter[:-1]) & np.append(letter[1:], False)
    inside = letter | quote
    begins = inside & ~np.append(False, inside[:-1])
    ends = inside & ~np.append(inside[1:], False)
    single = alone[small] | (points >= len(letters))  # emoji lie above the basic plane
    return np.flatnonzero(begins | single), np.flatnonzero(ends | single) + 1


@cache
def _kinds() -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which characters of the basic plane make words, and which are words by themselves."""
    import unicodedata

    letters = np.fromiter((chr(point).isalnum() for point in range(1 << 16)), dtype=bool, count=1 << 16)
    symbols: Any = (unicodedata.category(chr(point)) == "So" for point in range(1 << 16))
    alone = np.fromiter(symbols, dtype=bool, count=1 << 16) & ~letters
    alone[[ord("!"), ord("?")]] = True
    letters[-1] = alone[-1] = False
    return letters, alone
