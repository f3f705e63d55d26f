"""A random forest, by scikit-learn.

Breiman 2001, "Random forests", Machine Learning 45(1). Named by the paper (Rao et al. 2020).
"""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field
from sklearn.ensemble import RandomForestClassifier

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.forest import TreeArrays
from crm_pipelines.models.layers.record_columns import tree_columns
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.training.weights import load_weights, save_weights


class RandomForestConfig(Parameters):
    """Hyper-parameters.

    Attributes:
        trees: how many.
        leaf: fewest training rows of a leaf.
        depth: most questions in a row.
        feature_share: columns considered at a split; None is the square root of their number.
        threads: CPU threads while fitting.
    """

    trees: int = Field(default=300, ge=1)
    leaf: int = Field(default=10, ge=1)
    depth: int = Field(default=16, ge=1)
    feature_share: float | None = Field(default=None, gt=0, le=1)
    threads: int = Field(default=1, ge=1)


class RandomForest:
    """The forest as the model contract has it: its nodes as arrays."""

    name: ClassVar[str] = "random_forest"
    Config: ClassVar[type[Parameters]] = RandomForestConfig

    def __init__(self, config: RandomForestConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.trees: TreeArrays | None = None

    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Grow the forest on training rows; nothing is chosen on validation."""
        c = self.config
        estimator = RandomForestClassifier(
            c.trees,
            max_depth=c.depth,
            min_samples_leaf=c.leaf,
            max_features=c.feature_share or "sqrt",
            n_jobs=c.threads,
            random_state=self.seed,
        ).fit(tree_columns(inputs, inputs.train), inputs.labels[inputs.train])
        self.trees = TreeArrays.of(estimator.estimators_, estimator.classes_, 2)
        return []

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, 2)."""
        assert self.trees is not None
        return self.trees.predict_proba(tree_columns(inputs, rows))

    def save(self, directory: Path) -> None:
        """Write the nodes."""
        assert self.trees is not None
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, self.trees.state())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(RandomForestConfig(**stored["config"]), stored["seed"])
        model.trees = TreeArrays.restore(state)
        return model

    @property
    def n_parameters(self) -> int:
        """Thresholds and leaf values."""
        return self.trees.n_parameters if self.trees is not None else 0
