"""What all neural behaviour models share: the frame of `training.neural` over a log of events."""

from typing import Any

from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.layers.event_log import EventLog
from crm_pipelines.models.layers.scaling import FeatureScaling
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.training.neural import CHUNK, NeuralConfig, NeuralFrame

__all__ = ["CHUNK", "NeuralConfig", "NeuralModel"]


class NeuralModel(NeuralFrame[EventInputs, EventLog, Sizes]):
    """A behaviour model around a network whose ``forward(log, events)`` gives logits (B, C).

    `FeatureScaling` layers of the network are fitted on training events.
    """

    def open(self, inputs: EventInputs) -> EventLog:
        """The log that the network reads."""
        return EventLog(inputs)

    def measure(self, inputs: EventInputs) -> Sizes:
        """Widths and cardinalities."""
        return Sizes.of(inputs)

    @classmethod
    def parse_sizes(cls, stored: dict[str, Any]) -> Sizes:
        """Sizes from what JSON kept of them."""
        return Sizes.parse(stored)

    def start(self, inputs: EventInputs, log: EventLog) -> None:
        """Before training: fit what is not learnt by gradient."""
        layers = [module for module in self.network.modules() if isinstance(module, FeatureScaling)]
        if layers:
            rows = log.features(self.sample(inputs))
            for layer in layers:
                layer.fit(rows)
