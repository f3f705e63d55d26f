"""Churn Transformer+: Churn Transformers, boosted trees and a linear model, averaged. Leaves the paper.

The average is that of `models.risk.average`; what was tried, and what it gave: ``docs/papers/B.md``.
"""

from typing import ClassVar

from crm_pipelines.config import Parameters
from crm_pipelines.models.risk.average import SHORTER, AverageConfig, TableAverage
from crm_pipelines.models.risk.churn_transformer import ChurnTransformer, ChurnTransformerConfig
from crm_pipelines.models.risk.neural import RiskConfig, RiskNetwork, RiskTraining


class ChurnTransformerPlusConfig(ChurnTransformerConfig, AverageConfig):
    """The network's parameters, and those of the average.

    Attributes:
        training: of the networks.
    """

    training: RiskTraining = SHORTER


class ChurnTransformerPlus(TableAverage[ChurnTransformer]):
    """The average as the model contract has it."""

    name: ClassVar[str] = "churn_transformer_plus"
    Config: ClassVar[type[Parameters]] = ChurnTransformerPlusConfig
    Network: ClassVar[type[RiskNetwork]] = ChurnTransformer
    NetworkConfig: ClassVar[type[RiskConfig]] = ChurnTransformerConfig
