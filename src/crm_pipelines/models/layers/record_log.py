"""Records as tensors, by row: what risk networks read."""

from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from crm_pipelines.records.inputs import RecordInputs


class RecordLog:
    """Tensors of n records.

    Attributes:
        inputs: what they were made of.
        label: (n,). numeric: (n, Fn), nan where missing. codes: (n, Fc).
        steps: (n, T, C), nan where missing. mask: (n, T), True where the record has that step.
        amount: (n,) of the next period, nan where absent; a target, never an input.
        modalities: name -> (n, ...), nan where missing.
    """

    def __init__(self, inputs: RecordInputs) -> None:
        self.inputs = inputs
        self.label = torch.from_numpy(np.array(inputs.labels, dtype=np.int64))
        self.numeric = torch.from_numpy(np.array(inputs.numeric, dtype=np.float32))
        self.codes = torch.from_numpy(np.array(inputs.codes, dtype=np.int64))
        self.steps = torch.from_numpy(np.array(inputs.sequence, dtype=np.float32))
        self.mask = torch.from_numpy(np.array(inputs.sequence_mask, dtype=bool))
        self.amount = torch.from_numpy(np.array(inputs.amount, dtype=np.float32))
        self.modalities = {
            name: torch.from_numpy(np.array(values, dtype=np.float32)) for name, values in inputs.modalities.items()
        }

    def present_steps(self, rows: Tensor) -> Tensor:
        """Steps (K, C) that records (B,) have, one under another."""
        return self.steps[rows][self.mask[rows]]


class RecordSizes(NamedTuple):
    """What a network must know of records before it is built.

    Attributes:
        numeric: Fn. cardinalities: codes of each categorical column. channels: C of a step; 0 without a sequence.
        classes: of the outcome, two.
        modalities: name and width of each further view of the records.
    """

    numeric: int
    cardinalities: tuple[int, ...]
    channels: int
    classes: int = 2
    modalities: tuple[tuple[str, int], ...] = ()

    @classmethod
    def of(cls, inputs: RecordInputs) -> Self:
        """Read the sizes off prepared inputs."""
        steps, channels = inputs.sequence.shape[1:]
        widths = tuple((name, int(values.shape[-1])) for name, values in inputs.modalities.items())
        return cls(inputs.numeric.shape[1], tuple(inputs.cardinalities), channels if steps else 0, modalities=widths)

    @classmethod
    def parse(cls, stored: dict[str, Any]) -> Self:
        """From what JSON kept of `_asdict`."""
        modalities = tuple((str(name), int(width)) for name, width in stored.get("modalities", ()))
        return cls(**{**stored, "cardinalities": tuple(stored["cardinalities"]), "modalities": modalities})
