"""What every behaviour model offers."""

from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np

from crm_pipelines.config import Parameters
from crm_pipelines.events.inputs import EventInputs


class BehaviourModel(Protocol):
    """A model of the class of a customer's next behaviour.

    ``Config`` is its parameter model; ``name`` its key in the registry, in configuration and in results.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Parameters]]

    def __init__(self, config: Parameters, seed: int) -> None: ...

    def fit(self, inputs: EventInputs) -> list[dict[str, float]]:
        """Learn from ``inputs.train``; choose on ``inputs.validation`` only. Returns the training history."""
        ...

    def predict_proba(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C) of event ids (B,); each row sums to one. B may be 0."""
        ...

    def save(self, directory: Path) -> None:
        """Write the fitted model into ``directory``, without pickle."""
        ...

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        ...

    @property
    def n_parameters(self) -> int:
        """Numbers that were fitted."""
        ...
