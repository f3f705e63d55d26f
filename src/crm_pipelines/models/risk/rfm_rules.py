"""Rule-based RFM: quintile scores of recency, frequency and value added up, as marketing departments do.

Hughes 1994, "Strategic database marketing". A rule ranks and decides; so that it can be compared with models that
state probabilities, each total score (3 to 15) states the share of training customers with that score who bought.
"""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.rfm import RFMParameters, rfm, why_not
from crm_pipelines.models.risk.base import NotApplicableError
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.training.weights import load_weights, save_weights


class RFMRulesConfig(RFMParameters):
    """The columns, and the scores.

    Attributes:
        levels: scores of each of the three, five for quintiles.
        smoothing: customers at the mean added to each total score.
    """

    levels: int = Field(default=5, ge=2, le=10)
    smoothing: float = Field(default=10.0, ge=0)


class RFMRules:
    """The rule as the model contract has it: cuts and shares."""

    name: ClassVar[str] = "rfm_rules"
    Config: ClassVar[type[Parameters]] = RFMRulesConfig

    def __init__(self, config: RFMRulesConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.cuts = np.zeros((3, config.levels - 1))
        self.shares = np.zeros(3 * config.levels + 1)
        """Of each total score; those below 3 do not occur."""

    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Take quantiles of the training customers, and the share of buyers at each total score."""
        if why := why_not(inputs, self.config.columns):
            raise NotApplicableError(why)
        c = self.config
        values = rfm(inputs, inputs.train, c.columns)
        self.cuts = np.quantile(values, np.arange(1, c.levels) / c.levels, axis=0).T
        total, y = self.totals(values), inputs.labels[inputs.train]
        n = np.bincount(total, minlength=len(self.shares))
        bought = np.bincount(total, weights=y, minlength=len(self.shares))
        self.shares = (bought + c.smoothing * y.mean()) / np.maximum(n + c.smoothing, 1e-9)
        return []

    def totals(self, values: np.ndarray) -> np.ndarray:
        """(B,) sums of the three scores, 1 to ``levels`` each; a small recency scores high."""
        scores = [np.searchsorted(cuts, column, side="left") for cuts, column in zip(self.cuts, values.T, strict=True)]
        scores[0] = self.config.levels - 1 - scores[0]
        out: np.ndarray = np.sum(scores, axis=0) + 3
        return out

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, 2)."""
        buys = self.shares[self.totals(rfm(inputs, rows, self.config.columns))]
        return np.stack([1 - buys, buys], axis=1)

    def save(self, directory: Path) -> None:
        """Write cuts and shares."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        state = {"cuts": torch.from_numpy(np.ascontiguousarray(self.cuts)), "shares": torch.from_numpy(self.shares)}
        save_weights(directory, config, state)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(RFMRulesConfig(**stored["config"]), stored["seed"])
        model.cuts, model.shares = state["cuts"].numpy(), state["shares"].numpy()
        return model

    @property
    def n_parameters(self) -> int:
        """Cuts and shares."""
        return int(self.cuts.size + self.shares.size)
