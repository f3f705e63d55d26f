"""One decision tree, by scikit-learn; how small its leaves may be is chosen on validation.

Breiman, Friedman, Olshen and Stone 1984, "Classification and regression trees". Named by the paper (Chen et al. 2021).
"""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field
from sklearn.metrics import log_loss
from sklearn.tree import DecisionTreeClassifier

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.forest import TreeArrays
from crm_pipelines.models.layers.record_columns import tree_columns
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.training.weights import load_weights, save_weights


class DecisionTreeConfig(Parameters):
    """Hyper-parameters.

    Attributes:
        leaves: smallest leaves tried, as shares of the training rows.
        depth: most questions in a row.
    """

    leaves: tuple[float, ...] = Field(default=(0.002, 0.005, 0.01, 0.02), min_length=1)
    depth: int = Field(default=12, ge=1)


class DecisionTree:
    """The tree as the model contract has it: its nodes as arrays."""

    name: ClassVar[str] = "decision_tree"
    Config: ClassVar[type[Parameters]] = DecisionTreeConfig

    def __init__(self, config: DecisionTreeConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.tree: TreeArrays | None = None

    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Grow one tree for each size of leaf, and keep the one with the lowest validation log-loss."""
        x, y = tree_columns(inputs, inputs.train), inputs.labels[inputs.train]
        validation, truth = tree_columns(inputs, inputs.validation), inputs.labels[inputs.validation]
        history = []
        best = np.inf
        for share in self.config.leaves:
            estimator = DecisionTreeClassifier(
                max_depth=self.config.depth,
                min_samples_leaf=max(1, round(share * len(y))),
                random_state=self.seed,
            ).fit(x, y)
            tree = TreeArrays.of([estimator], estimator.classes_, 2)
            loss = float(log_loss(truth, tree.predict_proba(validation), labels=[0, 1]))
            history.append({"leaf": share, "validation_loss": loss})
            if loss < best:
                best, self.tree = loss, tree
        return history

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, 2)."""
        assert self.tree is not None
        return self.tree.predict_proba(tree_columns(inputs, rows))

    def save(self, directory: Path) -> None:
        """Write the nodes."""
        assert self.tree is not None
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        save_weights(directory, config, self.tree.state())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(DecisionTreeConfig(**stored["config"]), stored["seed"])
        model.tree = TreeArrays.restore(state)
        return model

    @property
    def n_parameters(self) -> int:
        """Thresholds and leaf values."""
        return self.tree.n_parameters if self.tree is not None else 0
