"""Gradient-boosted trees of another make: the second peer that is hard to beat on tables.

Chen and Guestrin 2016, "XGBoost: a scalable tree boosting system", arXiv:1603.02754.
"""

import json
from pathlib import Path
from typing import ClassVar, Self

import numpy as np

from crm_pipelines.config import Parameters
from crm_pipelines.errors import UserError
from crm_pipelines.models.layers.extreme_boosting import ExtremeBoostingParameters, ExtremeTrees
from crm_pipelines.models.layers.record_columns import tree_columns
from crm_pipelines.records.inputs import RecordInputs


class XGBoost:
    """Boosted trees as the model contract has them."""

    name: ClassVar[str] = "xgboost"
    Config: ClassVar[type[Parameters]] = ExtremeBoostingParameters

    def __init__(self, config: ExtremeBoostingParameters, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.trees = ExtremeTrees(config, seed)

    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Boost until the validation log-loss stops falling."""
        parts = (inputs.train, inputs.validation)
        return self.trees.fit(*(part for ids in parts for part in (tree_columns(inputs, ids), inputs.labels[ids])))

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, 2)."""
        return self.trees.predict_proba(tree_columns(inputs, rows))

    def save(self, directory: Path) -> None:
        """Write the trees and the configuration, both as JSON."""
        directory.mkdir(parents=True, exist_ok=True)
        stored = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        (directory / "config.json").write_text(json.dumps(stored, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        (directory / "trees.json").write_text(self.trees.text, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        try:
            stored = json.loads((directory / "config.json").read_text(encoding="utf-8"))
            trees = (directory / "trees.json").read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise UserError(f"{directory}: no readable model here ({error}); train it again") from error
        model = cls(ExtremeBoostingParameters(**stored["config"]), stored["seed"])
        model.trees = ExtremeTrees(model.config, model.seed, trees)
        return model

    @property
    def n_parameters(self) -> int:
        """Leaf values and split thresholds."""
        return self.trees.n_parameters
