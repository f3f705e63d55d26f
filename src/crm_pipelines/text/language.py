"""Which language a text is in: English by its commonest words, any other by a trained profile of byte n-grams.

py3langid (Barbaresi 2022, after Lui and Baldwin 2012) knows 97 languages, but a text of a few words deceives it. So a
text with enough English function words is called English without being asked about, and a short one is not told.
"""

from collections.abc import Sequence
from functools import cache
from typing import Any, Final

from crm_pipelines.text.normalise import URL, USER

ENGLISH: Final = "en"
UNKNOWN: Final = "und"
"""ISO 639-2 for "undetermined"."""
ENGLISH_SHARE: Final = 0.2
"""Share of function words from which a text is English: English prose has about 0.45, other languages below 0.1."""
SURE: Final = 0.9
"""Probability from which another language is believed."""
_COMMON: Final = """
the a an and or but of to in for on with at by from is are was were be been it its it's this that these
those i you he she we they my your his her our their me him them not no as if so do does did have has had
will would can could should what which who when where how why all some any more most very just than then
there here
"""
_FUNCTION_WORDS: Final = frozenset(_COMMON.split())


def language_of(text: str, tokens: Sequence[str], least_words: int) -> str:
    """ISO 639-1 code of a normalised text, or ``und`` where it has too few words to tell.

    Args:
        text: normalised.
        tokens: its tokens, in lower case.
        least_words: fewest tokens of letters.
    """
    words = [token for token in tokens if token[0].isalpha() and token not in (URL, USER)]
    if len(words) < least_words:
        return UNKNOWN
    if sum(word in _FUNCTION_WORDS for word in words) >= ENGLISH_SHARE * len(words):
        return ENGLISH
    code, probability = _identifier().classify(text)
    return str(code) if probability >= SURE else (ENGLISH if text.isascii() else UNKNOWN)


@cache
def _identifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)
