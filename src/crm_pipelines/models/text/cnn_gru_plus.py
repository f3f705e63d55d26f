"""CNN-GRU+: networks and two linear models, cross-fitted and weighed.

Idea: with some thousand documents a network on words, a linear model on characters, and one of ordered classes that
also knows a lexicon err in different places, and the variance of the first is large. The documents of training and
validation are cut into parts; for each of them every kind of member is fitted on the others, so that every document is
scored by members that have not seen it (Wolpert 1992, "Stacked generalization"). On these scores the weights of the
kinds are fitted. A new document gets the networks of all parts, averaged, and linear models of all documents; one that
the model has learnt from gets the score of the members that had not seen it. So thresholds and temperature chosen on
validation stay honest though validation is learnt from too.
"""

import dataclasses
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from pydantic import Field
from sklearn.model_selection import StratifiedKFold, train_test_split

from crm_pipelines.config import Parameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.models.layers.class_stacking import logs, pooled, stack_classes
from crm_pipelines.models.layers.ordinal_linear import OrdinalLinear, OrdinalParameters
from crm_pipelines.models.text.cnn_gru import CNNGRU, CNNGRUConfig
from crm_pipelines.models.text.tfidf_logistic import TfidfLogistic, TfidfLogisticConfig
from crm_pipelines.training.weights import load_weights, save_weights

SEED_STEP = 1_000
"""Seeds of members lie this far apart."""
STOPPING_SHARE = 0.1
"""Share of a network's documents that stop it."""
POOL = "pool"
POOL_ARRAYS = ("weights", "constants", "marks", "unseen")
ORDINAL = "ordinal_"
KINDS = 3
"""Of members: networks, linear, linear of ordered classes."""


class CNNGRUPlusConfig(CNNGRUConfig):
    """The network's parameters and those of the pool.

    Attributes:
        parts: of the documents; as many networks.
        linear, ordinal: hyper-parameters of the linear members.
        shrinkage: pull of the weights towards equal ones.
    """

    parts: int = Field(default=3, ge=2)
    linear: TfidfLogisticConfig = TfidfLogisticConfig()
    ordinal: OrdinalParameters = OrdinalParameters()
    shrinkage: float = Field(default=0.001, ge=0)


class CNNGRUPlus:
    """The pool as the model contract has it."""

    name: ClassVar[str] = "cnn_gru_plus"
    Config: ClassVar[type[Parameters]] = CNNGRUPlusConfig
    reads_words: ClassVar[bool] = True

    def __init__(self, config: CNNGRUPlusConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.networks: list[CNNGRU] = []
        self.linear, self.ordinal = TfidfLogistic(config.linear, seed), OrdinalLinear(config.ordinal)
        self.weights, self.constants = np.full(KINDS, 1 / KINDS), np.zeros(0)
        self.marks = np.zeros(0, dtype=np.int64)
        """Of the documents learnt from, ascending."""
        self.unseen = np.zeros((0, 0))
        """Their probabilities by members that had not seen them."""

    def fit(self, inputs: TextInputs) -> list[dict[str, float]]:
        """Fit every member on all parts but one, then the weights on what each says of that one."""
        rows = np.sort(np.concatenate([inputs.train, inputs.validation]))
        labels = inputs.labels[rows]
        self.networks, history = [], []
        said = np.zeros((len(rows), KINDS, len(inputs.classes)))
        for part, (rest, own) in enumerate(self._parts(labels)):
            seed = self.seed + SEED_STEP * part
            train, stopping = self._divided(rows[rest], labels[rest], seed)
            network = CNNGRU(self._network_config(), seed)
            history += [
                {"part": part, **row}
                for row in network.fit(dataclasses.replace(inputs, train=train, validation=stopping))
            ]
            linear, ordinal = TfidfLogistic(self.config.linear, seed), OrdinalLinear(self.config.ordinal)
            known = dataclasses.replace(inputs, train=rows[rest])
            linear.fit(known)
            ordinal.fit(known)
            members = (network, linear, ordinal)
            said[own] = np.stack([logs(member.predict_proba(inputs, rows[own])) for member in members], axis=1)
            self.networks.append(network)
        everything = dataclasses.replace(inputs, train=rows)
        self.linear.fit(everything)
        self.ordinal.fit(everything)
        self.weights, self.constants = stack_classes(said, labels, self.config.shrinkage)
        marks = _marks(inputs, rows)
        order = np.argsort(marks, kind="stable")
        self.marks, self.unseen = marks[order], pooled(said, self.weights, self.constants)[order]
        return history

    def _network_config(self) -> CNNGRUConfig:
        own = set(CNNGRUPlusConfig.model_fields) - set(CNNGRUConfig.model_fields)
        return CNNGRUConfig(**self.config.model_dump(exclude=own))

    def _parts(self, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions of all other parts and of each part; fewer parts where a class has fewer documents."""
        present = np.bincount(labels)
        count = max(2, min(self.config.parts, int(present[present > 0].min())))
        folding = StratifiedKFold(count, shuffle=True, random_state=self.seed)
        parts: Iterator[tuple[np.ndarray, np.ndarray]] = folding.split(labels, labels)
        return parts

    @staticmethod
    def _divided(rows: np.ndarray, labels: np.ndarray, seed: int) -> tuple[np.ndarray, np.ndarray]:
        """Documents that a network learns from, and those that stop it."""
        present = np.bincount(labels)
        stratify = labels if present[present > 0].min() >= 2 and len(rows) * STOPPING_SHARE >= len(present) else None
        train, stopping = train_test_split(rows, test_size=STOPPING_SHARE, stratify=stratify, random_state=seed)
        return np.sort(train), np.sort(stopping)

    def predict_proba(self, inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, C); documents that were learnt from get those of members that had not seen them."""
        if not len(rows):
            return np.zeros((0, len(self.constants)))
        by_networks = np.mean([logs(network.predict_proba(inputs, rows)) for network in self.networks], axis=0)
        by_linear = [logs(member.predict_proba(inputs, rows)) for member in (self.linear, self.ordinal)]
        said = np.stack([by_networks, *by_linear], axis=1)
        out = pooled(said, self.weights, self.constants)
        marks = _marks(inputs, rows)
        place = np.searchsorted(self.marks, marks).clip(max=max(len(self.marks) - 1, 0))
        known = self.marks[place] == marks
        out[known] = self.unseen[place[known]]
        return out

    def save(self, directory: Path) -> None:
        """Write the members, the weights, and marks and scores of the documents learnt from."""
        for part, network in enumerate(self.networks):
            network.save(directory / f"network={part}")
        self.linear.save(directory / "linear")
        config = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "parts": len(self.networks),
        }
        arrays = {name: torch.from_numpy(getattr(self, name)) for name in POOL_ARRAYS}
        ordinal = {f"{ORDINAL}{name}": tensor for name, tensor in self.ordinal.state().items()}
        save_weights(directory / POOL, config, {**arrays, **ordinal})

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            UserError: a file is missing or cannot be read.
        """
        stored, state = load_weights(directory / POOL)
        model = cls(CNNGRUPlusConfig(**stored["config"]), stored["seed"])
        model.networks = [CNNGRU.load(directory / f"network={part}") for part in range(stored["parts"])]
        model.linear = TfidfLogistic.load(directory / "linear")
        for name in POOL_ARRAYS:
            setattr(model, name, state[name].numpy())
        own = {name.removeprefix(ORDINAL): each for name, each in state.items() if name.startswith(ORDINAL)}
        model.ordinal.restore(own)
        return model

    @property
    def n_parameters(self) -> int:
        """Of all members, and the weights."""
        networks = sum(network.n_parameters for network in self.networks)
        linear = self.linear.n_parameters + self.ordinal.n_parameters
        return networks + linear + len(self.weights) + len(self.constants)


def _marks(inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
    """A number (B,) that tells documents apart by their texts; equal texts are one document here."""
    texts = (f"{inputs.summary[row]}\n{inputs.text[row]}".encode("utf-8", "surrogatepass") for row in rows)
    digests = b"".join(hashlib.blake2b(text, digest_size=8).digest() for text in texts)
    return np.frombuffer(digests, dtype=np.int64).copy()
