"""Gradient-boosted trees on dense rows, by LightGBM, with what makes them reproducible.

Ke et al. 2017, "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS 30.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
from pydantic import Field

from crm_pipelines.config import Parameters


class BoostingParameters(Parameters):
    """Hyper-parameters.

    Attributes:
        rounds, patience: most trees per class, and rounds without a better validation log-loss before stopping.
        learning_rate, leaves, minimum_leaf, feature_share, row_share, l2: as in LightGBM.
        threads: CPU threads; a second one gains little on logs of this size and costs much on a busy machine.
    """

    rounds: int = Field(default=400, ge=1)
    patience: int = Field(default=30, ge=1)
    learning_rate: float = Field(default=0.05, gt=0)
    leaves: int = Field(default=15, ge=2)
    minimum_leaf: int = Field(default=100, ge=1)
    feature_share: float = Field(default=0.3, gt=0, le=1)
    row_share: float = Field(default=0.8, gt=0, le=1)
    l2: float = Field(default=10.0, ge=0)
    threads: int = Field(default=1, ge=1)


class TableBoostingParameters(BoostingParameters):
    """With defaults for tables of records: there are fewer columns, and each row is another customer."""

    rounds: int = Field(default=1500, ge=1)
    patience: int = Field(default=50, ge=1)
    learning_rate: float = Field(default=0.03, gt=0)
    minimum_leaf: int = Field(default=20, ge=1)
    feature_share: float = Field(default=0.6, gt=0, le=1)
    l2: float = Field(default=1.0, ge=0)


class BoostedTrees:
    """Boosting with early stopping on validation; one tree a round and class, one a round for two classes.

    Args:
        parameters: hyper-parameters. seed: of rows and features drawn.
        classes: C.
        text: fitted trees in LightGBM's text format, where there are any already.
    """

    def __init__(self, parameters: BoostingParameters, seed: int, classes: int, text: str = "") -> None:
        self.parameters, self.seed, self.classes, self.text = parameters, seed, classes, text
        self._booster: Any = None

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        validation_x: np.ndarray,
        validation_y: np.ndarray,
        *,
        categorical: Sequence[int] = (),
    ) -> list[dict[str, float]]:
        """Boost on rows (N, F) with classes (N,) until the validation log-loss stops falling; one row a round.

        ``categorical`` columns hold codes, which are split into sets rather than at a threshold.
        """
        import lightgbm

        c = self.parameters
        kind = {"objective": "binary"} if self.classes == 2 else {"objective": "multiclass", "num_class": self.classes}
        settings = {
            **kind,
            "learning_rate": c.learning_rate,
            "num_leaves": c.leaves,
            "min_data_in_leaf": c.minimum_leaf,
            "feature_fraction": c.feature_share,
            "bagging_fraction": c.row_share,
            "bagging_freq": 1,
            "lambda_l2": c.l2,
            "num_threads": c.threads,
            "seed": self.seed,
            "deterministic": True,
            "force_col_wise": True,  # the same trees as row by row, in two thirds of the time
            "verbosity": -1,
        }
        train = lightgbm.Dataset(x, y, categorical_feature=list(categorical))
        validation = train.create_valid(validation_x, validation_y)
        losses: dict[str, dict[str, list[float]]] = {}
        booster = lightgbm.train(
            settings,
            train,
            num_boost_round=c.rounds,
            valid_sets=[validation],
            callbacks=[lightgbm.early_stopping(c.patience, verbose=False), lightgbm.record_evaluation(losses)],
        )
        self.text = booster.model_to_string(num_iteration=booster.best_iteration)
        self._booster = None
        (curve,) = losses["valid_0"].values()
        return [{"epoch": i, "validation_loss": loss} for i, loss in enumerate(curve)]

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C) of rows (B, F); B may be 0."""
        if not len(x):
            return np.zeros((0, self.classes))
        if self._booster is None:
            import lightgbm

            self._booster = lightgbm.Booster(model_str=self.text)
        rows = np.asarray(self._booster.predict(x, num_threads=self.parameters.threads))
        if rows.ndim == 1:  # the second of two classes
            rows = np.stack([1 - rows, rows], axis=1)
        shares: np.ndarray = rows / rows.sum(axis=1, keepdims=True)
        return shares

    @property
    def n_parameters(self) -> int:
        """Leaf values and split thresholds."""
        leaves = sum(int(line.removeprefix("num_leaves=")) for line in self.text.split() if "num_leaves=" in line)
        return 2 * leaves
