"""CNN-GRU+: a network and linear models on n-grams, cross-fitted, under a judge who weighs what they say.

Idea: with some thousand documents a network on words and linear models on characters and a lexicon err in different
places, and the variance of the first is large. The documents of training and validation are cut into parts; for each of
them every member is fitted on the others, so that every document is scored by members that have not learnt its label
(Wolpert 1992, "Stacked generalization"). On these scores a small logistic regression, the judge, learns what to make of
them. A new document gets members fitted on all documents; one that the model has learnt from gets what the judge makes
of members that had not seen it. So thresholds and temperature chosen on documents of training and validation stay
honest. The judge is linear and so are the questions: both together are one table of n-grams (decision 068).
"""

import dataclasses
import hashlib
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from pydantic import Field
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split

from crm_pipelines.config import Parameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.models.layers.ngram_questions import NGramQuestions, QuestionParameters
from crm_pipelines.models.layers.parts import stratified_parts
from crm_pipelines.models.layers.weighted_ngrams import full_coefficients, softmax
from crm_pipelines.models.text.cnn_gru import CNNGRU, CNNGRUConfig
from crm_pipelines.models.text.neural import TextTraining, known_words
from crm_pipelines.training.weights import load_weights, save_weights

SEED_STEP = 1_000
"""Seeds of members lie this far apart."""
STOPPING_SHARE = 0.1
"""Share of a network's documents that stop it."""
POOL, NETWORK = "pool", "network"
POOL_ARRAYS = ("mean", "scale", "weights", "constants", "marks", "unseen")
QUESTIONS = "questions_"
LIMIT = 1e-6
"""Networks' probabilities count as no lower."""


class CNNGRUPlusConfig(CNNGRUConfig):
    """The network's parameters and those of the pool.

    Attributes:
        training: of the networks. parts: of the documents; as many networks and one of all are fitted.
        questions: hyper-parameters of the linear members.
        penalty: inverse L2 strength C of the judge.
    """

    training: TextTraining = TextTraining(epochs=3, most_events=25_000)
    parts: int = Field(default=3, ge=2)
    questions: QuestionParameters = QuestionParameters()
    penalty: float = Field(default=0.1, gt=0)


class CNNGRUPlus:
    """The pool as the model contract has it."""

    name: ClassVar[str] = "cnn_gru_plus"
    Config: ClassVar[type[Parameters]] = CNNGRUPlusConfig
    reads_words: ClassVar[bool] = True
    cross_fitted: ClassVar[bool] = True

    def __init__(self, config: CNNGRUPlusConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.member = CNNGRU(self.network_config(), seed)
        """The network of all documents."""
        self.questions = NGramQuestions(config.questions, seed)
        self.mean = self.scale = np.zeros(0)
        """Of what members say (M,)."""
        self.weights, self.constants = np.zeros((0, 0)), np.zeros(0)
        """The judge's: (C, M) and (C,)."""
        self._mix = np.zeros((0, 0))
        """What it makes of the questions (K, C)."""
        self.marks = np.zeros(0, dtype=np.int64)
        """Of the documents learnt from, ascending."""
        self.unseen = np.zeros((0, 0))
        """Their probabilities by members that had not seen them."""

    def fit(self, inputs: TextInputs) -> list[dict[str, float]]:
        """Fit every member on all parts but one, the judge on what each says of that one, then members on all."""
        rows = np.sort(np.concatenate([inputs.train, inputs.validation]))
        everything = dataclasses.replace(inputs, train=rows)
        by_questions = self.questions.fit(everything)
        words = known_words(everything, self.network_config(), self.seed)
        by_networks, _, history = self.cross_fit(inputs, rows, words)
        self.member, own = self.fit_network(inputs, rows, words, self.seed)
        history += [{"part": self.config.parts, **row} for row in own]
        said = np.hstack([by_networks, by_questions])
        self.judge(said, inputs.labels[rows], len(inputs.classes))
        marks = _marks(inputs, rows)
        order = np.argsort(marks, kind="stable")
        self.marks, self.unseen = marks[order], self.judged(said)[order]
        return history

    def cross_fit(
        self, inputs: TextInputs, rows: np.ndarray, words: tuple[list[str], np.ndarray]
    ) -> tuple[np.ndarray, list[CNNGRU], list[dict[str, float]]]:
        """What networks that have not seen it say (N, C) of each document row (N,); the networks, and how they learnt.

        Args:
            words: the vocabulary and its vectors.
        """
        said = np.zeros((len(rows), len(inputs.classes)))
        networks, history = [], []
        for part, (rest, own) in enumerate(stratified_parts(inputs.labels[rows], self.config.parts, self.seed)):
            network, learnt = self.fit_network(inputs, rows[rest], words, self.seed + SEED_STEP * (part + 1))
            said[own] = logs(network.predict_proba(inputs, rows[own]))
            networks.append(network)
            history += [{"part": part, **row} for row in learnt]
        return said, networks, history

    def fit_network(
        self, inputs: TextInputs, rows: np.ndarray, words: tuple[list[str], np.ndarray], seed: int
    ) -> tuple[CNNGRU, list[dict[str, float]]]:
        """A network of document rows (N,), some of which stop it."""
        train, stopping = self._divided(rows, inputs.labels[rows], seed)
        network = CNNGRU(self.network_config(), seed)
        network.give_words(words)
        return network, network.fit(dataclasses.replace(inputs, train=train, validation=stopping))

    def judge(self, said: np.ndarray, labels: np.ndarray, classes: int) -> None:
        """Fit the judge on what members say (N, M) of documents with labels (N,)."""
        self.mean, self.scale = said.mean(axis=0), np.maximum(said.std(axis=0), 1e-6)
        judge = LogisticRegression(C=self.config.penalty, max_iter=200).fit((said - self.mean) / self.scale, labels)
        self.weights, self.constants = full_coefficients(judge, classes)
        self._fold()

    def _fold(self) -> None:
        """Bring the judge's weights of the questions into one matrix."""
        self._mix = np.ascontiguousarray((self.weights / self.scale)[:, len(self.constants) :].T)

    def judged(self, said: np.ndarray) -> np.ndarray:
        """Probabilities (B, C) from what members say (B, M)."""
        return softmax((said - self.mean) / self.scale @ self.weights.T + self.constants)

    def network_config(self) -> CNNGRUConfig:
        """The network's parameters alone."""
        own = set(CNNGRUPlusConfig.model_fields) - set(CNNGRUConfig.model_fields)
        return CNNGRUConfig(**self.config.model_dump(exclude=own))

    @staticmethod
    def _divided(rows: np.ndarray, labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Documents that a network learns from, and those that stop it."""
        present = np.bincount(labels)
        stratify = labels if present[present > 0].min() >= 2 and len(rows) * STOPPING_SHARE >= len(present) else None
        train, stopping = train_test_split(rows, test_size=STOPPING_SHARE, stratify=stratify, random_state=seed)
        return np.sort(train), np.sort(stopping)

    def predict_proba(self, inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, C); documents that were learnt from get those of members that had not seen them."""
        out = np.zeros((len(rows), len(self.constants)))
        if not len(rows):
            return out
        marks = _marks(inputs, rows)
        place = np.searchsorted(self.marks, marks).clip(max=max(len(self.marks) - 1, 0))
        known = self.marks[place] == marks
        out[known] = self.unseen[place[known]]
        new = rows[~known]
        if len(new):
            c = len(self.constants)
            by_network = logs(self.member.predict_proba(inputs, new)) @ (self.weights / self.scale)[:, :c].T
            constants = self.constants - self.weights @ (self.mean / self.scale)
            out[~known] = softmax(by_network + self.questions.said(inputs, new, self._mix) + constants)
        return out

    def save(self, directory: Path) -> None:
        """Write the members, the judge, and marks and scores of the documents learnt from."""
        self.member.save(directory / NETWORK)
        config = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
        }
        arrays = {name: torch.from_numpy(getattr(self, name)) for name in POOL_ARRAYS}
        questions = {f"{QUESTIONS}{name}": tensor for name, tensor in self.questions.state().items()}
        save_weights(directory / POOL, config, {**arrays, **questions})

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            UserError: a file is missing or cannot be read.
        """
        stored, state = load_weights(directory / POOL)
        model = cls(CNNGRUPlusConfig(**stored["config"]), stored["seed"])
        model.member = CNNGRU.load(directory / NETWORK)
        for name in POOL_ARRAYS:
            setattr(model, name, state[name].numpy())
        own = {name.removeprefix(QUESTIONS): each for name, each in state.items() if name.startswith(QUESTIONS)}
        model.questions.restore(own)
        model._fold()
        return model

    @property
    def n_parameters(self) -> int:
        """Of the members, and the judge."""
        return self.member.n_parameters + self.questions.n_parameters + self.weights.size + len(self.constants)


def logs(probabilities: np.ndarray) -> np.ndarray:
    """Log-probabilities (B, C), none below `LIMIT`."""
    return np.asarray(np.log(np.clip(probabilities, LIMIT, 1.0)), dtype=np.float64)


def _marks(inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
    """A number (B,) that tells documents apart by their texts; equal texts are one document here."""
    texts = (f"{inputs.summary[row]}\n{inputs.text[row]}".encode("utf-8", "surrogatepass") for row in rows)
    digests = b"".join(hashlib.blake2b(text, digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype=np.int64).copy()
