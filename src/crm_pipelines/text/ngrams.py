"""Words, pairs of words and character n-grams of many texts at once, hashed to columns: no loop over texts.

All texts lie one after the other in an array of code points. A polynomial hash of every beginning (a running sum that
wraps at 2^32) gives the hash of any word as a difference (Karp and Rabin 1987); that of n characters is made of that of
n - 1. So the n-grams of a corpus cost a few passes over its characters. Columns are hash buckets (Weinberger et al.
2009, "Feature hashing"): nothing is fitted and no vocabulary is kept.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np
import scipy.sparse as sp
from numpy.typing import NDArray

Hashes = NDArray[np.uint32]
Keys = NDArray[np.uint32]
Ids = NDArray[np.int64]

_BASE: Final = 0x9E3779B1
"""Odd, so that it has an inverse modulo 2^32."""
_INVERSE: Final = pow(_BASE, -1, 1 << 32)
_BREAK: Final = 0
"""Code point between texts; normalised texts do not hold it."""
_NOTHING: Final = np.uint32(0xFFFFFFFF)
"""Key of what is no n-gram."""
CHARACTERS: Final = 60_000
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
        return counts(texts, [self])[0]

    def _counted(self, points: "_Points", texts: int) -> sp.csr_matrix:
        """A key holds the number of a text above the column: sorted keys are the matrix."""
        number = points.text << np.uint32(self.bits)
        keys = [*self._of_words(points, number), *self._of_characters(points, number)]
        ordered = np.sort(np.concatenate(keys)) if keys else np.empty(0, dtype=np.uint32)
        ordered = ordered[: np.searchsorted(ordered, _NOTHING)]
        first = np.flatnonzero(np.diff(ordered, prepend=_NOTHING))
        distinct = ordered[first]
        times = np.diff(first, append=len(ordered)).astype(np.float32)
        indptr = np.searchsorted(distinct, np.arange(texts + 1, dtype=np.uint64) << np.uint64(self.bits))
        columns = (distinct & np.uint32(self.width - 1)).astype(np.int32)
        return sp.csr_matrix((times, columns, indptr.astype(np.int32)), shape=(texts, self.width))

    def _of_words(self, points: "_Points", number: Keys) -> list[Keys]:
        """Keys of runs of 1 to ``words`` words."""
        if not self.words:
            return []
        starts, one = points.words
        of_text, hashed, keys = number[starts], one, []
        for n in range(1, self.words + 1):
            if n > 1:  # made of the words' own hashes, so that what stands between them does not matter
                hashed = _mixed(hashed[:-1] * np.uint32(3) + one[n - 1 :])
            key = of_text[: len(hashed)] | self._column(hashed)
            keys.append(key[of_text[: len(hashed)] == of_text[n - 1 :]])
        return keys

    def _of_characters(self, points: "_Points", number: Keys) -> list[Keys]:
        """Keys of runs of characters; where one would reach over a break stands `_NOTHING`."""
        low, high = self.characters
        blank, keys = points.blank, []
        over, hashed = blank, points.letter
        for n in range(1, high + 1):
            if n > 1:
                over = over[:-1] | blank[n - 1 :]
                hashed = hashed[:-1] * np.uint32(_BASE) + points.letter[n - 1 :]
            if low <= n <= len(points.letter):
                key = self._column(_mixed(hashed + np.uint32(n)))
                key |= number[: len(hashed)]
                key[over] = _NOTHING
                keys.append(key)
        return keys

    def _column(self, hashed: Hashes) -> Keys:
        column: Keys = hashed >> np.uint32(32 - self.bits)
        return column


def counts(texts: Sequence[str], kinds: Sequence[NGrams]) -> list[sp.csr_matrix]:
    """How often each n-gram of each kind is in each text: float32 (N, ``width``), sorted columns; texts are hashed
    once.
    """
    if not len(texts):
        return [sp.csr_matrix((0, kind.width), dtype=np.float32) for kind in kinds]
    most = 1 << (31 - max(kind.bits for kind in kinds))
    parts = []
    for first, end in _runs(texts, most):
        points = _Points(texts[first:end])
        parts.append([kind._counted(points, end - first) for kind in kinds])
    return [each[0] if len(each) == 1 else sp.vstack(each, format="csr") for each in zip(*parts, strict=True)]


def _runs(texts: Sequence[str], most: int) -> list[tuple[int, int]]:
    """Slices of at most ``most`` texts and about `CHARACTERS` characters."""
    runs, start, size = [], 0, 0
    for number, text in enumerate(texts):
        size += len(text) + 1
        if size >= CHARACTERS or number + 1 - start >= most:
            runs.append((start, number + 1))
            start, size = number + 1, 0
    return [*runs, (start, len(texts))] if start < len(texts) else runs


class _Points:
    """Lower-case code points (L,) of texts with a break after each.

    Attributes:
        text: (L,) number of the text. blank: (L,) where a break is. letter: (L,) hash of the code point.
    """

    def __init__(self, texts: Sequence[str]) -> None:
        joined = "".join(f"{text}\0" for text in texts).lower()
        self._code = np.frombuffer(joined.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        self.blank = self._code == _BREAK
        self.text = np.cumsum(self.blank, dtype=np.uint32)
        self.text[self.blank] -= 1
        self.letter = _mixed(self._code + np.uint32(1))

    @property
    def words(self) -> tuple[Ids, Hashes]:
        """First character and hash of every word."""
        starts, ends = _words(self._code)
        size = 1 << len(self._code).bit_length()
        beginnings = np.zeros(len(self._code) + 1, dtype=np.uint32)
        np.cumsum(self.letter * _powers(_BASE, size)[: len(self._code)], out=beginnings[1:])
        # The inverse power brings a difference back to place 0.
        return starts, _mixed((beginnings[ends] - beginnings[starts]) * _powers(_INVERSE, size)[starts])


@cache
def _powers(base: int, size: int) -> Hashes:
    powers = np.full(size, base, dtype=np.uint32)
    powers[0] = 1
    return np.cumprod(powers, dtype=np.uint32)


def _mixed(hashed: Hashes) -> Hashes:
    """Bits of the whole input in the highest bits of the output, by steps of MurmurHash3's end (Appleby 2011)."""
    mixed: Hashes = (hashed ^ (hashed >> np.uint32(16))) * np.uint32(0x85EBCA6B)
    mixed ^= mixed >> np.uint32(13)
    mixed *= np.uint32(0xC2B2AE35)
    return mixed


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
