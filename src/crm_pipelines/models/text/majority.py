"""The baseline nobody may lose to: every document gets the shares of the classes in training."""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch

from crm_pipelines.config import Parameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.training.weights import load_weights, save_weights


class MajorityConfig(Parameters):
    """Attributes: smoothing: documents added to every class."""

    smoothing: float = 1.0


class Majority:
    """Class frequencies of the training part."""

    name: ClassVar[str] = "majority"
    Config: ClassVar[type[Parameters]] = MajorityConfig
    reads_words: ClassVar[bool] = False
    cross_fitted: ClassVar[bool] = False

    def __init__(self, config: MajorityConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.shares = np.zeros(0)

    def fit(self, inputs: TextInputs) -> list[dict[str, float]]:
        """Count."""
        counts = np.bincount(inputs.labels[inputs.train], minlength=len(inputs.classes)) + self.config.smoothing
        self.shares = counts / counts.sum()
        return []

    def predict_proba(self, inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, C)."""
        return np.tile(self.shares, (len(rows), 1))

    def save(self, directory: Path) -> None:
        """Write the shares."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, {"shares": torch.from_numpy(self.shares)})

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read the shares."""
        stored, state = load_weights(directory)
        model = cls(MajorityConfig(**stored["config"]), stored["seed"])
        model.shares = state["shares"].numpy()
        return model

    @property
    def n_parameters(self) -> int:
        """The shares."""
        return len(self.shares)
