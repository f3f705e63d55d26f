"""What all neural risk models share: the frame of `training.neural` over a table of records."""

from typing import Any

from pydantic import Field

from crm_pipelines.models.layers.record_log import RecordLog, RecordSizes
from crm_pipelines.models.layers.record_tokens import RecordTokens
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.training.neural import CHUNK, NeuralConfig, NeuralFrame
from crm_pipelines.training.parameters import TrainingParameters

__all__ = ["CHUNK", "RiskConfig", "RiskNetwork", "RiskTraining"]


class RiskTraining(TrainingParameters):
    """As everywhere, with defaults for tables: fewer rows than a log has events, so more passes and smaller steps."""

    epochs: int = Field(default=40, ge=1)
    most_events: int = Field(default=400_000, ge=1)
    batch_size: int = Field(default=256, ge=2)
    learning_rate: float = Field(default=1e-3, gt=0)
    patience: int = Field(default=6, ge=1)


class RiskConfig(NeuralConfig):
    """Every neural risk model has these beside its own parameters."""

    training: RiskTraining = RiskTraining()


class RiskNetwork(NeuralFrame[RecordInputs, RecordLog, RecordSizes]):
    """A risk model around a network whose ``forward(log, rows)`` gives logits (B, 2).

    `RecordTokens` layers of the network are fitted on training rows.
    """

    def open(self, inputs: RecordInputs) -> RecordLog:
        """The records as tensors."""
        return RecordLog(inputs)

    def measure(self, inputs: RecordInputs) -> RecordSizes:
        """Widths and cardinalities."""
        return RecordSizes.of(inputs)

    @classmethod
    def parse_sizes(cls, stored: dict[str, Any]) -> RecordSizes:
        """Sizes from what JSON kept of them."""
        return RecordSizes.parse(stored)

    def start(self, inputs: RecordInputs, log: RecordLog) -> None:
        """Before training: fit what is not learnt by gradient."""
        rows = self.sample(inputs)
        for module in self.network.modules():
            if isinstance(module, RecordTokens):
                module.fit(log, rows)
