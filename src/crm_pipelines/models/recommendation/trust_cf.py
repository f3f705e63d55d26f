"""Trust-aware collaborative filtering: what those hold whose choices agree with one's own, and can be trusted to.

Jiang et al. 2019, "A trust-based collaborative filtering algorithm for E-commerce recommendation system", Journal of
Ambient Intelligence and Humanized Computing 10: similarity between customers is corrected by trust. They have ratings
and we have none, so the correction is that of O'Donovan and Smyth 2005, "Trust in recommender systems", IUI: the
harmonic mean of similarity and trust. Trust in another is the share of one's own products that he holds too, less the
fewer they are.
"""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
from pydantic import Field
from scipy.sparse import csr_matrix

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.item_scores import (
    fit_temperature,
    history_matrix,
    log_probabilities,
    restored,
    stored,
)
from crm_pipelines.sequences.inputs import Histories, SequenceInputs
from crm_pipelines.training.weights import load_weights, save_weights

AT_ONCE = 512


class TrustCFConfig(Parameters):
    """How far trust goes.

    Attributes:
        neighbours: others asked. evidence: common products at which trust is half of what the share says.
    """

    neighbours: int = Field(default=200, ge=1)
    evidence: float = Field(default=1.0, ge=0)


class TrustCF:
    """The neighbours as the contract has them."""

    name: ClassVar[str] = "trust_cf"
    Config: ClassVar[type[Parameters]] = TrustCFConfig

    def __init__(self, config: TrustCFConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.held = csr_matrix((0, 0), dtype=np.float32)
        self.temperature = 1.0

    def fit(self, inputs: SequenceInputs) -> list[dict[str, float]]:
        """Keep what everybody holds, then choose the temperature."""
        held = history_matrix(inputs.known, inputs.n_items)
        self.held = csr_matrix(held[np.flatnonzero(np.diff(held.indptr))])
        self.temperature = fit_temperature(self._scores, inputs)
        return []

    def _scores(self, histories: Histories) -> np.ndarray:
        parts = [np.empty((0, self.held.shape[1]), dtype=np.float32)]
        for first in range(0, len(histories), AT_ONCE):
            parts.append(self._some(histories.part(slice(first, first + AT_ONCE))))
        return np.concatenate(parts)

    def _some(self, histories: Histories) -> np.ndarray:
        mine = history_matrix(histories, self.held.shape[1])
        common = csr_matrix(mine @ self.held.T)  # (B, U)
        rows = np.repeat(np.arange(common.shape[0]), np.diff(common.indptr))
        own = np.diff(mine.indptr)[rows]
        theirs = np.diff(self.held.indptr)[common.indices]
        share = common.data.copy()
        alike = share / np.sqrt(own * theirs)
        trust = share / own * share / (share + self.config.evidence)
        weight = (2 * alike * trust / (alike + trust)).astype(np.float32)
        order = np.lexsort((-weight, rows))
        kept = order[np.arange(len(rows)) - common.indptr[rows] < self.config.neighbours]
        asked = csr_matrix((weight[kept], (rows[kept], common.indices[kept])), shape=common.shape)
        return np.asarray((asked @ self.held).toarray(), dtype=np.float32)

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        return log_probabilities(self._scores(histories), self.temperature)

    def save(self, directory: Path) -> None:
        """Write what everybody holds."""
        config = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "temperature": self.temperature,
        }
        save_weights(directory, config, stored(self.held))

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        kept, state = load_weights(directory)
        model = cls(TrustCFConfig(**kept["config"]), kept["seed"])
        model.held, model.temperature = restored(state), kept["temperature"]
        return model

    @property
    def n_parameters(self) -> int:
        """What is held: nothing is fitted but the temperature."""
        return int(self.held.nnz) + 1
