"""What every model of the next item offers."""

from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np

from crm_pipelines.config import Parameters
from crm_pipelines.sequences.inputs import Histories, SequenceInputs


class SequenceModel(Protocol):
    """A model of the probability of every item to come next.

    ``Config`` is its parameter model; ``name`` its key in the registry, in configuration and in results.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Parameters]]

    def __init__(self, config: Parameters, seed: int) -> None: ...

    def fit(self, inputs: SequenceInputs) -> list[dict[str, float]]:
        """Learn from the known part; choose on ``inputs.validation`` only. Returns the training history."""
        ...

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I) float32 logarithms of the probability of each item to come next; B may be 0, a history empty.

        Whether an item that the history holds may come again is not the model's matter.
        """
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
