"""Followers: what others had among their next thirty items, half as much what they had among the thirty before.

A member of Sequence Transformer+ and no peer. On sparse sequences (Amazon Beauty: twelve events an item) such counts,
shrunk to popularity, put the right item first more often than a Markov chain, which looks at three lags.
"""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.following import Following, following, seen_after, shares
from crm_pipelines.sequences.inputs import Histories, SequenceInputs
from crm_pipelines.training.weights import load_weights, save_weights


class FollowersConfig(Parameters):
    """How is counted.

    Attributes:
        window: lags counted. decay: power of the lag by which an item counts less. backward: what an item counts that
            came before. smoothing: events after which popularity has been seen. recency: power of the lag by which an
            item of the history counts less.
    """

    window: int = Field(default=30, ge=1)
    decay: float = Field(default=0.5, ge=0)
    backward: float = Field(default=0.5, ge=0)
    smoothing: float = Field(default=5.0, gt=0)
    recency: float = Field(default=1.0, ge=0)


class Followers:
    """The counts as the contract has them."""

    name: ClassVar[str] = "followers"
    Config: ClassVar[type[Parameters]] = FollowersConfig

    def __init__(self, config: FollowersConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.following: Following

    def fit(self, inputs: SequenceInputs) -> list[dict[str, float]]:
        """Count."""
        given = self.config
        counts = following(inputs.known, inputs.n_items, given.window, given.decay, given.backward)
        self.following = Following(counts, shares(inputs.known, inputs.n_items), self._seen, given.recency)
        return []

    @property
    def _seen(self) -> float:
        return seen_after(self.config.smoothing, self.config.window, self.config.decay)

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        return self.following.log_probabilities(histories)

    def save(self, directory: Path) -> None:
        """Write the counts."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, self.following.tensors())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        kept, state = load_weights(directory)
        model = cls(FollowersConfig(**kept["config"]), kept["seed"])
        model.following = Following.from_tensors(state, model._seen, model.config.recency)
        return model

    @property
    def n_parameters(self) -> int:
        """Counts that are not nought."""
        return int(self.following.counts.nnz) + len(self.following.popularity)
