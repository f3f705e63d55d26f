"""What all neural text models share: the frame of `training.neural` over documents, a vocabulary, class weights."""

import math
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional

from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.models.layers.token_log import RESERVED, TokenLog, TokenSizes, vocabulary_of
from crm_pipelines.text.word_vectors import WordVectorParameters, word_vectors
from crm_pipelines.training.neural import NeuralConfig, NeuralFrame
from crm_pipelines.training.parameters import TrainingParameters


class TextTraining(TrainingParameters):
    """As everywhere, with defaults for thousands of documents of some hundred words.

    Attributes:
        least_steps: a small corpus is gone through more often than ``epochs``, until so many steps have been made.
    """

    epochs: int = Field(default=4, ge=1)
    most_events: int = Field(default=40_000, ge=1)
    batch_size: int = Field(default=128, ge=2)
    learning_rate: float = Field(default=3e-3, gt=0)
    patience: int = Field(default=2, ge=1)
    least_steps: int = Field(default=100, ge=1)

    def passes(self, events: int) -> int:
        """Most epochs over ``events`` training documents."""
        return max(super().passes(events), math.ceil(self.least_steps * self.batch_size / max(events, self.batch_size)))


class TextNetworkConfig(NeuralConfig):
    """Every neural text model has these beside its own parameters.

    Attributes:
        most_words: a document is read up to so many words.
        vocabulary: most words known. least: documents of the training part a word must be in.
        vectors: of the words, before the network is trained.
        balance: class weights are the inverse of a class's size to this power; 0 weighs every document alike.
    """

    training: TextTraining = TextTraining()
    most_words: int = Field(default=128, ge=8, le=512)
    vocabulary: int = Field(default=30_000, ge=10)
    least: int = Field(default=2, ge=1)
    vectors: WordVectorParameters = WordVectorParameters()
    balance: float = Field(default=0.5, ge=0, le=1)


def known_words(inputs: TextInputs, config: TextNetworkConfig, seed: int) -> tuple[list[str], np.ndarray]:
    """Vocabulary (V) of the training documents and its vectors (V, E)."""
    corpus = [text.split(" ") for text in inputs.words[inputs.train] if text]
    words = vocabulary_of(corpus, config.least, config.vocabulary)
    return words, word_vectors(corpus, words, config.vectors, seed)


class TextNetwork(NeuralFrame[TextInputs, TokenLog, TokenSizes]):
    """A text model around a network with an ``embedding`` whose ``forward(log, rows)`` gives logits (B, C).

    The loss weighs the classes; probabilities are those of the classes as they are, with the weights taken out again.
    """

    reads_words: ClassVar[bool] = True
    cross_fitted: ClassVar[bool] = False
    chunk: ClassVar[int] = 256  # what a processor's cache holds of their words

    def __init__(self, config: Any, seed: int = 42) -> None:
        super().__init__(config, seed)
        self.words: list[str] = []
        self.class_weights: list[float] = []
        self._vectors: np.ndarray | None = None
        self._given: tuple[list[str], np.ndarray] | None = None

    def give_words(self, words: tuple[list[str], np.ndarray]) -> None:
        """Take a vocabulary (V) and its vectors (V, E), which know no label, instead of fitting them."""
        self._given = words

    def open(self, inputs: TextInputs) -> TokenLog:
        """The documents as word numbers."""
        numbers = {word: position for position, word in enumerate(self.words, start=RESERVED)}
        return TokenLog(inputs, numbers, self.config.most_words)

    def measure(self, inputs: TextInputs) -> TokenSizes:
        """Fit vocabulary, class weights and word vectors on the training documents; sizes of the network."""
        config = self.config
        self.words, self._vectors = self._given or known_words(inputs, config, self.seed)
        counts = np.bincount(inputs.labels[inputs.train], minlength=len(inputs.classes))
        weights = (len(inputs.train) / (len(inputs.classes) * np.maximum(counts, 1))) ** config.balance
        self.class_weights = (weights / np.average(weights, weights=np.maximum(counts, 1))).tolist()
        return TokenSizes(len(self.words) + RESERVED, self._vectors.shape[1], len(inputs.classes))

    @classmethod
    def parse_sizes(cls, stored: dict[str, Any]) -> TokenSizes:
        """Sizes from what JSON kept of them."""
        return TokenSizes.parse(stored)

    def start(self, inputs: TextInputs, log: TokenLog) -> None:
        """Put the word vectors into the network, scaled to the size of its own."""
        assert self._vectors is not None
        self._given = None
        scale = float(self._vectors.std()) or 1.0
        with torch.no_grad():
            weight = self.network.embedding.weight
            weight[RESERVED:] = torch.from_numpy(self._vectors / scale) * 0.3
        self._vectors = None

    def groups(self, log: TokenLog) -> np.ndarray:
        """Documents of about the same length come together."""
        return log.buckets()

    def loss(self, log: TokenLog, ids: Tensor) -> Tensor:
        """Cross-entropy with class weights."""
        weight = torch.tensor(self.class_weights, dtype=torch.float32)
        return functional.cross_entropy(self.network(log, ids), log.label[ids], weight=weight)

    def probabilities(self, log: TokenLog, ids: Tensor) -> Tensor:
        """Class probabilities (B, C) of one chunk: what weighted classes were learnt as, divided by the weights."""
        logits = self.network(log, ids).double() - torch.tensor(self.class_weights, dtype=torch.float64).log()
        return torch.softmax(logits, dim=1)

    def extra(self) -> dict[str, Any]:
        """Vocabulary and class weights."""
        return {"words": self.words, "class_weights": self.class_weights}
