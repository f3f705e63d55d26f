"""Gradient-boosted trees: the peer that is hard to beat on tables.

Ke et al. 2017, "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS 30.
"""

import json
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from crm_pipelines.config import Parameters
from crm_pipelines.errors import UserError
from crm_pipelines.models.layers.boosting import BoostedTrees, TableBoostingParameters
from crm_pipelines.models.layers.record_columns import coded_columns
from crm_pipelines.records.inputs import RecordInputs


class LightGBM:
    """Boosted trees as the model contract has them."""

    name: ClassVar[str] = "lightgbm"
    Config: ClassVar[type[Parameters]] = TableBoostingParameters

    def __init__(self, config: TableBoostingParameters, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.trees = BoostedTrees(config, seed, 2)

    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Boost until the validation log-loss stops falling."""
        x = coded_columns(inputs, inputs.train)
        return self.trees.fit(
            x,
            inputs.labels[inputs.train],
            coded_columns(inputs, inputs.validation),
            inputs.labels[inputs.validation],
            categorical=range(x.shape[1] - len(inputs.cardinalities), x.shape[1]),
        )

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, 2)."""
        return self.trees.predict_proba(coded_columns(inputs, rows))

    def save(self, directory: Path) -> None:
        """Write the trees as text, and the configuration."""
        directory.mkdir(parents=True, exist_ok=True)
        stored = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        (directory / "config.json").write_text(json.dumps(stored, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        (directory / "trees.txt").write_text(self.trees.text, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        try:
            stored = json.loads((directory / "config.json").read_text(encoding="utf-8"))
            trees = (directory / "trees.txt").read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise UserError(f"{directory}: no readable model here ({error}); train it again") from error
        model = cls(TableBoostingParameters(**stored["config"]), stored["seed"])
        model.trees = BoostedTrees(model.config, model.seed, 2, trees)
        return model

    @property
    def n_parameters(self) -> int:
        """Leaf values and split thresholds."""
        return self.trees.n_parameters
