"""VADER's compound scores of many texts at once: its lexicon, rules and constants, without its loop over words.

Hutto and Gilbert 2014, "VADER: a parsimonious rule-based model for sentiment analysis of social media text", ICWSM. The
rules touch only words that the lexicon knows, one in ten, and look at most three words back and two ahead. So distinct
words are looked up once, texts become arrays of word numbers, and each rule is one step over all words of the lexicon
in all texts. Scores are those of the package ``vaderSentiment``, which gives the lexicon and the lists of words.
"""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import count
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]
Flags = NDArray[np.bool_]

CHUNK: Final = 4096
"""Texts scored at once, which bounds memory."""
_INSIDE: Final = "\0"
"""Before a word that an emoji was put into: no sentence ends there. Normalised texts do not hold it."""
_ENDS: Final = (".", "!", "?")
_NEVER_TWICE: Final = 1.25
_NEARNESS: Final = (1.0, 0.95, 0.9)
"""What a degree word one, two and three words before counts."""
_CAPITALS: Final = 0.733
_BUT_BEFORE, _BUT_AFTER = 0.5, 1.5
_PLAIN: Final = (
    *("no", "or", "nor", "kind", "of", "never", "so", "this", "without", "doubt", "least", "at", "very", "but"),
)


class _Word(NamedTuple):
    """What the rules know of a word: its valence and whether the lexicon has it; as a degree word; and so on."""

    valence: float
    known: bool
    degree: float
    upper: bool
    negates: bool
    name: int
    ends: bool
    exclamations: int
    questions: int


@dataclass(frozen=True, eq=False)
class Words:
    """N words of texts one after the other, as numbers of distinct ones, with what the rules know of those.

    Attributes:
        codes: (N,). starts: (T + 1,) first word of each text.
    """

    codes: Ids
    starts: Ids
    valence: Floats
    known: Flags
    degree: Floats
    upper: Flags
    negates: Flags
    name: Ids
    ends: Flags
    exclamations: Ids
    questions: Ids

    @classmethod
    def of(cls, texts: Sequence[str]) -> "Words":
        """Words of T texts."""
        numbers: defaultdict[str, int] = defaultdict(count(1).__next__, {"": 0})  # 0: no word
        codes: list[int] = []
        starts = np.zeros(len(texts) + 1, dtype=np.int64)
        emojis = _lists().emojis
        for row, text in enumerate(texts, start=1):
            parts = text.split()
            if not text.isascii() and not emojis.keys().isdisjoint(text):
                parts = [word for part in parts for word in _spelt(part)]
            codes.extend(map(numbers.__getitem__, parts))
            starts[row] = len(codes)
        columns = zip(*map(_word, numbers), strict=True)
        return cls(np.array(codes, dtype=np.int64), starts, *(np.array(column) for column in columns))

    def sentences(self) -> tuple[Ids, Ids]:
        """First word (S + 1,) of every sentence, and how many (T,) each text has: at least one.

        A sentence ends where a blank follows a full stop, ``!`` or ``?``.
        """
        first = np.flatnonzero(self.ends[self.codes]) + 1
        first = first[~np.isin(first, self.starts, kind="sort")]  # the last word of a text ends it anyway
        starts = np.sort(np.concatenate([self.starts[:-1], first]))
        of_text = np.searchsorted(self.starts, first, side="right") - 1
        counts = np.bincount(of_text, minlength=len(self.starts) - 1) + 1
        return np.append(starts, len(self.codes)), counts

    def compounds(self, starts: Ids) -> Floats:
        """Compound score in [-1, 1] of each piece: ``starts`` (U + 1,) are first words, ascending."""
        pieces = len(starts) - 1
        hits, piece = self._hits(starts)
        begin, end = starts[piece], starts[piece + 1]
        valence = self._valences(hits, begin, end, self._mixed_capitals(starts)[piece])
        self._weigh_by_but(starts, piece, hits, valence)
        total = np.bincount(piece, weights=valence, minlength=pieces).astype(np.float64)  # of nothing: whole numbers
        total += np.sign(total) * self._emphasis(starts)
        scaled: Floats = np.clip(total / np.sqrt(total * total + 15), -1.0, 1.0)
        return np.asarray(np.round(scaled, 4), dtype=np.float64)

    def _hits(self, starts: Ids) -> tuple[Ids, Ids]:
        """Places of words that carry a valence, and the piece of each."""
        counts = self.known & (self.degree == 0)
        hits = np.flatnonzero(counts[self.codes])
        piece = _piece(starts, hits)
        following = self._at(hits + 1, hits + 1 < starts[piece + 1])
        kind_of = (self.name[self.codes[hits]] == _NAMES["kind"]) & (self.name[following] == _NAMES["of"])
        return hits[~kind_of], piece[~kind_of]

    def _at(self, places: Ids, inside: Flags) -> Ids:
        """Number of the word at each place, 0 outside of its piece."""
        found = np.zeros(len(places), dtype=np.int64)
        found[inside] = self.codes[places[inside]]
        return found

    def _count(self, starts: Ids, amounts: NDArray[Any]) -> Ids:
        """Sum (U,) over each piece of what a distinct word counts."""
        places = np.flatnonzero((amounts != 0)[self.codes])
        weights = amounts[self.codes[places]].astype(np.float64)
        return np.bincount(_piece(starts, places), weights=weights, minlength=len(starts) - 1).astype(np.int64)

    def _mixed_capitals(self, starts: Ids) -> Flags:
        """Whether some words (U,) of a piece are in capitals and some are not."""
        upper = self._count(starts, self.upper)
        mixed: Flags = (upper > 0) & (upper < np.diff(starts))
        return mixed

    def _emphasis(self, starts: Ids) -> Floats:
        """What exclamation and question marks add (U,)."""
        calls = np.minimum(self._count(starts, self.exclamations), 4) * 0.292
        asked = self._count(starts, self.questions)
        found: Floats = calls + np.where(asked > 3, 0.96, np.where(asked > 1, asked * 0.18, 0.0))
        return found

    def _valences(self, hits: Ids, begin: Ids, end: Ids, mixed: Flags) -> Floats:
        """Valence of each hit after all rules that look at its neighbours."""
        word = self.codes[hits]
        back = [self._at(hits - k, hits - k >= begin) for k in (1, 2, 3)]
        ahead = [self._at(hits + k, hits + k < end) for k in (1, 2)]
        name = [self.name[each] for each in back]
        base = self.valence[word]
        valence = np.where((self.name[word] == _NAMES["no"]) & self.known[ahead[0]], 0.0, base)
        no = [each == _NAMES["no"] for each in name]
        joined = (name[0] == _NAMES["or"]) | (name[0] == _NAMES["nor"])
        valence = np.where(no[0] | no[1] | (no[2] & joined), base * _lists().turned, valence)
        valence += np.where(self.upper[word] & mixed, np.where(valence > 0, _CAPITALS, -_CAPITALS), 0.0)
        for k in range(3):
            looked = (hits - k - 1 >= begin) & ~self.known[back[k]]
            valence = valence + np.where(looked, self._degree(back[k], valence, mixed) * _NEARNESS[k], 0.0)
            valence = np.where(looked, valence * self._negation(k, back, name), valence)
            if k == 2:
                names = [*reversed(name), self.name[word], *(self.name[each] for each in ahead)]
                valence = np.where(looked, _idioms(valence, names), valence)
        least = (name[0] == _NAMES["least"]) & ~self.known[back[0]]
        least &= (name[1] != _NAMES["at"]) & (name[1] != _NAMES["very"])
        turned: Floats = np.where(least, valence * _lists().turned, valence)
        return turned

    def _degree(self, before: Ids, valence: Floats, mixed: Flags) -> Floats:
        """What a degree word adds to a valence."""
        degree = self.degree[before]
        found = np.where(valence < 0, -degree, degree)
        louder = (degree != 0) & self.upper[before] & mixed
        return found + np.where(louder, np.where(valence > 0, _CAPITALS, -_CAPITALS), 0.0)

    def _negation(self, k: int, back: list[Ids], name: list[Ids]) -> Floats:
        """Factor by the word k + 1 before."""
        turned = np.where(self.negates[back[k]], _lists().turned, 1.0)
        if k == 0:
            return turned
        so = [(each == _NAMES["so"]) | (each == _NAMES["this"]) for each in name]
        doubt = [each == _NAMES["doubt"] for each in name]
        never, without = name[k] == _NAMES["never"], name[k] == _NAMES["without"]
        if k == 1:
            stronger, kept = never & so[0], without & doubt[0]
        else:
            stronger, kept = (never & so[1]) | so[0], without & (doubt[0] | doubt[1])
        found: Floats = np.where(stronger, _NEVER_TWICE, np.where(kept, 1.0, turned))
        return found

    def _weigh_by_but(self, starts: Ids, piece: Ids, hits: Ids, valence: Floats) -> None:
        """Halve what stands before the first "but" of a piece and raise what stands after it, in place.

        The package looks a valence up by its value and changes the first that is equal: kept, to score as it does.
        """
        places = np.flatnonzero((self.name == _NAMES["but"])[self.codes])
        pieces, first = np.unique(_piece(starts, places), return_index=True)
        low, high = np.searchsorted(piece, pieces), np.searchsorted(piece, pieces, side="right")
        for but, start, end in zip(places[first].tolist(), low.tolist(), high.tolist(), strict=True):
            found, where = valence[start:end].tolist(), hits[start:end].tolist()
            for number in range(len(found)):
                if found[number]:
                    same = found.index(found[number])
                    found[same] *= _BUT_BEFORE if where[same] < but else _BUT_AFTER
            valence[start:end] = found


def compounds(texts: Sequence[str]) -> Floats:
    """VADER's compound score (T,) of each text, in [-1, 1]; 0 where it knows no word."""
    found = [np.zeros(0)]
    for start in range(0, len(texts), CHUNK):
        words = Words.of(texts[start : start + CHUNK])
        found.append(words.compounds(words.starts))
    return np.concatenate(found)


def _piece(starts: Ids, places: Ids) -> Ids:
    """The piece that each place lies in."""
    return np.searchsorted(starts, places, side="right") - 1


def _idioms(valence: Floats, names: list[Ids]) -> Floats:
    """Phrases with a valence of their own, and degrees of two words; six words, the fourth is the hit."""
    special, degrees = _lists().phrases, _lists().degrees
    before = np.full(len(valence), np.nan)
    for start, end in ((2, 4), (1, 4), (1, 3), (0, 3), (0, 2)):  # the first that is found holds
        before = np.where(np.isnan(before), _phrase(names[start:end], special), before)
    valence = np.where(np.isnan(before), valence, before)
    for end in (5, 6):
        after = _phrase(names[3:end], special)
        valence = np.where(np.isnan(after), valence, after)
    for start, end in ((0, 3), (0, 2), (1, 3)):
        valence = valence + np.nan_to_num(_phrase(names[start:end], degrees))
    return valence


def _phrase(names: list[Ids], values: dict[tuple[int, ...], float]) -> Floats:
    """Value of the phrase that words make, nan where they make none."""
    found = np.full(len(names[0]), np.nan)
    for phrase, value in values.items():
        if len(phrase) == len(names):
            match = names[0] == phrase[0]
            if match.any():
                found[np.logical_and.reduce([a == b for a, b in zip(names, phrase, strict=True)])] = value
    return found


class _Lists(NamedTuple):
    """The package's lists; phrases by the names of their words; ``told``: every word that a rule knows."""

    lexicon: dict[str, float]
    emojis: dict[str, str]
    degree: dict[str, float]
    negations: frozenset[str]
    turned: float
    phrases: dict[tuple[int, ...], float]
    degrees: dict[tuple[int, ...], float]
    told: frozenset[str]


def _named(phrases: dict[str, float]) -> dict[tuple[int, ...], float]:
    """Phrases of several words by the names of the words."""
    split = {tuple(phrase.split()): value for phrase, value in phrases.items()}
    return {
        tuple(_NAMES.setdefault(word, len(_NAMES) + 1) for word in words): float(value)
        for words, value in split.items()
        if len(words) > 1
    }


_NAMES: Final = {word: number for number, word in enumerate(_PLAIN, start=1)}
"""Words that rules name; 0 for any other."""


@cache
def _lists() -> _Lists:
    from vaderSentiment import vaderSentiment

    analyser: Any = vaderSentiment.SentimentIntensityAnalyzer()
    phrases, degrees = _named(vaderSentiment.SPECIAL_CASES), _named(vaderSentiment.BOOSTER_DICT)
    lexicon, degree, negations = analyser.lexicon, vaderSentiment.BOOSTER_DICT, frozenset(vaderSentiment.NEGATE)
    told = frozenset((*lexicon, *degree, *negations, *_NAMES))
    return _Lists(lexicon, analyser.emojis, degree, negations, vaderSentiment.N_SCALAR, phrases, degrees, told)


@lru_cache(maxsize=1 << 16)
def _word(part: str) -> _Word:
    """What the rules know of a word as it stands between blanks."""
    lists = _lists()
    if part.isalpha() and (low := part.lower()) not in lists.told:
        return _UNTOLD_UPPER if part.isupper() else _UNTOLD
    inside = part.startswith(_INSIDE)
    part = part.removeprefix(_INSIDE)
    stripped = part.strip(_PUNCTUATION)
    word = part if len(stripped) <= 2 else stripped  # two characters or fewer are an emoticon's
    low = word.lower()
    return _Word(
        valence=lists.lexicon.get(low, 0.0),
        known=low in lists.lexicon,
        degree=lists.degree.get(low, 0.0),
        upper=word.isupper(),
        negates=low in lists.negations or "n't" in low,
        name=_NAMES.get(low, 0),
        ends=part.endswith(_ENDS) and not inside,
        exclamations=part.count("!"),
        questions=part.count("?"),
    )


_UNTOLD: Final = _Word(0.0, False, 0.0, False, False, 0, False, 0, 0)
_UNTOLD_UPPER: Final = _UNTOLD._replace(upper=True)
"""Words that no rule knows."""
_PUNCTUATION: Final = "!\"#$%&'()*+,-./:;<=>?@[\\]^_`{|}~"


def _spelt(part: str) -> list[str]:
    """A word with its emoji as the package describes them, several words; all but the last marked as inside."""
    emojis, out, blank = _lists().emojis, "", True
    for character in part:
        described = emojis.get(character)
        out += character if described is None else described if blank else f" {described}"
        blank = described is None and character == " "
    words = out.split()
    return [*(f"{_INSIDE}{word}" for word in words[:-1]), *words[-1:]]
