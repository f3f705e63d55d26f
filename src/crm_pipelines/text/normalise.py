"""Raw texts to words: markup and links out, emoji kept, NLTK's tokeniser for posts, stop words, Snowball stems.

Paper D, its algorithm of feature engineering: special characters and stop words are removed, the text is split into
tokens, tokens are stemmed. Its order would lose emoticons and negations, so here tokens come first; see decision 030.
"""

import html
import re
import unicodedata
from collections.abc import Iterable, Sequence
from functools import cache, lru_cache
from itertools import chain
from typing import Any, Final

URL: Final = "<url>"
USER: Final = "<user>"
_SCRIPT: Final = re.compile(r"<(script|style)\b[^>]*>.*?(?:</\1\s*>|\Z)", re.IGNORECASE | re.DOTALL)
_COMMENT: Final = re.compile(r"<!--.*?(?:-->|\Z)", re.DOTALL)
_BREAK: Final = re.compile(r"<\s*(?:br|p|/p|div|/div|li|/li|tr|/tr)\b[^<>]{0,500}>", re.IGNORECASE)
_TAG: Final = re.compile(r"</?[a-zA-Z][^<>]{0,500}>")
_LINK: Final = re.compile(r"(?:https?://|www\.)[^\s<>\"']+", re.IGNORECASE)
_HANDLE: Final = re.compile(r"(?<![\w@])@\w{1,30}\b")
_BLANKS: Final = re.compile(r"\s+")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\ufeff\ufffe]")
_WORD: Final = re.compile(r"""["(.,]*([A-Za-z](?:[A-Za-z'_-]*[A-Za-z])?)([)".,!?]*)""")
"""A word among marks that make no emoticon with letters beside them."""
_NUMBER: Final = re.compile(r"(\d+)([.,!?]*)", re.ASCII)
_LENGTHENED: Final = re.compile(r"(.)\1{2,}")
_SHORT: Final = 50
_KEPT_MARKS: Final = {"!", "?"}
NEGATIONS: Final = frozenset({"no", "nor", "not", "never", "cannot", "n't", "without", "nothing", "none", "neither"})
"""Words of scikit-learn's list that turn a sentence around: they stay."""


def normalise(text: str | None) -> str:
    """A text as one line of plain Unicode: no markup, scripts or control characters; links become ``<url>``.

    Case and emoji are kept. A missing text becomes ``""``.
    """
    if not text:
        return ""
    if "&" in text:
        text = html.unescape(text)
    if "<" in text:
        text = _COMMENT.sub(" ", _SCRIPT.sub(" ", text))
        text = _TAG.sub(" ", _BREAK.sub(" ", text))
    if not text.isascii():
        text = unicodedata.normalize("NFC", text).replace("\u2019", "'").replace("\u2018", "'")
    text = _CONTROL.sub("", text)
    if "://" in text or "www." in text:
        text = _LINK.sub(f" {URL} ", text)
    return _BLANKS.sub(" ", text).strip()


def tokenise(text: str) -> list[str]:
    """Tokens of a normalised text, in lower case but for emoticons.

    Words, numbers, emoji, emoticons, hashtags, ``!`` and ``?`` are kept, other marks dropped; names of users become
    ``<user>`` and lengthened letters are cut to three, as NLTK's ``TweetTokenizer`` does it.
    """
    if "@" in text:
        text = _HANDLE.sub(USER, text)
    return list(chain.from_iterable(map(_tokens, text.split())))


@lru_cache(maxsize=1 << 17)
def _tokens(part: str) -> tuple[str, ...]:
    """Tokens of what stands between blanks; no token holds one. Plain words and numbers need no tokeniser."""
    if plain := _WORD.fullmatch(part) or _NUMBER.fullmatch(part):
        word, marks = plain.groups()
        if _LENGTHENED.search(part):
            word, marks = _LENGTHENED.sub(r"\1\1\1", word), _LENGTHENED.sub(r"\1\1\1", marks)
        kept = [mark for mark in marks if mark in _KEPT_MARKS] if marks else ()
        return (word.lower(), *kept)
    return tuple(token for token in _posted(part) if _says_something(token))


def _posted(part: str) -> list[str]:
    """Tokens as NLTK's ``TweetTokenizer`` finds them; for short parts without what it compiles again in each call."""
    if len(part) > _SHORT or "&" in part:
        return list(_tokenizer().tokenize(part))
    words = _tokenizer().WORD_RE.findall(_LENGTHENED.sub(r"\1\1\1", part))
    return [word if _emoticon().search(word) else word.lower() for word in words]


def forget() -> None:
    """Forget the tokens of words, so that whoever measures speed does not measure this memory."""
    _tokens.cache_clear()


def content_words(tokens: Iterable[str]) -> list[str]:
    """Tokens that may name a theme: words of two letters and more that are no stop words."""
    stop = stop_words()
    return [token for token in tokens if len(token) > 1 and token[0].isalpha() and token not in stop]


@cache
def stop_words() -> frozenset[str]:
    """scikit-learn's English stop words without negations."""
    from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

    short = {word.replace("'", "") for word in ("don't", "i'm", "it's", "that's", "i've", "i'd", "didn't", "you're")}
    apostrophes = {"i'm", "it's", "that's", "i've", "i'd", "i'll", "you're", "they're", "we're", "there's", "he's"}
    return frozenset((ENGLISH_STOP_WORDS | short | apostrophes) - NEGATIONS)


class Stemmer:
    """Snowball stems (Porter 2001), each word stemmed once; and the word that is most often behind a stem."""

    def __init__(self) -> None:
        from nltk.stem.snowball import EnglishStemmer

        self._stem: Any = EnglishStemmer().stem
        self._known: dict[str, str] = {}

    def stems(self, words: Sequence[str]) -> list[str]:
        """The stem of each word."""
        known = self._known
        for word in words:
            if word not in known:
                known[word] = str(self._stem(word))
        return [known[word] for word in words]


@cache
def _tokenizer() -> Any:
    from nltk.tokenize import TweetTokenizer

    return TweetTokenizer(preserve_case=False, reduce_len=True, strip_handles=False, match_phone_numbers=False)


@cache
def _emoticon() -> Any:
    from nltk.tokenize.casual import EMOTICON_RE

    return EMOTICON_RE


@cache
def _says_something(token: str) -> bool:
    """Whether a token is more than punctuation: letters, digits, emoji, emoticons."""
    if token in _KEPT_MARKS or any(character.isalnum() for character in token):
        return True
    if len(token) > 1:  # an emoticon, or marks such as "..."
        return len(set(token)) > 1
    return unicodedata.category(token) in ("So", "Sk")
