"""The baseline nobody may lose to: every record gets the share of positives in training."""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch

from crm_pipelines.config import Parameters
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.training.weights import load_weights, save_weights


class MajorityConfig(Parameters):
    """Attributes: smoothing: records added to both classes."""

    smoothing: float = 1.0


class Majority:
    """Class frequencies of the training part."""

    name: ClassVar[str] = "majority"
    Config: ClassVar[type[Parameters]] = MajorityConfig

    def __init__(self, config: MajorityConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.shares = np.full(2, 0.5)

    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Count."""
        counts = np.bincount(inputs.labels[inputs.train], minlength=2) + self.config.smoothing
        self.shares = counts / counts.sum()
        return []

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, 2)."""
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
        """Both shares."""
        return 2
