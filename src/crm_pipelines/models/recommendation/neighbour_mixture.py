"""Neighbour mixture: what those take who would have taken the same, and are alike in their attributes.

Every known customer v is a component of a mixture: what he holds, each product alike, mixed with popularity. A history
h makes v as probable as P(h | v)^gamma times how near his attributes are; the answer is the share of the customers, so
weighted, who hold a product. Without a history and without attributes that is popularity; with one product it is what
its holders hold; with more, those count most who hold them all (Hofmann 2004, "Latent semantic models for
collaborative filtering", ACM TOIS 22(1), has such mixtures over latent classes; here the classes are the customers
themselves, as in kernel density estimates). The four numbers are those of the best lists on validation.

It is a member of Product Transformer+ and no peer of the paper.
"""

from itertools import product
from pathlib import Path
from typing import ClassVar, Self

import numpy as np
import torch
from pydantic import Field
from scipy.sparse import csr_matrix
from scipy.special import softmax

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.item_scores import history_matrix, restored, stored
from crm_pipelines.models.layers.pooling import list_quality
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.sequences.inputs import Histories
from crm_pipelines.training.weights import load_weights, save_weights

AT_ONCE = 512
CHOSEN_ON = 300
"""Most validation queries of a slice looked at."""
LEAST = 1e-6


class NeighbourMixtureConfig(Parameters):
    """What is tried.

    Attributes:
        smoothing: shares of popularity in a component. trust: gamma. nearness: how fast a customer counts less the
            farther his attributes are; 0 leaves attributes out.
        customers: most components, drawn at random.
    """

    smoothing: tuple[float, ...] = (0.1, 0.3, 0.6, 0.9)
    trust: tuple[float, ...] = (0.25, 0.5, 1.0)
    nearness: tuple[float, ...] = (0.0, 0.25, 0.5, 1.0)
    customers: int = Field(default=20_000, ge=1)


class NeighbourMixture:
    """The mixture as the contract has it."""

    name: ClassVar[str] = "neighbour_mixture"
    Config: ClassVar[type[Parameters]] = NeighbourMixtureConfig

    def __init__(self, config: NeighbourMixtureConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.held = csr_matrix((0, 0), dtype=np.float32)
        self.profiles = np.empty((0, 0), dtype=np.float32)
        self.popularity = np.empty(0)
        self.chosen = (0.3, 0.5, 0.0)

    def fit(self, inputs: ProductInputs) -> list[dict[str, float]]:
        """Keep what everybody holds, then choose the numbers."""
        known = inputs.known
        held = history_matrix(known, inputs.n_items)
        rows = np.flatnonzero(np.diff(held.indptr))
        if len(rows) > self.config.customers:
            rows = np.sort(np.random.default_rng(self.seed).choice(rows, self.config.customers, replace=False))
        self.held, self.profiles = csr_matrix(held[rows]), np.ascontiguousarray(inputs.profiles[rows])
        counts = np.bincount(known.items, minlength=inputs.n_items) + 0.5
        self.popularity = counts / counts.sum()
        queries = [each.of(np.arange(min(len(each), CHOSEN_ON))) for each in inputs.validating.values() if len(each)]
        asked = [(inputs.before(each), inputs.offered(each), each.relevant) for each in queries]
        best = -1.0
        nearness = self.config.nearness if inputs.profiles.shape[1] > 1 else (0.0,)
        for tried in product(self.config.smoothing, self.config.trust, nearness):
            self_chosen, self.chosen = self.chosen, tried
            found = 0.0
            for histories, offered, relevant in asked:
                wanted = np.zeros(offered.shape, dtype=bool)
                wanted[relevant.owner, relevant.items] = True
                found += list_quality(np.where(offered, self.log_probabilities(histories), -np.inf), wanted)
            if found > best:
                best = found
            else:
                self.chosen = self_chosen
        return []

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        smoothing, trust, nearness = self.chosen
        size = np.diff(self.held.indptr)
        rows = np.repeat(np.arange(len(size)), size)
        lift = self.held.copy()  # how much likelier a component makes what it holds
        own = smoothing * self.popularity[lift.indices]
        lift.data = np.log1p((1 - smoothing) / size[rows] / own).astype(np.float32)
        lift = csr_matrix(lift.T)
        parts = [np.empty((0, self.held.shape[1]), dtype=np.float32)]
        for first in range(0, len(histories), AT_ONCE):
            some = histories.part(slice(first, first + AT_ONCE))
            likely = trust * (history_matrix(some, self.held.shape[1]) @ lift).toarray()
            if nearness and some.profiles is not None:
                likely -= nearness * distances(some.profiles, self.profiles)
            share = np.asarray(softmax(likely, axis=1) @ self.held) + LEAST * self.popularity
            parts.append(np.log(share / share.sum(axis=1, keepdims=True)).astype(np.float32))
        return np.concatenate(parts)

    def save(self, directory: Path) -> None:
        """Write what everybody holds."""
        config = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "chosen": list(self.chosen),
        }
        tensors = {"profiles": torch.from_numpy(self.profiles), "popularity": torch.from_numpy(self.popularity)}
        save_weights(directory, config, {**stored(self.held), **tensors})

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        kept, state = load_weights(directory)
        model = cls(NeighbourMixtureConfig(**kept["config"]), kept["seed"])
        model.held, model.chosen = restored(state), tuple(kept["chosen"])
        model.profiles, model.popularity = state["profiles"].numpy(), state["popularity"].numpy()
        return model

    @property
    def n_parameters(self) -> int:
        """What is held, and four numbers: nothing else is fitted."""
        return int(self.held.nnz) + len(self.chosen)


def distances(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """(B, U) squared distances."""
    return np.asarray((one**2).sum(axis=1)[:, None] + (other**2).sum(axis=1) - 2 * one @ other.T)
