"""Hybrid+: hybrid networks, boosted trees and a linear model, averaged. Leaves the paper; its own row in every table.

The average is that of `models.risk.average`. Records of one customer at neighbouring dates are nearly the same, so the
parts of the training rows are of whole customers: weights fitted on rows that a member knows by heart would favour
whoever memorises.
"""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
from sklearn.model_selection import StratifiedGroupKFold

from crm_pipelines.config import Parameters
from crm_pipelines.models.risk.average import SHORTER, AverageConfig, TableAverage
from crm_pipelines.models.risk.hybrid import Hybrid, HybridConfig
from crm_pipelines.models.risk.neural import RiskConfig, RiskNetwork, RiskTraining
from crm_pipelines.records.inputs import RecordInputs


class HybridPlusConfig(HybridConfig, AverageConfig):
    """The network's parameters, and those of the average.

    Attributes:
        training: of the networks; there are four, and customers come back at every reference date, so each learns in
            fewer steps than those of the other averages.
    """

    training: RiskTraining = SHORTER.model_copy(update={"most_events": 150_000})


class HybridPlus(TableAverage[Hybrid]):
    """The average as the model contract has it."""

    name: ClassVar[str] = "hybrid_plus"
    Config: ClassVar[type[Parameters]] = HybridPlusConfig
    Network: ClassVar[type[RiskNetwork]] = Hybrid
    NetworkConfig: ClassVar[type[RiskConfig]] = HybridConfig

    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Fit every member on all parts but one, then the weights."""
        self._customers = inputs.customer[inputs.train]
        return super().fit(inputs)

    def _parts(self, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions of all other parts and of each part; a customer's records are in one of them."""
        count = max(2, min(self.config.parts, int(np.bincount(labels, minlength=2).min())))
        folding = StratifiedGroupKFold(count, shuffle=True, random_state=self.seed)
        parts: Iterator[tuple[np.ndarray, np.ndarray]] = folding.split(labels, labels, self._customers)
        return parts

    def fused(self, inputs: RecordInputs, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Profiles of the first network, and mean probabilities of the value band; see `Hybrid.fused`."""
        self.networks[0].log_of(inputs)
        for network in self.networks[1:]:
            network.share_log(self.networks[0])
        found = [network.fused(inputs, rows) for network in self.networks]
        bands: np.ndarray = np.mean([bands for _, bands in found], axis=0)
        return found[0][0], bands
