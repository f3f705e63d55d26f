"""Popularity: every customer's next item is what is chosen most often. Every model has to beat it."""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch

from crm_pipelines.config import Parameters
from crm_pipelines.sequences.inputs import Histories, SequenceInputs
from crm_pipelines.training.weights import load_weights, save_weights


class PopularityConfig(Parameters):
    """Nothing to set."""


class Popularity:
    """The counts as the contract has them; each item counts once more than it occurs."""

    name: ClassVar[str] = "popularity"
    Config: ClassVar[type[Parameters]] = PopularityConfig

    def __init__(self, config: PopularityConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.logarithms = np.empty(0, dtype=np.float32)

    def fit(self, inputs: SequenceInputs) -> list[dict[str, float]]:
        """Count."""
        counts = np.bincount(inputs.known.items, minlength=inputs.n_items) + 1.0
        self.logarithms = np.log(counts / counts.sum()).astype(np.float32)
        return []

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I), the same for all."""
        return np.tile(self.logarithms, (len(histories), 1))

    def save(self, directory: Path) -> None:
        """Write the logarithms."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, {"logarithms": torch.from_numpy(self.logarithms)})

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        kept, state = load_weights(directory)
        model = cls(PopularityConfig(**kept["config"]), kept["seed"])
        model.logarithms = state["logarithms"].numpy()
        return model

    @property
    def n_parameters(self) -> int:
        """One number an item."""
        return len(self.logarithms)
