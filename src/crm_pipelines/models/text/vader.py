"""VADER: a lexicon of 7,500 words and emoticons with rules for negation, degree, capitals and "but".

Hutto and Gilbert 2014, "VADER: a parsimonious rule-based model for sentiment analysis of social media text", ICWSM.
Its compound score in [-1, 1] is not a probability: here each tenth or so of the scale gets the shares of the classes
that training documents have there. The lexicon itself is not fitted.
"""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.text.valence import compounds
from crm_pipelines.training.weights import load_weights, save_weights


class VaderConfig(Parameters):
    """Attributes: bins: of the compound score, equally wide. smoothing: documents, shared as in training, per bin."""

    bins: int = Field(default=20, ge=2)
    smoothing: float = Field(default=5.0, gt=0)


class Vader:
    """Class frequencies by compound score."""

    name: ClassVar[str] = "vader"
    Config: ClassVar[type[Parameters]] = VaderConfig
    reads_words: ClassVar[bool] = False
    cross_fitted: ClassVar[bool] = False

    def __init__(self, config: VaderConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.shares = np.zeros((config.bins, 0))

    def fit(self, inputs: TextInputs) -> list[dict[str, float]]:
        """Count classes by bin."""
        bins, labels = self._bins(inputs, inputs.train), inputs.labels[inputs.train]
        counts = np.zeros((self.config.bins, len(inputs.classes)))
        np.add.at(counts, (bins, labels), 1.0)
        prior = (counts.sum(axis=0) + 1) / (counts.sum() + len(inputs.classes))
        counts += self.config.smoothing * prior
        self.shares = counts / counts.sum(axis=1, keepdims=True)
        return []

    def predict_proba(self, inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, C)."""
        found: np.ndarray = self.shares[self._bins(inputs, rows)]
        return found

    def _bins(self, inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
        """Bin (B,) of each document's compound score."""
        score = compounds([f"{inputs.summary[i]} {inputs.text[i]}" for i in rows])
        place = np.floor((score + 1) / 2 * self.config.bins).astype(np.int64)
        return np.clip(place, 0, self.config.bins - 1)

    def save(self, directory: Path) -> None:
        """Write the shares."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, {"shares": torch.from_numpy(self.shares)})

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read the shares."""
        stored, state = load_weights(directory)
        model = cls(VaderConfig(**stored["config"]), stored["seed"])
        model.shares = state["shares"].numpy()
        return model

    @property
    def n_parameters(self) -> int:
        """The shares."""
        return int(self.shares.size)
