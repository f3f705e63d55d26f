"""CNN-GRU+: networks and linear models on n-grams, cross-fitted, under judges who weigh what they say.

Idea: with some thousand documents a network on words and linear models on characters and a lexicon err in different
places, and the variance of the first is large. The documents of training and validation are cut into parts; for each of
them every member is fitted on the others, so that every document is scored by members that have not learnt its label
(Wolpert 1992, "Stacked generalization"). On these scores small logistic regressions, the judges, learn what to make of
them: one hears the linear members alone, the other all. Networks cost most and seldom change a clear case, so they are
asked only where the first judge is in doubt (Viola and Jones 2001, "Rapid object detection using a boosted cascade";
decision 068).

A new document gets the networks of all parts, averaged, and linear models of all documents; one that the model has
learnt from gets what the judges make of members that had not seen it. So thresholds and temperature chosen on documents
of training and validation stay honest.
"""

import dataclasses
import hashlib
from collections.abc import Sequence
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
POOL = "pool"
JUDGES, JUDGE_ARRAYS = ("first", "second"), ("mean", "scale", "weights", "constants")
QUESTIONS = "questions_"
LIMIT = 1e-6
"""Networks' probabilities count as no lower."""


class CNNGRUPlusConfig(CNNGRUConfig):
    """The network's parameters and those of the pool.

    Attributes:
        training: of the networks. parts: of the documents; as many networks.
        questions: hyper-parameters of the linear members.
        penalty: inverse L2 strength C of the judges.
        sure: probability of a class from which on the networks are not asked.
    """

    training: TextTraining = TextTraining(epochs=3, most_events=25_000)
    parts: int = Field(default=3, ge=2)
    questions: QuestionParameters = QuestionParameters()
    penalty: float = Field(default=0.1, gt=0)
    sure: float = Field(default=0.95, gt=0, le=1)


class Judge:
    """Logistic regression on what M members say.

    Attributes:
        mean, scale: of what they say (M,). weights: (C, M). constants: (C,).
    """

    def __init__(self) -> None:
        self.mean = self.scale = np.zeros(0)
        self.weights, self.constants = np.zeros((0, 0), dtype=np.float32), np.zeros(0)

    @classmethod
    def of(cls, said: np.ndarray, labels: np.ndarray, classes: int, penalty: float) -> Self:
        """Fitted on what members say (N, M) of documents with labels (N,)."""
        judge = cls()
        judge.mean, judge.scale = said.mean(axis=0), np.maximum(said.std(axis=0), 1e-6)
        fitted = LogisticRegression(C=penalty, max_iter=200).fit((said - judge.mean) / judge.scale, labels)
        judge.weights, judge.constants = full_coefficients(fitted, classes)
        return judge

    def probabilities(self, said: np.ndarray) -> np.ndarray:
        """Probabilities (B, C) from what members say (B, M)."""
        return softmax((said - self.mean) / self.scale @ self.weights.T + self.constants)


class CNNGRUPlus:
    """The pool as the model contract has it."""

    name: ClassVar[str] = "cnn_gru_plus"
    Config: ClassVar[type[Parameters]] = CNNGRUPlusConfig
    reads_words: ClassVar[bool] = False  # but for documents in doubt
    cross_fitted: ClassVar[bool] = True

    def __init__(self, config: CNNGRUPlusConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.networks: list[CNNGRU] = []
        self.questions = NGramQuestions(config.questions, seed)
        self.first, self.second = Judge(), Judge()
        """Judges of the questions alone, and of networks and questions."""
        self.marks = np.zeros(0, dtype=np.int64)
        """Of the documents learnt from, ascending."""
        self.unseen = np.zeros((0, 0))
        """Their probabilities by members that had not seen them."""

    def fit(self, inputs: TextInputs) -> list[dict[str, float]]:
        """Fit every member on all parts but one, then the judges on what each says of that one."""
        rows = np.sort(np.concatenate([inputs.train, inputs.validation]))
        everything, labels = dataclasses.replace(inputs, train=rows), inputs.labels[rows]
        by_questions = self.questions.fit(everything)
        by_networks, self.networks, history = self.cross_fit(everything)
        said, classes = np.hstack([by_networks, by_questions]), len(inputs.classes)
        self.first = Judge.of(by_questions, labels, classes, self.config.penalty)
        self.second = Judge.of(said, labels, classes, self.config.penalty)
        unseen = self.first.probabilities(by_questions)
        doubtful = self._doubtful(unseen)
        unseen[doubtful] = self.second.probabilities(said[doubtful])
        marks = _marks(inputs, rows)
        order = np.argsort(marks, kind="stable")
        self.marks, self.unseen = marks[order], unseen[order]
        return history

    def cross_fit(self, inputs: TextInputs) -> tuple[np.ndarray, list[CNNGRU], list[dict[str, float]]]:
        """What networks that have not seen it say (N, C) of each training document; they, and how they learnt."""
        rows, config = inputs.train, self._network_config()
        labels, words = inputs.labels[rows], known_words(inputs, config, self.seed)
        said = np.zeros((len(rows), len(inputs.classes)))
        networks, history = [], []
        for part, (rest, own) in enumerate(stratified_parts(labels, self.config.parts, self.seed)):
            seed = self.seed + SEED_STEP * part
            train, stopping = self._divided(rows[rest], labels[rest], seed)
            network = CNNGRU(config, seed)
            network.give_words(words)
            known = dataclasses.replace(inputs, train=train, validation=stopping)
            history += [{"part": part, **row} for row in network.fit(known)]
            said[own] = logs(network.predict_proba(known, rows[own]))
            networks.append(network)
        return said, networks, history

    def _doubtful(self, probabilities: np.ndarray) -> np.ndarray:
        """Which documents (B,) the first judge is not sure of."""
        found: np.ndarray = probabilities.max(axis=1) < self.config.sure
        return found

    def _network_config(self) -> CNNGRUConfig:
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
        out = np.zeros((len(rows), len(inputs.classes)))
        if not len(rows):
            return out
        marks = _marks(inputs, rows)
        place = np.searchsorted(self.marks, marks).clip(max=max(len(self.marks) - 1, 0))
        known = self.marks[place] == marks
        out[known] = self.unseen[place[known]]
        if not known.all():
            out[~known] = self._of_new(inputs, rows[~known])
        return out

    def _of_new(self, inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, C) of documents that nothing was learnt from."""
        by_questions = self.questions.said(inputs, rows)
        out = self.first.probabilities(by_questions)
        doubtful = self._doubtful(out)
        if doubtful.any():
            said = np.hstack([average_of(self.networks, inputs.only(rows[doubtful])), by_questions[doubtful]])
            out[doubtful] = self.second.probabilities(said)
        return out

    def save(self, directory: Path) -> None:
        """Write the members, the judges, and marks and scores of the documents learnt from."""
        for part, network in enumerate(self.networks):
            network.save(directory / f"network={part}")
        config = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "parts": len(self.networks),
        }
        arrays = {"marks": self.marks, "unseen": self.unseen}
        for judge in JUDGES:
            arrays |= {f"{judge}_{name}": getattr(getattr(self, judge), name) for name in JUDGE_ARRAYS}
        questions = {f"{QUESTIONS}{name}": tensor for name, tensor in self.questions.state().items()}
        save_weights(directory / POOL, config, {n: torch.from_numpy(a) for n, a in arrays.items()} | questions)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            UserError: a file is missing or cannot be read.
        """
        stored, state = load_weights(directory / POOL)
        model = cls(CNNGRUPlusConfig(**stored["config"]), stored["seed"])
        model.networks = [CNNGRU.load(directory / f"network={part}") for part in range(stored["parts"])]
        model.marks, model.unseen = state["marks"].numpy(), state["unseen"].numpy()
        for judge in JUDGES:
            for name in JUDGE_ARRAYS:
                setattr(getattr(model, judge), name, state[f"{judge}_{name}"].numpy())
        own = {name.removeprefix(QUESTIONS): each for name, each in state.items() if name.startswith(QUESTIONS)}
        model.questions.restore(own)
        return model

    @property
    def n_parameters(self) -> int:
        """Of all members, and the judges."""
        networks = sum(network.n_parameters for network in self.networks)
        judges = sum(judge.weights.size + len(judge.constants) for judge in (self.first, self.second))
        return networks + self.questions.n_parameters + judges


def average_of(networks: Sequence[CNNGRU], inputs: TextInputs) -> np.ndarray:
    """Mean log-probabilities (n, C) of all documents by networks that know the same words."""
    networks[0].log_of(inputs)
    for network in networks[1:]:
        network.share_log(networks[0])
    rows = np.arange(len(inputs))
    mean: np.ndarray = np.mean([logs(network.predict_proba(inputs, rows)) for network in networks], axis=0)
    return mean


def logs(probabilities: np.ndarray) -> np.ndarray:
    """Log-probabilities (B, C), none below `LIMIT`."""
    return np.asarray(np.log(np.clip(probabilities, LIMIT, 1.0)), dtype=np.float64)


def _marks(inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
    """A number (B,) that tells documents apart by their texts; equal texts are one document here."""
    texts = (f"{inputs.summary[row]}\n{inputs.text[row]}".encode("utf-8", "surrogatepass") for row in rows)
    digests = b"".join(hashlib.blake2b(text, digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype=np.int64).copy()
