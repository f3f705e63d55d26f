"""What all networks of the next item share: the frame of `training.neural` over packed rows of tokens."""

from typing import Any

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from crm_pipelines.errors import UserError
from crm_pipelines.models.layers.sequence_log import NOTHING, SequenceLog, SequenceSizes, history_rows
from crm_pipelines.sequences.inputs import Histories, SequenceInputs
from crm_pipelines.training.neural import NeuralConfig, NeuralFrame
from crm_pipelines.training.parameters import TrainingParameters

PREDICTED = 512
"""Histories scored at once."""


class SequenceTraining(TrainingParameters):
    """As everywhere, but a step takes ``batch_size`` rows of packed tokens, and ``most_events`` counts tokens.

    Attributes:
        most_scores: tokens times items in all passes together, since over ten thousand items the softmax is nearly all
            of a step.
    """

    epochs: int = Field(default=60, ge=1)
    most_events: int = Field(default=6_000_000, ge=1)
    batch_size: int = Field(default=32, ge=2)
    learning_rate: float = Field(default=2e-3, gt=0)
    patience: int = Field(default=6, ge=1)
    most_scores: float = Field(default=2e10, gt=0)


class SequenceConfig(NeuralConfig):
    """Every network of the next item has these beside its own parameters."""

    training: SequenceTraining = SequenceTraining()


class SequenceNetwork(NeuralFrame[SequenceInputs, SequenceLog, SequenceSizes]):
    """A model around a network with ``states(rows)`` (B, T, d), ``scores(states)`` (..., I), ``loss(states, targets)``.

    Attributes:
        length: most items of a history that are read.
    """

    length: int

    def open(self, inputs: SequenceInputs) -> SequenceLog:
        """The sequences as rows of tokens."""
        return SequenceLog(inputs, self.length, self.seed)

    def measure(self, inputs: SequenceInputs) -> SequenceSizes:
        """The number of items."""
        return SequenceSizes(inputs.n_items)

    @classmethod
    def parse_sizes(cls, stored: dict[str, Any]) -> SequenceSizes:
        """Sizes from what JSON kept of them."""
        return SequenceSizes.parse(stored)

    def parts(self, inputs: SequenceInputs, log: SequenceLog) -> tuple[np.ndarray, np.ndarray]:
        """Rows to train on and to validate on.

        Raises:
            UserError: there is nothing to learn, or nothing to stop the training by.
        """
        if not (len(inputs.train) and len(inputs.validation)):
            raise UserError(
                f"protocol '{inputs.protocol}': {len(inputs.train)} events to learn from and {len(inputs.validation)} "
                "to validate on are too few for a network; give a longer log, or run other models by "
                '--params="PIPELINE.runs.models=popularity ease"'
            )
        return log.ids

    def training(self, inputs: SequenceInputs) -> TrainingParameters:
        """Epochs bounded by tokens and by scores, not by rows."""
        given: SequenceTraining = self.config.training
        scores = inputs.n_items * max(1, len(inputs.train))
        epochs = min(given.passes(len(inputs.train)), max(1, round(given.most_scores / scores)))
        return given.model_copy(update={"epochs": epochs, "most_events": epochs * max(1, len(inputs.train))})

    def loss(self, log: SequenceLog, ids: Tensor) -> Tensor:
        """Mean cross-entropy over all items, of every token with a target (paper B, equation 1, step by step)."""
        rows = log.rows(ids)
        asked = rows.targets != NOTHING
        states = self.network.states(rows)[asked]  # (N, d)
        loss: Tensor = self.network.loss(states, rows.targets[asked])
        return loss

    def after_epoch(self, epoch: int) -> None:
        """Pack the rows anew."""
        if self._log is not None:
            self._log.shuffle()

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I); an empty history gets equal probabilities."""
        assert self.sizes is not None
        out = np.full((len(histories), self.sizes.items), -np.log(self.sizes.items), dtype=np.float32)
        self.network.eval()
        with torch.no_grad():
            for first in range(0, len(histories), PREDICTED):
                rows, last = history_rows(histories.part(slice(first, first + PREDICTED)), self.length)
                there = torch.nonzero(last >= 0).squeeze(1)
                states = self.network.states(rows.of(there))[torch.arange(len(there)), last[there]]
                out[first + there.numpy()] = torch.log_softmax(self.network.scores(states), dim=1).numpy()
        return out
