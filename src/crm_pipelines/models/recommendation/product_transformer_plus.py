"""Product Transformer+: transformers, counts and linear item models, pooled by how much of a customer is known. Leaves
the paper.

Idea: who holds nothing is best told by what people like him take; who holds much, by what goes together; a network
is between the two and knows both. So the weights of the logarithmic pool differ by the length of the history: nothing,
one or two products, three or four, more. They are those at which the products taken in validation are most likely,
asked the way the test asks: the first k shown, the rest relevant. Two of three networks learn to predict any later
product and not only the next one, since a list is judged by all of them. What was tried: ``docs/papers/E.md``.
"""

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.errors import UserError
from crm_pipelines.models.layers.pooling import pool_weights, pooled
from crm_pipelines.models.recommendation.product_transformer import ProductTransformer, ProductTransformerConfig
from crm_pipelines.models.recommendation.segment_popularity import SegmentPopularity, SegmentPopularityConfig
from crm_pipelines.models.sequence.ease import EASE, EASEConfig
from crm_pipelines.models.sequence.item_knn import ItemKNN, ItemKNNConfig
from crm_pipelines.models.sequence.markov import Markov, MarkovConfig
from crm_pipelines.recommendation.inputs import ProductInputs, Queries
from crm_pipelines.sequences.inputs import Histories

SEED_STEP = 1_000
POOLED_ON = 1_500
"""Most pairs of a query and a relevant product by which the weights of a length are fitted."""
FEWEST = 60
"""Pairs below which a length shares the weights of all."""
LENGTHS = (0, 1, 3, 5)
"""Lengths of the history from which the weights are others."""


class ProductTransformerPlusConfig(Parameters):
    """The members' parameters.

    Attributes:
        network: of the transformers. members: transformers that predict the next product; far: those that predict any
            later one.
        segments, markov, ease, item_knn: of the other members.
    """

    network: ProductTransformerConfig = ProductTransformerConfig()
    members: int = Field(default=1, ge=0)
    far: int = Field(default=1, ge=0)
    segments: SegmentPopularityConfig = SegmentPopularityConfig()
    markov: MarkovConfig = MarkovConfig()
    ease: EASEConfig = EASEConfig()
    item_knn: ItemKNNConfig = ItemKNNConfig()


class ProductTransformerPlus:
    """The pool as the model contract has it."""

    name: ClassVar[str] = "product_transformer_plus"
    Config: ClassVar[type[Parameters]] = ProductTransformerPlusConfig

    def __init__(self, config: ProductTransformerPlusConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        kinds = [False] * config.members + [True] * config.far
        self.networks = [
            ProductTransformer(config.network.model_copy(update={"rest": rest}), seed + SEED_STEP * place)
            for place, rest in enumerate(kinds)
        ]
        self.others: dict[str, Any] = {
            "segments": SegmentPopularity(config.segments, seed),
            "markov": Markov(config.markov, seed),
            "ease": EASE(config.ease, seed),
            "item_knn": ItemKNN(config.item_knn, seed),
        }
        self.weights = np.full((len(LENGTHS), len(self.networks) + len(self.others)), np.nan)

    def fit(self, inputs: ProductInputs) -> list[dict[str, float]]:
        """Fit every member, then the weights of each length on the validation's queries."""
        history = [
            {**row, "member": float(member)}
            for member, network in enumerate(self.networks)
            for row in network.fit(inputs)
        ]
        for other in self.others.values():
            other.fit(inputs)
        draw = np.random.default_rng(self.seed)
        queries = list(inputs.validating.values())
        everything = [self._pairs(inputs, queries, None, draw)]
        shared = pool_weights(*everything[0])
        for place in range(len(LENGTHS)):
            parts, chosen = self._pairs(inputs, queries, place, draw)
            self.weights[place] = pool_weights(parts, chosen) if len(chosen) >= FEWEST else shared
        return history

    def _pairs(
        self, inputs: ProductInputs, asked: list[Queries], place: int | None, draw: np.random.Generator
    ) -> tuple[list[np.ndarray], np.ndarray]:
        """Members' logarithms (N, I), offered products only, and the relevant product of each of N drawn pairs."""
        parts: list[list[np.ndarray]] = []
        chosen: list[np.ndarray] = []
        for queries in asked:
            length = queries.end - inputs.start[queries.customer]
            fitting = np.ones(len(queries), dtype=bool) if place is None else bucket(length) == place
            counts = np.diff(queries.relevant.start)
            rows = np.flatnonzero(fitting & (counts > 0))
            if not len(rows):
                continue
            most = max(1, POOLED_ON // len(asked))
            drawn = np.sort(draw.choice(rows, min(most, len(rows)), replace=False))
            drawn = np.repeat(drawn, max(1, min(5, most // len(drawn))))
            some = queries.of(drawn)
            at = some.relevant.start[:-1] + (draw.random(len(drawn)) * counts[drawn]).astype(np.int64)
            offered = inputs.offered(some)
            members = self._members(inputs.before(some))
            parts.append([np.where(offered, member, -np.inf) for member in members])
            chosen.append(some.relevant.items[at])
        if not chosen:
            n = len(self.networks) + len(self.others)
            return [np.empty((0, inputs.n_items))] * n, np.empty(0, dtype=np.int64)
        return [np.concatenate(several) for several in zip(*parts, strict=True)], np.concatenate(chosen)

    def _members(self, histories: Histories) -> list[np.ndarray]:
        """Logarithms of probabilities (B, I) of each member."""
        return [member.log_probabilities(histories) for member in (*self.networks, *self.others.values())]

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        members = self._members(histories)
        place = bucket(np.diff(histories.start))
        out = np.empty_like(members[0])
        for value in np.unique(place):
            rows = np.flatnonzero(place == value)
            out[rows] = pooled([member[rows] for member in members], self.weights[value])
        return out

    def save(self, directory: Path) -> None:
        """Write every member and the weights."""
        directory.mkdir(parents=True, exist_ok=True)
        for member, network in enumerate(self.networks):
            network.save(directory / f"network_{member}")
        for name, other in self.others.items():
            other.save(directory / name)
        content: dict[str, Any] = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "weights": self.weights.tolist(),
        }
        (directory / "pool.json").write_text(json.dumps(content, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote.

        Raises:
            UserError: a file is missing or cannot be read.
        """
        try:
            stored = json.loads((directory / "pool.json").read_text(encoding="utf-8"))
        except (OSError, ValueError) as error:
            raise UserError(f"{directory}: no readable model here ({error}); train it again") from error
        model = cls(ProductTransformerPlusConfig(**stored["config"]), stored["seed"])
        model.networks = [
            ProductTransformer.load(directory / f"network_{member}") for member in range(len(model.networks))
        ]
        model.others = {name: type(other).load(directory / name) for name, other in model.others.items()}
        model.weights = np.asarray(stored["weights"])
        return model

    @property
    def n_parameters(self) -> int:
        """Of all members, and the weights."""
        members = (*self.networks, *self.others.values())
        return sum(member.n_parameters for member in members) + self.weights.size


def bucket(length: np.ndarray) -> np.ndarray:
    """(B,) which of `LENGTHS` a history's length belongs to."""
    return np.searchsorted(np.asarray(LENGTHS), length, side="right") - 1
