"""What a tagger is told of each token: the word, its shape and endings, its neighbours, whether lists know it."""

import re
import zlib
from collections.abc import Sequence
from typing import Final

from crm_pipelines.entities.places import is_place

BITS: Final = 18
_WORD: Final = re.compile(r"[^\W\d_]")
_RUNS: Final = re.compile(r"(.)\1+")


def shape(token: str) -> str:
    """``Xxxx9``-like form: capitals, small letters, digits, other marks, at most ten characters."""
    kinds = ("X" if c.isupper() else "x" if c.isalpha() else "9" if c.isdigit() else c for c in token[:10])
    return "".join(kinds)


def token_features(tokens: Sequence[str]) -> list[list[int]]:
    """Buckets of the features of each token."""
    lower = [token.lower() for token in tokens]
    shapes = [shape(token) for token in tokens]
    short = [_RUNS.sub(r"\1", form) for form in shapes]
    letters = [token for token in tokens if _WORD.match(token)]
    capitals = sum(token[0].isupper() for token in letters) / max(len(letters), 1)
    shouting = "many" if capitals > 0.6 else "some" if capitals > 0.2 else "few"
    places = [is_place(tokens, position) for position in range(len(tokens))]
    out = []
    for i, token in enumerate(tokens):
        word, before, after = lower[i], lower[i - 1] if i else "^", lower[i + 1] if i + 1 < len(tokens) else "$"
        title = token[:1].isupper()
        found = [
            "b",
            f"w={word}",
            f"s={shapes[i]}",
            f"q={short[i]}",
            f"w-1={before}",
            f"w+1={after}",
            f"w-1,0={before}|{word}",
            f"w0,1={word}|{after}",
            f"q-1={short[i - 1] if i else '^'}|{short[i]}",
            f"q+1={short[i]}|{short[i + 1] if i + 1 < len(tokens) else '$'}",
            f"q3={short[i - 1] if i else '^'}|{short[i]}|{short[i + 1] if i + 1 < len(tokens) else '$'}",
            f"c={title}|{shouting}|{i == 0}",
            f"c3={before}|{title}|{short[i + 1][:1] if i + 1 < len(tokens) else '$'}",
            f"p={places[i]}|{title}",
            f"p-={places[i - 1] if i else False}",
            f"w-2={lower[i - 2] if i > 1 else '^'}",
            f"w+2={lower[i + 2] if i + 2 < len(tokens) else '$'}",
            f"len={min(len(token), 12)}",
        ]
        found += [f"pre={word[:n]}" for n in range(1, min(len(word), 5))]
        found += [f"suf={word[-n:]}|{title}" for n in range(1, min(len(word), 5))]
        out.append([zlib.crc32(feature.encode("utf-8", "surrogatepass")) >> (32 - BITS) for feature in found])
    return out
