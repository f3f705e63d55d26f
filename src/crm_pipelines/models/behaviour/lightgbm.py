"""Gradient-boosted trees on the shared event features: the peer that is hard to beat.

Ke et al. 2017, "LightGBM: a highly efficient gradient boosting decision tree", NeurIPS 30.
"""

import json
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.errors import UserError
from crm_pipelines.events.inputs import EventInputs


class LightGBMConfig(Parameters):
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


class LightGBM:
    """Multi-class boosting with early stopping on validation."""

    name: ClassVar[str] = "lightgbm"
    Config: ClassVar[type[Parameters]] = LightGBMConfig

    def __init__(self, config: LightGBMConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.classes = 0
        self._model = ""
        """The trees in LightGBM's text format."""
        self._booster: Any = None

    def fit(self, inputs: EventInputs) -> list[dict[str, float]]:
        """Boost until the validation log-loss stops falling."""
        import lightgbm

        self.classes = len(inputs.classes)
        c = self.config
        parameters = {
            "objective": "multiclass",
            "num_class": self.classes,
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
            "force_row_wise": True,
            "verbosity": -1,
        }
        train = lightgbm.Dataset(inputs.features(inputs.train), inputs.labels[inputs.train])
        validation = train.create_valid(inputs.features(inputs.validation), inputs.labels[inputs.validation])
        losses: dict[str, dict[str, list[float]]] = {}
        booster = lightgbm.train(
            parameters,
            train,
            num_boost_round=c.rounds,
            valid_sets=[validation],
            callbacks=[
                lightgbm.early_stopping(c.patience, verbose=False),
                lightgbm.record_evaluation(losses),
            ],
        )
        self._model = booster.model_to_string(num_iteration=booster.best_iteration)
        self._booster = None
        (curve,) = losses["valid_0"].values()
        return [{"epoch": i, "validation_loss": loss} for i, loss in enumerate(curve)]

    def predict_proba(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C)."""
        if not len(events):
            return np.zeros((0, self.classes))
        if self._booster is None:
            import lightgbm

            self._booster = lightgbm.Booster(model_str=self._model)
        rows = np.asarray(self._booster.predict(inputs.features(events), num_threads=self.config.threads))
        shares: np.ndarray = rows / rows.sum(axis=1, keepdims=True)
        return shares

    def save(self, directory: Path) -> None:
        """Write the trees as text, and the configuration."""
        directory.mkdir(parents=True, exist_ok=True)
        stored = {"config": self.config.model_dump(mode="json"), "seed": self.seed, "classes": self.classes}
        (directory / "config.json").write_text(json.dumps(stored, indent=2, sort_keys=True) + "\n", encoding="utf-8")
        (directory / "trees.txt").write_text(self._model, encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> "LightGBM":
        """Read what :meth:`save` wrote."""
        try:
            stored = json.loads((directory / "config.json").read_text(encoding="utf-8"))
            trees = (directory / "trees.txt").read_text(encoding="utf-8")
        except (OSError, ValueError) as error:
            raise UserError(f"{directory}: no readable model here ({error}); train it again") from error
        model = cls(LightGBMConfig(**stored["config"]), stored["seed"])
        model.classes, model._model = stored["classes"], trees
        return model

    @property
    def n_parameters(self) -> int:
        """Leaf values and split thresholds."""
        leaves = sum(int(line.removeprefix("num_leaves=")) for line in self._model.split() if "num_leaves=" in line)
        return 2 * leaves
