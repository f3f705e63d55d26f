"""What counting members of Product Transformer+ share: numbers chosen on validation's lists, and how they are kept."""

from collections.abc import Mapping
from itertools import product
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch

from crm_pipelines.models.layers.pooling import list_quality
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.sequences.inputs import Histories
from crm_pipelines.training.weights import load_weights, save_weights

CHOSEN_ON = 1_000
"""Most validation queries of a slice looked at."""


class CountMember:
    """Subclasses count in ``count``, answer in ``log_probabilities`` and say in ``tried`` what is chosen from.

    Attributes:
        chosen: the numbers of best NDCG@10 on validation, the first ones tried without any validation.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Any]]

    def __init__(self, config: Any, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.chosen: tuple[float, ...] = ()

    def tried(self, inputs: ProductInputs) -> tuple[tuple[float, ...], ...]:
        """Values of each number."""
        raise NotImplementedError

    def begin(self, inputs: ProductInputs) -> None:
        """What is the same for all numbers."""

    def count(self, inputs: ProductInputs) -> None:
        """Count for the ``chosen`` numbers."""
        raise NotImplementedError

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        raise NotImplementedError

    def tensors(self) -> dict[str, torch.Tensor]:
        """What is kept."""
        raise NotImplementedError

    def restore(self, state: Mapping[str, torch.Tensor]) -> None:
        """What `tensors` gave."""
        raise NotImplementedError

    def fit(self, inputs: ProductInputs) -> list[dict[str, float]]:
        """Count with each choice of numbers and keep the best."""
        queries = [each.of(np.arange(min(len(each), CHOSEN_ON))) for each in inputs.validating.values() if len(each)]
        asked = []
        for each in queries:
            wanted = np.zeros((len(each), inputs.n_items), dtype=bool)
            wanted[each.relevant.owner, each.relevant.items] = True
            asked.append((inputs.before(each), inputs.offered(each), wanted))
        self.begin(inputs)
        best, reached = None, -1.0
        for numbers in product(*self.tried(inputs)):
            self.chosen = numbers
            self.count(inputs)
            found = sum(
                list_quality(np.where(offered, self.log_probabilities(histories), -np.inf), wanted)
                for histories, offered, wanted in asked
            )
            if found > reached:
                best, reached = numbers, found
        if best != self.chosen and best is not None:
            self.chosen = best
            self.count(inputs)
        return []

    def save(self, directory: Path) -> None:
        """Write the counts."""
        config = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "chosen": list(self.chosen),
        }
        save_weights(directory, config, self.tensors())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        kept, state = load_weights(directory)
        model = cls(cls.Config(**kept["config"]), kept["seed"])
        model.chosen = tuple(kept["chosen"])
        model.restore(state)
        return model

    @property
    def n_parameters(self) -> int:
        """Entries kept, and the numbers chosen."""
        return sum(tensor.numel() for tensor in self.tensors().values()) + len(self.chosen)
