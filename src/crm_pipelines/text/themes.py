"""Themes: non-negative factors of TF-IDF, named by the words behind their strongest stems.

Lee and Seung 1999, "Learning the parts of objects by non-negative matrix factorization", Nature 401.
"""

import warnings
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import NMF
from sklearn.exceptions import ConvergenceWarning
from sklearn.feature_extraction.text import TfidfVectorizer

from crm_pipelines.text.config import ThemeParameters
from crm_pipelines.text.normalise import Stemmer, content_words

NO_THEME = -1
_CHUNK = 50_000
STEPS = 50
"""Of coordinate descent, when the themes of a document are looked for."""


@dataclass(frozen=True, eq=False)
class Themes:
    """Fitted themes.

    Attributes:
        names: of each of K themes, for example ``string, tune, guitar``.
        vectorizer, factors: what turns stems into weights (N, K).
    """

    names: tuple[str, ...]
    vectorizer: TfidfVectorizer
    factors: NMF

    @classmethod
    def fit(cls, stems: Sequence[str], words: Sequence[str], parameters: ThemeParameters) -> Self | None:
        """Find themes in documents; None where too few words recur in them.

        Args:
            stems: stems of each document with blanks between them.
            words: its tokens, from which a stem gets the word that readers know.
            parameters: how many.
        """
        chosen = [i for i, text in enumerate(stems) if text]
        if len(chosen) > parameters.fitted_on:
            drawn = np.random.default_rng(parameters.seed).choice(chosen, parameters.fitted_on, replace=False)
            chosen = np.sort(drawn).tolist()
        vectorizer = TfidfVectorizer(
            analyzer=str.split,
            max_features=parameters.vocabulary,
            min_df=min(parameters.least, max(len(chosen), 1)),
            max_df=parameters.most,
            sublinear_tf=True,
            dtype=np.float32,
        )
        try:
            tfidf = vectorizer.fit_transform([stems[i] for i in chosen])
        except ValueError:  # its way of saying that no stem is left
            return None
        count = min(parameters.themes, *tfidf.shape)
        if count < 2:
            return None
        factors = NMF(count, init="nndsvd", random_state=parameters.seed, max_iter=200, tol=1e-3)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            factors.fit(tfidf)
        # As many steps for every document, so that its weights do not depend on the others it comes with.
        factors.set_params(tol=0.0, max_iter=STEPS)
        known = _commonest_words([words[i] for i in chosen])
        terms = vectorizer.get_feature_names_out()
        names = []
        for weights in factors.components_:
            best = [str(terms[j]) for j in np.argsort(-weights, kind="stable")[: parameters.words] if weights[j] > 0]
            names.append(", ".join(known.get(stem, stem) for stem in best) or "other")
        return cls(tuple(_distinct(names)), vectorizer, factors)

    def weights(self, stems: Sequence[str]) -> NDArray[np.float32]:
        """Weight (N, K) of each theme in each document; rows without a known stem are 0."""
        parts = []
        for start in range(0, len(stems), _CHUNK):
            tfidf = self.vectorizer.transform(stems[start : start + _CHUNK])
            found = self.factors.transform(tfidf).astype(np.float32)
            found[np.diff(tfidf.indptr) == 0] = 0
            parts.append(found)
        return np.concatenate(parts) if parts else np.zeros((0, len(self.names)), dtype=np.float32)

    def main(self, stems: Sequence[str]) -> NDArray[np.int64]:
        """The strongest theme (N,) of each document; `NO_THEME` where none has any weight."""
        weights = self.weights(stems)
        return np.where(weights.max(axis=1, initial=0) > 0, weights.argmax(axis=1), NO_THEME)


def _commonest_words(texts: Sequence[str]) -> dict[str, str]:
    """Stem -> the word that is most often behind it."""
    stemmer, counts = Stemmer(), Counter[str]()
    for text in texts:
        counts.update(content_words(text.split(" ")))
    best: dict[str, str] = {}
    for word, _ in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        best.setdefault(stemmer.stems([word])[0], word)
    return best


def _distinct(names: Sequence[str]) -> list[str]:
    """Names that are told apart: repeats are numbered."""
    seen: Counter[str] = Counter()
    out = []
    for name in names:
        seen[name] += 1
        out.append(name if seen[name] == 1 else f"{name} ({seen[name]})")
    return out
