"""What every risk model offers."""

from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np

from crm_pipelines.config import Parameters
from crm_pipelines.errors import UserError
from crm_pipelines.records.inputs import RecordInputs


class NotApplicableError(UserError):
    """A model cannot be fitted on these inputs, by its nature; a benchmark leaves it out and says why."""


class RiskModel(Protocol):
    """A model of the probability that a record's outcome is the positive class.

    ``Config`` is its parameter model; ``name`` its key in the registry, in configuration and in results.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Parameters]]

    def __init__(self, config: Parameters, seed: int) -> None: ...

    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Learn from ``inputs.train``; choose on ``inputs.validation`` only. Returns the training history.

        Raises:
            NotApplicableError: these inputs lack what the model is about.
        """
        ...

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, 2) of the negative and the positive class of record rows (B,). B may be 0."""
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
