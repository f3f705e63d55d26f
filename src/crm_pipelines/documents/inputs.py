"""What every text model is given: labelled documents of one fold, or documents that are to be scored."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.documents.words import WORDS
from crm_pipelines.text.normalise import normalise, tokenise

Ids = NDArray[np.int64]
Floats = NDArray[np.float64]
Strings = NDArray[np.object_]


def _no_rows() -> Ids:
    return np.empty(0, dtype=np.int64)


@dataclass(frozen=True, eq=False)
class TextInputs:
    """n documents; whatever a model fits, it fits on ``train`` alone.

    Attributes:
        protocol: ``stratified`` or ``time``. fold: number of the fold.
        classes: names of the C sentiments.
        labels: (n) int64 position in ``classes``; -1 where there is none.
        grades: (n) float64 mark that the label comes from, nan where there is none.
        summary, text: (n) normalised texts, ``""`` where missing.
        words: (n) tokens of both with blanks between them.
        customer: (n) int64 group that a bootstrap draws as a whole.
        train, validation, test: document rows, int64.
        groups: name of a fairness axis -> (n) group of each document.
    """

    protocol: str
    fold: int
    classes: tuple[str, ...]
    labels: Ids
    grades: Floats
    summary: Strings
    text: Strings
    words: Strings
    customer: Ids
    train: Ids = field(default_factory=_no_rows)
    validation: Ids = field(default_factory=_no_rows)
    test: Ids = field(default_factory=_no_rows)
    groups: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check that columns fit together.

        Raises:
            ValueError: naming the first that does not.
        """
        for name in ("labels", "grades", "summary", "text", "words", "customer"):
            if len(getattr(self, name)) != len(self.text):
                raise ValueError(f"{name} has {len(getattr(self, name))} rows, there are {len(self.text)} documents")

    def __len__(self) -> int:
        return len(self.text)

    def only(self, rows: Ids) -> Self:
        """Some documents (B,), with their words: those of documents that came without are found now. No parts."""
        texts = (self.summary[rows], self.text[rows], self.words[rows])
        words = [known or " ".join([*tokenise(a), *tokenise(b)]) for a, b, known in zip(*texts, strict=True)]
        parts = {name: getattr(self, name)[rows] for name in ("labels", "grades", "summary", "text", "customer")}
        return type(self)(self.protocol, self.fold, self.classes, words=np.array(words, dtype=object), **parts)

    @classmethod
    def of(cls, words: pd.DataFrame, classes: Sequence[str] = c.SENTIMENTS, **parts: Any) -> Self:
        """Inputs from rows of `words.DOCUMENT_WORDS`; ``parts`` are further attributes, such as ``train``."""
        position = {name: code for code, name in enumerate(classes)}
        customer = pd.factorize(words[c.CUSTOMER_ID].astype("object"))[0].astype(np.int64)
        alone = customer < 0  # a document of nobody known is a group of its own
        customer[alone] = customer.max(initial=-1) + 1 + np.arange(int(alone.sum()))
        channel = words[c.CHANNEL].astype(object).to_numpy()
        parts = {"protocol": "", "fold": 0, "groups": {c.CHANNEL: channel} if len(set(channel)) > 1 else {}, **parts}
        return cls(
            classes=tuple(classes),
            labels=np.asarray(words[c.LABEL].map(position).fillna(-1), dtype=np.int64),
            grades=words[c.GRADE].to_numpy(dtype=np.float64, na_value=np.nan),
            summary=words[c.SUMMARY].fillna("").to_numpy(dtype=object),
            text=words[c.TEXT].fillna("").to_numpy(dtype=object),
            words=words[WORDS].fillna("").to_numpy(dtype=object),
            customer=customer,
            **parts,
        )

    @classmethod
    def of_texts(
        cls, summary: Sequence[str | None], text: Sequence[str | None], classes: Sequence[str], tokens: bool = True
    ) -> Self:
        """Inputs of documents as they come, to be scored.

        Args:
            summary, text: raw, of n documents each.
            classes: that the model knows.
            tokens: also split them, for models that read words.
        """
        heads, bodies = [normalise(one) for one in summary], [normalise(one) for one in text]
        words = [""] * len(bodies)
        if tokens:
            words = [" ".join([*tokenise(a), *tokenise(b)]) for a, b in zip(heads, bodies, strict=True)]
        n = len(bodies)
        return cls(
            protocol="",
            fold=0,
            classes=tuple(classes),
            labels=np.full(n, -1, dtype=np.int64),
            grades=np.full(n, np.nan),
            summary=np.array(heads, dtype=object),
            text=np.array(bodies, dtype=object),
            words=np.array(words, dtype=object),
            customer=np.arange(n),
        )
