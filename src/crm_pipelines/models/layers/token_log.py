"""Documents as tensors of word numbers: what text networks read."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, repeat
from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from crm_pipelines.documents.inputs import TextInputs

PAD, UNKNOWN = 0, 1
"""Numbers of no word and of a word that the vocabulary lacks; the vocabulary's begin after them."""
RESERVED = 2
LENGTHS = (8, 16, 32, 64, 96, 128, 192, 256, 384, 512)
"""A batch holds documents of one of these ranges of lengths, so that little of it is padding."""


def vocabulary_of(texts: Iterable[Sequence[str]], least: int, most: int) -> list[str]:
    """Words in at least ``least`` texts, the ``most`` frequent of them; equals in alphabetical order."""
    counts: Counter[str] = Counter()
    for words in texts:
        counts.update(set(words))
    kept = [(-count, word) for word, count in counts.items() if count >= least]
    return [word for _, word in sorted(kept)[:most]]


class TokenLog:
    """Word numbers of n documents.

    Attributes:
        inputs: what they were made of.
        label: (n,). ids: (n, T) numbers of the first T words, ``PAD`` behind them. length: (n,) at least 1.
    """

    def __init__(self, inputs: TextInputs, numbers: Mapping[str, int], most_words: int) -> None:
        self.inputs = inputs
        self.label = torch.from_numpy(np.array(inputs.labels, dtype=np.int64))
        rows = [
            list(map(numbers.get, words.split(" ")[:most_words], repeat(UNKNOWN))) if words else [UNKNOWN]
            for words in inputs.words
        ]
        length = np.array([len(row) for row in rows], dtype=np.int64)
        ids = np.full((len(rows), int(length.max(initial=1))), PAD, dtype=np.int32)
        if len(rows):
            ids[np.arange(ids.shape[1]) < length[:, None]] = np.fromiter(chain.from_iterable(rows), dtype=np.int32)
        self.ids, self.length = torch.from_numpy(ids), torch.from_numpy(length)

    def words(self, rows: Tensor) -> Tensor:
        """Word numbers (B, T) of documents (B,), T the longest of them."""
        return self.ids[rows, : int(self.length[rows].max())].long()

    def buckets(self) -> np.ndarray:
        """Range of lengths (n,) of each document."""
        return np.searchsorted(np.asarray(LENGTHS), self.length.numpy())


class TokenSizes(NamedTuple):
    """What a network must know before it is built: V words with the reserved ones, width of a vector, C classes."""

    vocabulary: int
    width: int
    classes: int

    @classmethod
    def parse(cls, stored: dict[str, Any]) -> Self:
        """From what JSON kept of `_asdict`."""
        return cls(**stored)
