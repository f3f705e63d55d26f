"""The rule that a tagger has to beat: runs of capitalised words are names, and lists say of what.

A run of words with a capital (the first word of a sentence only if another follows or a list knows it) is an entity. A
name that training sentences mark has the type it has there most often, a name of a place is a location, and every other
has the commonest type of training.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence

from crm_pipelines.entities.places import places
from crm_pipelines.entities.spans import Sentence, Span


class CapitalRule:
    """The rule, with its lists from training sentences."""

    def __init__(self) -> None:
        self.types: dict[str, str] = {}
        self.commonest = ""
        self.location = ""

    def fit(self, sentences: Sequence[Sentence]) -> None:
        """Learn the lists."""
        seen: dict[str, Counter[str]] = defaultdict(Counter)
        kinds: Counter[str] = Counter()
        for sentence in sentences:
            for span in sentence.spans:
                seen[" ".join(sentence.tokens[span.start : span.end]).lower()][span.type] += 1
                kinds[span.type] += 1
        self.types = {name: counts.most_common(1)[0][0] for name, counts in seen.items()}
        self.commonest = kinds.most_common(1)[0][0]
        self.location = next((kind for kind in kinds if kind.lower().startswith("loc")), self.commonest)

    def find(self, tokens: Sequence[str]) -> list[Span]:
        """Entities of one sentence."""
        spans, start = [], None
        for position in range(len(tokens) + 1):
            capital = position < len(tokens) and tokens[position][:1].isupper() and tokens[position] != "I"
            if capital and start is None:
                start = position
            if not capital and start is not None:
                name = " ".join(tokens[start:position])
                known = self._type(name)
                if known or start > 0 or position - start > 1:
                    spans.append(Span(start, position, known or self.commonest))
                start = None
        return spans

    def _type(self, name: str) -> str | None:
        return self.types.get(name.lower()) or (self.location if name in places() else None)
