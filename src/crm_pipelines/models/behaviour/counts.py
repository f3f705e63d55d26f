"""The two baselines nobody may lose to: class frequencies, and class frequencies after the last behaviour."""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch

from crm_pipelines.config import Parameters
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.training.weights import load_weights, save_weights


class CountsConfig(Parameters):
    """Attributes: smoothing: events added to every class."""

    smoothing: float = 1.0


class Majority:
    """Every query gets the class frequencies of the training part."""

    name: ClassVar[str] = "majority"
    Config: ClassVar[type[Parameters]] = CountsConfig

    def __init__(self, config: CountsConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.table = np.zeros((0, 0))
        """Probabilities (states, C); one state."""

    def _states(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        return np.zeros(len(events), dtype=np.int64)

    def _n_states(self, inputs: EventInputs) -> int:
        return 1

    def fit(self, inputs: EventInputs) -> list[dict[str, float]]:
        """Count classes per state over the training events."""
        counts = np.full((self._n_states(inputs), len(inputs.classes)), self.config.smoothing)
        np.add.at(counts, (self._states(inputs, inputs.train), inputs.labels[inputs.train]), 1.0)
        self.table = counts / counts.sum(axis=1, keepdims=True)
        return []

    def predict_proba(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C)."""
        rows: np.ndarray = self.table[self._states(inputs, np.asarray(events))]
        return rows

    def save(self, directory: Path) -> None:
        """Write the table."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, {"table": torch.from_numpy(self.table)})

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read the table."""
        stored, state = load_weights(directory)
        model = cls(CountsConfig(**stored["config"]), stored["seed"])
        model.table = state["table"].numpy()
        return model

    @property
    def n_parameters(self) -> int:
        """Entries of the table."""
        return int(self.table.size)


class LastBehaviour(Majority):
    """The state is the customer's last behaviour strictly before the query (or none): a first-order Markov chain."""

    name: ClassVar[str] = "last_behaviour"

    def _n_states(self, inputs: EventInputs) -> int:
        return len(inputs.store.behaviours) + 1

    def _states(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        last, known = inputs.store.customers.history(events, 1)
        behaviour = np.asarray(inputs.store.behaviour)[last[:, 0]]
        return np.where(known[:, 0], behaviour, len(inputs.store.behaviours)).astype(np.int64)
