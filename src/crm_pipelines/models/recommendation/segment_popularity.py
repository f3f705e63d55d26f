"""Popularity by segment: what customers alike in their attributes take most often.

Segments are k-means clusters of encoded attributes; each segment's counts are mixed with everybody's, the fewer it has
the more (a Dirichlet prior; Zhai and Lafferty 2004, "A study of smoothing methods for language models applied to
information retrieval", ACM TOIS 22(2)). The number of segments and the prior's weight are those at which the validation
targets are most likely; one segment is popularity.
"""

from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits

from crm_pipelines.config import Parameters
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.sequences.inputs import Histories
from crm_pipelines.training.weights import load_weights, save_weights

CHOSEN_ON = 20_000
"""Most validation targets looked at."""


class SegmentPopularityConfig(Parameters):
    """What is tried.

    Attributes:
        segments: numbers of clusters. prior: weights of everybody's counts, in events.
    """

    segments: tuple[int, ...] = (1, 4, 8, 16, 32)
    prior: tuple[float, ...] = (30.0, 100.0, 300.0, 1000.0, 3000.0)


class SegmentPopularity:
    """The counts as the contract has them."""

    name: ClassVar[str] = "segment_popularity"
    Config: ClassVar[type[Parameters]] = SegmentPopularityConfig

    def __init__(self, config: SegmentPopularityConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.centres = np.empty((0, 0), dtype=np.float32)
        self.logarithms = np.empty((0, 0), dtype=np.float32)

    def fit(self, inputs: ProductInputs) -> list[dict[str, float]]:
        """Cluster and count."""
        known = inputs.known
        profiles = inputs.profiles.astype(np.float32)
        learnt = np.flatnonzero(np.diff(known.start) > 0)
        everybody = np.bincount(known.items, minlength=inputs.n_items) + 1.0
        everybody /= everybody.sum()
        validation = inputs.validation[:CHOSEN_ON]
        owner = np.searchsorted(inputs.start, validation, side="right") - 1
        distinct = len(np.unique(profiles[learnt], axis=0))
        best = -np.inf
        for number in self.config.segments:
            if number > distinct:
                continue
            with threadpool_limits(1):
                centres = KMeans(number, random_state=self.seed, n_init=3).fit(profiles[learnt]).cluster_centers_
            segment = nearest(profiles, centres)
            counts = np.zeros((number, inputs.n_items))
            np.add.at(counts, (segment[known.owner], known.items), 1.0)
            for prior in self.config.prior if number > 1 else self.config.prior[:1]:
                mixed = (counts + prior * everybody) / (counts.sum(axis=1, keepdims=True) + prior)
                own = mixed if number > 1 else everybody[None]
                chance = own[segment[owner] if number > 1 else np.zeros_like(owner), inputs.items[validation]]
                likelihood = float(np.log(chance).mean()) if len(validation) else -np.inf
                if likelihood > best or not self.logarithms.size:
                    best = likelihood
                    self.centres, self.logarithms = centres.astype(np.float32), np.log(own).astype(np.float32)
        return []

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I), by the segment of each customer."""
        if histories.profiles is None or len(self.centres) == 1:
            return np.tile(self.logarithms.mean(axis=0), (len(histories), 1))
        return np.asarray(self.logarithms[nearest(histories.profiles, self.centres)])

    def save(self, directory: Path) -> None:
        """Write centres and logarithms."""
        config = {"model": self.name, "config": self.config.model_dump(mode="json"), "seed": self.seed}
        tensors = {"centres": torch.from_numpy(self.centres), "logarithms": torch.from_numpy(self.logarithms)}
        save_weights(directory, config, tensors)

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        kept, state = load_weights(directory)
        model = cls(SegmentPopularityConfig(**kept["config"]), kept["seed"])
        model.centres, model.logarithms = state["centres"].numpy(), state["logarithms"].numpy()
        return model

    @property
    def n_parameters(self) -> int:
        """One number a segment and product, and the centres."""
        return self.logarithms.size + self.centres.size


def nearest(profiles: np.ndarray, centres: np.ndarray) -> np.ndarray:
    """(N,) number of the centre nearest to each profile."""
    distance = (centres**2).sum(axis=1) - 2 * profiles @ centres.T
    return np.asarray(distance.argmin(axis=1))
