"""CNN-GRU+: networks and linear models on n-grams, cross-fitted and weighed.

Idea: with some thousand documents a network on words and a linear model on characters err in different places, and
the variance of the first is large. The training part is cut into parts; for each of them a network and a linear model
are fitted on the others, so that each training document is scored by members that have not seen it (Wolpert 1992,
"Stacked generalization"). On these scores the weights of the kinds are fitted; the members of all parts are averaged.
Validation stops the networks and nothing else, so that thresholds and temperature chosen on it stay honest.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field
from sklearn.model_selection import StratifiedKFold

from crm_pipelines.config import Parameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.errors import UserError
from crm_pipelines.models.layers.class_stacking import logs, pooled, stack_classes
from crm_pipelines.models.text.cnn_gru import CNNGRU, CNNGRUConfig
from crm_pipelines.models.text.tfidf_logistic import TfidfLogistic, TfidfLogisticConfig

SEED_STEP = 1_000
"""Seeds of members lie this far apart."""
KINDS = ("network", "linear")
POOL_FILE = "pool.json"


class CNNGRUPlusConfig(CNNGRUConfig):
    """The network's parameters and those of the pool.

    Attributes:
        parts: of the training documents; as many networks and linear models.
        linear: hyper-parameters of the linear members.
        shrinkage: pull of the weights towards equal ones.
    """

    parts: int = Field(default=3, ge=2)
    linear: TfidfLogisticConfig = TfidfLogisticConfig()
    shrinkage: float = Field(default=0.001, ge=0)


class CNNGRUPlus:
    """The pool as the model contract has it."""

    name: ClassVar[str] = "cnn_gru_plus"
    Config: ClassVar[type[Parameters]] = CNNGRUPlusConfig
    reads_words: ClassVar[bool] = True

    def __init__(self, config: CNNGRUPlusConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.networks: list[CNNGRU] = []
        self.linear: list[TfidfLogistic] = []
        self.weights, self.constants = np.full(len(KINDS), 1 / len(KINDS)), np.zeros(0)

    def _members(self, part: int) -> tuple[CNNGRU, TfidfLogistic]:
        c, seed = self.config, self.seed + SEED_STEP * part
        own = set(CNNGRUPlusConfig.model_fields) - set(CNNGRUConfig.model_fields)
        return CNNGRU(CNNGRUConfig(**c.model_dump(exclude=own)), seed), TfidfLogistic(c.linear, seed)

    def fit(self, inputs: TextInputs) -> list[dict[str, float]]:
        """Fit every member on all parts but one, then the weights on what each says of that one."""
        self.networks, self.linear = [], []
        history = []
        labels = inputs.labels[inputs.train]
        unseen = np.zeros((len(labels), len(KINDS), len(inputs.classes)))
        for part, (rest, own) in enumerate(self._parts(labels)):
            network, linear = self._members(part)
            known, rows = dataclasses.replace(inputs, train=inputs.train[rest]), inputs.train[own]
            history += [{"part": part, **row} for row in network.fit(known)]
            linear.fit(known)
            self.networks.append(network)
            self.linear.append(linear)
            unseen[own] = np.stack([logs(m.predict_proba(inputs, rows)) for m in (network, linear)], axis=1)
        self.weights, self.constants = stack_classes(unseen, labels, self.config.shrinkage)
        return history

    def _parts(self, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions of all other parts and of each part; fewer parts where a class has fewer documents."""
        count = max(2, min(self.config.parts, int(np.bincount(labels).min())))
        parts: Iterator[tuple[np.ndarray, np.ndarray]] = StratifiedKFold(
            count, shuffle=True, random_state=self.seed
        ).split(labels, labels)
        return parts

    def predict_proba(self, inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, C)."""
        if not len(rows):
            return np.zeros((0, len(self.constants)))
        by_kind = [
            np.mean([logs(member.predict_proba(inputs, rows)) for member in members], axis=0)
            for members in (self.networks, self.linear)
        ]
        return pooled(np.stack(by_kind, axis=1), self.weights, self.constants)

    def save(self, directory: Path) -> None:
        """Write the members and the weights."""
        for part, members in enumerate(zip(self.networks, self.linear, strict=True)):
            for kind, member in zip(KINDS, members, strict=True):
                member.save(directory / f"part={part}" / kind)
        pool = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "parts": len(self.networks),
            "weights": self.weights.tolist(),
            "constants": self.constants.tolist(),
        }
        (directory / POOL_FILE).write_text(json.dumps(pool, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            UserError: a file is missing or cannot be read.
        """
        try:
            pool: dict[str, Any] = json.loads((directory / POOL_FILE).read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{directory}: no readable model here ({error}); train it again") from error
        model = cls(CNNGRUPlusConfig(**pool["config"]), pool["seed"])
        for part in range(pool["parts"]):
            model.networks.append(CNNGRU.load(directory / f"part={part}" / KINDS[0]))
            model.linear.append(TfidfLogistic.load(directory / f"part={part}" / KINDS[1]))
        model.weights, model.constants = np.array(pool["weights"]), np.array(pool["constants"])
        return model

    @property
    def n_parameters(self) -> int:
        """Of all members, and the weights."""
        members = (*self.networks, *self.linear)
        return sum(member.n_parameters for member in members) + len(self.weights) + len(self.constants)
