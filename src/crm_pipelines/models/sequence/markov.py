"""Markov chain over a window: what followed the last three items of others, most often.

The strongest simple peer of next-item models on short sequences. Shani, Heckerman and Brafman 2005, "An MDP-based
recommender system", Journal of Machine Learning Research 6, use the same chain with skipped steps.
"""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.transitions import Transitions
from crm_pipelines.sequences.inputs import Histories, SequenceInputs
from crm_pipelines.training.weights import load_weights, save_weights


class MarkovConfig(Parameters):
    """How far back it looks.

    Attributes:
        window: lags counted, each with weight 1 / lag.
        smoothing: weight of popularity beside the counts.
    """

    window: int = Field(default=3, ge=1)
    smoothing: float = Field(default=0.1, gt=0, le=1)


class Markov:
    """The chain as the contract has it."""

    name: ClassVar[str] = "markov"
    Config: ClassVar[type[Parameters]] = MarkovConfig

    def __init__(self, config: MarkovConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.transitions: Transitions

    def fit(self, inputs: SequenceInputs) -> list[dict[str, float]]:
        """Count."""
        self.transitions = Transitions.count(inputs.known, inputs.n_items, self.config.window)
        return []

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        found = self.transitions.probabilities(histories, self.config.window, self.config.smoothing)
        return np.log(found).astype(np.float32)

    def save(self, directory: Path) -> None:
        """Write the counts."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, self.transitions.tensors())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        kept, state = load_weights(directory)
        model = cls(MarkovConfig(**kept["config"]), kept["seed"])
        model.transitions = Transitions.from_tensors(state)
        return model

    @property
    def n_parameters(self) -> int:
        """Counts that are not nought."""
        return int(self.transitions.follows.nnz) + len(self.transitions.popularity)
