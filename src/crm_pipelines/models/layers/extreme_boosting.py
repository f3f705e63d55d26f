"""Gradient-boosted trees on dense rows, by XGBoost, with what makes them reproducible.

Chen and Guestrin 2016, "XGBoost: a scalable tree boosting system", arXiv:1603.02754.
"""

import json
from typing import Any, Self

import numpy as np
from pydantic import Field, model_validator

from crm_pipelines.config import Parameters


class ExtremeBoostingParameters(Parameters):
    """Hyper-parameters.

    Attributes:
        rounds, patience: most trees, and rounds without a better validation log-loss before stopping.
        learning_rate, minimum_weight, feature_share, row_share, l2: as in XGBoost.
        depth, leaves: of a tree, 0 for no bound; with ``leaves`` the leaf that gains most is split next.
        threads: CPU threads.
    """

    rounds: int = Field(default=1500, ge=1)
    patience: int = Field(default=50, ge=1)
    learning_rate: float = Field(default=0.03, gt=0)
    depth: int = Field(default=5, ge=0)
    leaves: int = Field(default=0, ge=0)
    minimum_weight: float = Field(default=5.0, ge=0)
    feature_share: float = Field(default=0.5, gt=0, le=1)
    row_share: float = Field(default=0.8, gt=0, le=1)
    l2: float = Field(default=1.0, ge=0)
    threads: int = Field(default=1, ge=1)

    @model_validator(mode="after")
    def _bounded(self) -> Self:
        if not (self.depth or self.leaves):
            raise ValueError("trees need a bound: set 'depth' or 'leaves' above 0")
        return self


class ExtremeTrees:
    """Boosting of two classes with early stopping on validation.

    Args:
        parameters: hyper-parameters. seed: of rows and columns drawn.
        text: fitted trees in XGBoost's JSON format, where there are any already.
    """

    def __init__(self, parameters: ExtremeBoostingParameters, seed: int, text: str = "") -> None:
        self.parameters, self.seed, self.text = parameters, seed, text
        self._booster: Any = None

    def _matrix(self, x: np.ndarray, y: np.ndarray | None, categorical: int) -> Any:
        import xgboost

        kinds = ["q"] * (x.shape[1] - categorical) + ["c"] * categorical if categorical else None
        return xgboost.DMatrix(
            x,
            y,
            missing=np.nan,
            nthread=self.parameters.threads,
            feature_types=kinds,
            enable_categorical=bool(categorical),
        )

    def fit(
        self,
        x: np.ndarray,
        y: np.ndarray,
        validation_x: np.ndarray,
        validation_y: np.ndarray,
        *,
        categorical: int = 0,
    ) -> list[dict[str, float]]:
        """Boost on rows (N, F) with classes 0 and 1 (N,) until the validation log-loss stops falling.

        The last ``categorical`` columns hold codes, which are split into sets rather than at a threshold.
        """
        import xgboost

        c = self.parameters
        settings = {
            "objective": "binary:logistic",
            "eval_metric": "logloss",
            "base_score": float(np.clip(y.mean(), 1e-6, 1 - 1e-6)),  # XGBoost cannot estimate it from one class
            "tree_method": "hist",
            "eta": c.learning_rate,
            "max_depth": c.depth,
            "min_child_weight": c.minimum_weight,
            "colsample_bytree": c.feature_share,
            "subsample": c.row_share,
            "lambda": c.l2,
            "nthread": c.threads,
            "seed": self.seed,
        }
        if c.leaves:
            settings |= {"max_leaves": c.leaves, "grow_policy": "lossguide"}
        if categorical:
            settings["max_cat_to_onehot"] = 1
        losses: dict[str, dict[str, list[float]]] = {}
        booster = xgboost.train(
            settings,
            self._matrix(x, y, categorical),
            c.rounds,
            evals=[(self._matrix(validation_x, validation_y, categorical), "validation")],
            early_stopping_rounds=c.patience,
            evals_result=losses,
            verbose_eval=False,
        )
        booster = booster[: booster.best_iteration + 1]
        self.text = bytes(booster.save_raw("json")).decode("utf-8")
        self._booster = None
        return [{"epoch": i, "validation_loss": loss} for i, loss in enumerate(losses["validation"]["logloss"])]

    def predict_proba(self, x: np.ndarray, *, categorical: int = 0) -> np.ndarray:
        """Class probabilities (B, 2) of rows (B, F), whose last ``categorical`` columns are codes; B may be 0."""
        if not len(x):
            return np.zeros((0, 2))
        if self._booster is None:
            import xgboost

            self._booster = xgboost.Booster({"nthread": self.parameters.threads})
            self._booster.load_model(bytearray(self.text, "utf-8"))
        positive = np.asarray(self._booster.predict(self._matrix(x, None, categorical)), dtype=np.float64)
        return np.stack([1 - positive, positive], axis=1)

    @property
    def n_parameters(self) -> int:
        """Leaf values and split thresholds."""
        trees = json.loads(self.text)["learner"]["gradient_booster"]["model"]["trees"]
        return sum(int(tree["tree_param"]["num_nodes"]) for tree in trees)
