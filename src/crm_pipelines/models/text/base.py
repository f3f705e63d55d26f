"""What every text model offers."""

from pathlib import Path
from typing import ClassVar, Protocol, Self

import numpy as np

from crm_pipelines.config import Parameters
from crm_pipelines.documents.inputs import TextInputs


class TextModel(Protocol):
    """A model of the sentiment of a document.

    ``Config`` is its parameter model; ``name`` its key in the registry, in configuration and in results;
    ``reads_words`` says whether it needs ``TextInputs.words`` or makes do with the texts; ``cross_fitted`` whether it
    scores every document of training and validation by parts of itself that have not seen it, so that thresholds and
    temperature may be chosen on all of them.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Parameters]]
    reads_words: ClassVar[bool]
    cross_fitted: ClassVar[bool]

    def __init__(self, config: Parameters, seed: int) -> None: ...

    def fit(self, inputs: TextInputs) -> list[dict[str, float]]:
        """Learn from ``inputs.train``; choose on ``inputs.validation`` only. Returns the training history."""
        ...

    def predict_proba(self, inputs: TextInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, C) of document rows (B,). B may be 0; the documents need not be those of the fit."""
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
