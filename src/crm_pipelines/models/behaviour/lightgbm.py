"""Gradient-boosted trees on the shared event features: the peer that is hard to beat.

Ke et al. 2017, "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS 30.
"""

import json
from pathlib import Path
from typing import ClassVar

import numpy as np

from crm_pipelines.config import Parameters
from crm_pipelines.errors import UserError
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.layers.boosting import BoostedTrees, BoostingParameters


class LightGBM:
    """Boosted trees as the model contract has them."""

    name: ClassVar[str] = "lightgbm"
    Config: ClassVar[type[Parameters]] = BoostingParameters

    def __init__(self, config: BoostingParameters, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.trees = BoostedTrees(config, seed, 0)

    def fit(self, inputs: EventInputs) -> list[dict[str, float]]:
        """Boost until the validation log-loss stops falling."""
        self.trees = BoostedTrees(self.config, self.seed, len(inputs.classes))
        rows = [
            part
            for events in (inputs.train, inputs.validation)
            for part in (inputs.features(events), inputs.labels[events])
        ]
        return self.trees.fit(*rows)

    def predict_proba(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C)."""
        return self.trees.predict_proba(inputs.features(events))

    def save(self, directory: Path) -> None:
        """Write the trees as text, and the configuration."""
        directory.mkdir(parents=True, exist_ok=True)
        stored = {"config": self.config.model_dump(mode="json"), "seed": self.seed, "classes": self.trees.classes}
        (directory / "config.json").write_text(json.dumps(stored, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        (directory / "trees.txt").write_text(self.trees.text, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> "LightGBM":
        """Read what :meth:`save` wrote."""
        try:
            stored = json.loads((directory / "config.json").read_text(encoding="utf-8"))
            trees = (directory / "trees.txt").read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise UserError(f"{directory}: no readable model here ({error}); train it again") from error
        model = cls(BoostingParameters(**stored["config"]), stored["seed"])
        model.trees = BoostedTrees(model.config, model.seed, stored["classes"], trees)
        return model

    @property
    def n_parameters(self) -> int:
        """Leaf values and split thresholds."""
        return self.trees.n_parameters
