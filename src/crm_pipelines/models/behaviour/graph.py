"""What behaviour models over graph snapshots share."""

from typing import Any

import numpy as np
from pydantic import Field

from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.behaviour.neural import NeuralConfig, NeuralModel
from crm_pipelines.models.layers.event_log import EventLog
from crm_pipelines.models.layers.snapshots import SnapshotLog, step_length
from crm_pipelines.training.parameters import TrainingParameters


class GraphTraining(TrainingParameters):
    """Larger batches than elsewhere, since each step passes messages over a whole snapshot, and so a higher rate."""

    batch_size: int = Field(default=2048, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0)


class GraphConfig(NeuralConfig):
    """Every model over snapshots has these.

    Attributes:
        snapshots: into how many steps the training part is cut; later parts go on in steps of the same length.
        most_edges: latest events that make up a snapshot.
        width: of node representations.
        layers: rounds of message passing.
        hidden, dropout: of the classifier; a quarter of ``dropout`` is the share of codes treated as unknown.
        training: how it is trained.
    """

    snapshots: int = Field(default=12, ge=1)
    most_edges: int = Field(default=100_000, ge=1)
    width: int = Field(default=32, ge=1)
    layers: int = Field(default=2, ge=1)
    hidden: tuple[int, ...] = Field(default=(128, 64), min_length=1)
    dropout: float = Field(default=0.4, ge=0, lt=1)
    training: GraphTraining = GraphTraining()


class GraphModel(NeuralModel):
    """A neural model whose network reads a `SnapshotLog`; every batch is of one snapshot."""

    def __init__(self, config: Any, seed: int = 42) -> None:
        super().__init__(config, seed)
        self.step = 0
        """Seconds between snapshots, from the training part."""

    def open(self, inputs: EventInputs) -> SnapshotLog:
        """The log with its snapshots; a model that is not fitted yet takes the length of its steps from it."""
        self.step = self.step or step_length(inputs, self.config.snapshots)
        return SnapshotLog(inputs, self.step, self.config.most_edges)

    def groups(self, log: EventLog) -> np.ndarray | None:
        """The step of each event (N,)."""
        assert isinstance(log, SnapshotLog)
        steps: np.ndarray = log.step.numpy()
        return steps

    def extra(self) -> dict[str, Any]:
        """The length of the steps."""
        return {"step": self.step}
