"""Hyper-parameters of training, shared by every neural model."""

from typing import Self

from pydantic import Field, model_validator

from crm_pipelines.config import Parameters


class TrainingParameters(Parameters):
    """How a network is trained (TFP-Net, Algorithm 1: Adam, early stopping, cosine annealing, best weights).

    Attributes:
        epochs: most passes over the training events.
        most_events: events seen in all passes together; a large log gets fewer passes (at least one), so that the
            time of a fit is bounded and the annealing still reaches its end.
        batch_size: events per step.
        learning_rate: Adam's, annealed to zero along a cosine over all epochs.
        weight_decay: decoupled L2 penalty.
        patience: epochs without a better validation loss before stopping.
        clip: largest gradient norm.
        devices: processes that share every batch, on the CPU, one thread each (see `training.ranks`); with 1 training
            stays in its own process.
        annealed: the learning rate falls; else it stays.
    """

    epochs: int = Field(default=20, ge=1)
    most_events: int = Field(default=300_000, ge=1)
    batch_size: int = Field(default=512, ge=2)
    learning_rate: float = Field(default=5e-4, gt=0)
    weight_decay: float = Field(default=0.02, ge=0)
    patience: int = Field(default=4, ge=1)
    clip: float = Field(default=1.0, gt=0)
    devices: int = Field(default=1, ge=1)
    annealed: bool = True

    @model_validator(mode="after")
    def _enough_for_each(self) -> Self:
        if self.devices > 1 and self.batch_size < 2 * self.devices:
            raise ValueError(
                f"'batch_size: {self.batch_size}' must be at least twice 'devices: {self.devices}', since each process "
                "needs two events of every batch"
            )
        return self

    def passes(self, events: int) -> int:
        """Most epochs over ``events`` training events."""
        return max(1, min(self.epochs, round(self.most_events / max(events, 1))))
