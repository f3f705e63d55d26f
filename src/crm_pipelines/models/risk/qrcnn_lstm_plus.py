"""QRCNN-LSTM+: QRCNN-LSTMs, boosted trees and a linear model, averaged. Leaves the paper; its own row in every table.

The average is that of `models.risk.average`; what was tried, and what it gave: ``docs/papers/C.md``.
"""

from typing import ClassVar

import numpy as np

from crm_pipelines.config import Parameters
from crm_pipelines.models.risk.average import SHORTER, AverageConfig, TableAverage
from crm_pipelines.models.risk.neural import RiskConfig, RiskNetwork, RiskTraining
from crm_pipelines.models.risk.qrcnn_lstm import QRCNNLSTM, QRCNNLSTMConfig, StepWeights
from crm_pipelines.records.inputs import RecordInputs


class QRCNNLSTMPlusConfig(QRCNNLSTMConfig, AverageConfig):
    """The network's parameters, and those of the average.

    Attributes:
        training: of the networks.
    """

    training: RiskTraining = SHORTER


class QRCNNLSTMPlus(TableAverage[QRCNNLSTM]):
    """The average as the model contract has it."""

    name: ClassVar[str] = "qrcnn_lstm_plus"
    Config: ClassVar[type[Parameters]] = QRCNNLSTMPlusConfig
    Network: ClassVar[type[RiskNetwork]] = QRCNNLSTM
    NetworkConfig: ClassVar[type[RiskConfig]] = QRCNNLSTMConfig

    @property
    def has_quantiles(self) -> bool:
        """Whether there was an amount to learn the quantiles of."""
        return self.networks[0].has_quantiles

    def amount_quantiles(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Quantiles (B, Q) of the next period's amount, the mean of the networks'."""
        mean: np.ndarray = np.mean([network.amount_quantiles(inputs, rows) for network in self.networks], axis=0)
        return mean

    def attention(self, inputs: RecordInputs, rows: np.ndarray) -> StepWeights:
        """What each query weighed of the sequence, the mean of the networks."""
        found = [network.attention(inputs, rows) for network in self.networks]
        return found[0]._replace(weights=np.mean([weights for weights, _, _ in found], axis=0))
