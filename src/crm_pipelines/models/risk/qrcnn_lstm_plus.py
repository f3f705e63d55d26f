"""QRCNN-LSTM+: a small QRCNN-LSTM, three kinds of boosted trees and an additive model, weighed. Leaves the paper.

The average is that of `models.risk.average`, refitted: weights from cross-fitted members, then one member of each kind
on all training rows, so that a prediction costs five members and not twenty. Members differ on purpose: trees that go
deep, trees of three levels that read the sequence by its summaries alone, one curve for each number, and the network.
What was tried, and what it gave: ``docs/papers/C.md``.
"""

from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.boosting import TableBoostingParameters
from crm_pipelines.models.layers.conformal import interval_margins
from crm_pipelines.models.layers.extreme_boosting import ExtremeBoostingParameters
from crm_pipelines.models.layers.table_members import (
    AdditiveMember,
    AdditiveParameters,
    BoostedMember,
    LevelMember,
    Member,
    SetMember,
)
from crm_pipelines.models.risk.average import SHORTER, MembersConfig, TableAverage
from crm_pipelines.models.risk.neural import RiskConfig, RiskNetwork, RiskTraining
from crm_pipelines.models.risk.qrcnn_lstm import QRCNNLSTM, QRCNNLSTMConfig, StepWeights
from crm_pipelines.records.inputs import RecordInputs

TREES = TableBoostingParameters(learning_rate=0.045)
DEEP = ExtremeBoostingParameters(learning_rate=0.05, depth=0, leaves=24, minimum_weight=8.0, l2=5.0)
SHALLOW = ExtremeBoostingParameters(
    rounds=600, learning_rate=0.07, depth=3, minimum_weight=8.0, feature_share=0.3, row_share=0.7, l2=5.0
)


class QRCNNLSTMPlusConfig(QRCNNLSTMConfig, MembersConfig):
    """The network's parameters, and those of the average.

    Attributes:
        channels, width: of the network, half of what it has alone.
        training: of the network.
        shrinkage_rows: the pull of the weights towards equal ones is as strong as so many rows.
        trees, extreme: of deep trees. shallow: of shallow ones. additive: of the additive model.
    """

    channels: int = Field(default=8, ge=1)
    width: int = Field(default=16, ge=1)
    training: RiskTraining = SHORTER
    shrinkage_rows: float = Field(default=30.0, ge=0)
    trees: TableBoostingParameters = TREES
    extreme: ExtremeBoostingParameters = DEEP
    shallow: ExtremeBoostingParameters = SHALLOW
    additive: AdditiveParameters = AdditiveParameters()


class QRCNNLSTMPlus(TableAverage[QRCNNLSTM]):
    """The average as the model contract has it."""

    name: ClassVar[str] = "qrcnn_lstm_plus"
    kinds: ClassVar[tuple[str, ...]] = ("lightgbm", "xgboost", "shallow", "additive")
    refitted: ClassVar[bool] = True
    Config: ClassVar[type[Parameters]] = QRCNNLSTMPlusConfig
    Network: ClassVar[type[RiskNetwork]] = QRCNNLSTM
    NetworkConfig: ClassVar[type[RiskConfig]] = QRCNNLSTMConfig

    def __init__(self, config: QRCNNLSTMPlusConfig, seed: int = 42) -> None:
        super().__init__(config, seed)
        self.margins: list[float] = []
        """How far each mean quantile moves so that the intervals hold on validation, on the scaled amounts."""

    def others_of(self, seed: int) -> tuple[Member, ...]:
        """Two kinds of deep trees, shallow ones and an additive model."""
        c = self.config
        return (
            BoostedMember(c.trees, seed),
            SetMember(c.extreme, seed),
            LevelMember(c.shallow, seed),
            AdditiveMember(c.additive, seed),
        )

    def shrinkage_of(self, rows: int) -> float:
        """As strong as `shrinkage_rows` rows."""
        return float(self.config.shrinkage_rows / max(rows, 1))

    def extra(self) -> dict[str, Any]:
        """The margins of the quantiles."""
        return {"margins": self.margins}

    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Fit every member, then widen the intervals: a mean of quantiles covers less than each of them."""
        history = super().fit(inputs)
        self.margins = [0.0] * len(self.config.quantiles)
        known = np.asarray(inputs.validation)[np.isfinite(inputs.amount[inputs.validation])]
        if self.has_quantiles and len(known):
            target = self._scaled(inputs.amount[known])
            estimates = self._scaled(self.amount_quantiles(inputs, known))
            self.margins = interval_margins(estimates, target, sorted(self.config.quantiles))
        return history

    @property
    def has_quantiles(self) -> bool:
        """Whether there was an amount to learn the quantiles of."""
        return self.networks[0].has_quantiles

    def _scaled(self, amounts: np.ndarray) -> np.ndarray:
        """Amounts of any shape on the scale of the first network."""
        scaled: np.ndarray = self.networks[0].network.amount(torch.from_numpy(amounts.astype(np.float64))).numpy()
        return scaled

    def amount_quantiles(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Quantiles (B, Q) of the next period's amount, the mean of the networks', moved by the margins."""
        mean: np.ndarray = np.mean([network.amount_quantiles(inputs, rows) for network in self.networks], axis=0)
        if not self.has_quantiles:
            return mean
        moved = torch.from_numpy(np.sort(self._scaled(mean) + np.asarray(self.margins), axis=1))
        amounts: np.ndarray = self.networks[0].network.amount.invert(moved).numpy()
        return amounts

    def attention(self, inputs: RecordInputs, rows: np.ndarray) -> StepWeights:
        """What each query weighed of the sequence, the mean of the networks."""
        found = [network.attention(inputs, rows) for network in self.networks]
        return found[0]._replace(weights=np.mean([weights for weights, _, _ in found], axis=0))
