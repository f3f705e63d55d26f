"""Product Transformer+: transformers and counts, pooled by how much of a customer is known.

It leaves the paper. Idea: who holds nothing is best told by what people like him take, and by what is taken of late;
who holds much, by what goes together and what came after it; a network is between the two and knows both. So the
weights of the logarithmic pool differ by the length of the history: nothing, one or two products, three or four, more.
They are those of the best lists (NDCG@10) on samples of validation's queries, averaged; the queries are asked the way
the test asks: the first k shown, the rest relevant. Two of three networks learn to predict any later product and not
only the next one, since a list is judged by all of them. What was tried: ``docs/papers/E.md``.
"""

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.errors import UserError
from crm_pipelines.models.layers.pooling import list_weights, pool_weights, pooled
from crm_pipelines.models.recommendation.attribute_popularity import AttributePopularity, AttributePopularityConfig
from crm_pipelines.models.recommendation.followers import Followers, FollowersConfig
from crm_pipelines.models.recommendation.product_transformer import ProductTransformer, ProductTransformerConfig
from crm_pipelines.models.recommendation.recent_popularity import RecentPopularity, RecentPopularityConfig
from crm_pipelines.models.recommendation.together import Together, TogetherConfig
from crm_pipelines.models.sequence.ease import EASE, EASEConfig
from crm_pipelines.models.sequence.neural import SequenceTraining
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.sequences.inputs import Histories

SEED_STEP = 1_000
POOLED_ON = 1_000
"""Most queries of a slice by which the weights of a length are chosen."""
LIKELY_ON = 300
"""Most of them on which the search's first weights are fitted, by likelihood."""
FEWEST = 50
"""Queries below which a length shares the weights of all."""
BAGS = 5
"""Samples of the queries by which the weights of a length are found, and averaged."""
LENGTHS = (0, 1, 3, 5)
"""Lengths of the history from which the weights are others."""


class ProductTransformerPlusConfig(Parameters):
    """The members' parameters.

    Attributes:
        network: of the transformers that predict the next product. members: how many of them.
        far_network: of the transformers that predict any later product. far: how many of them.
        attributes, recent, followers, together, ease: of the other members.
        ease_products: of more products EASE is no member, since its cost grows with their cube.
    """

    network: ProductTransformerConfig = ProductTransformerConfig()
    members: int = Field(default=1, ge=0)
    far_network: ProductTransformerConfig = ProductTransformerConfig(
        rest=True, graph=False, transfer=False, dropout=0.3, training=SequenceTraining(epochs=40, learning_rate=3e-3)
    )
    far: int = Field(default=2, ge=0)
    attributes: AttributePopularityConfig = AttributePopularityConfig()
    recent: RecentPopularityConfig = RecentPopularityConfig()
    followers: FollowersConfig = FollowersConfig()
    together: TogetherConfig = TogetherConfig()
    ease: EASEConfig = EASEConfig()
    ease_products: int = Field(default=4000, ge=0)


class ProductTransformerPlus:
    """The pool as the model contract has it."""

    name: ClassVar[str] = "product_transformer_plus"
    Config: ClassVar[type[Parameters]] = ProductTransformerPlusConfig

    def __init__(self, config: ProductTransformerPlusConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        kinds = [config.network] * config.members + [config.far_network] * config.far
        self.networks = [ProductTransformer(kind, seed + SEED_STEP * place) for place, kind in enumerate(kinds)]
        self.others: dict[str, Any] = {
            "attributes": AttributePopularity(config.attributes, seed),
            "recent": RecentPopularity(config.recent, seed),
            "followers": Followers(config.followers, seed),
            "together": Together(config.together, seed),
            "ease": EASE(config.ease, seed),
        }
        self.weights = np.full((len(LENGTHS), len(self.networks) + len(self.others)), np.nan)

    def fit(self, inputs: ProductInputs) -> list[dict[str, float]]:
        """Fit every member, then the weights of each length on the validation's queries."""
        history = [
            {**row, "member": float(member)}
            for member, network in enumerate(self.networks)
            for row in network.fit(inputs)
        ]
        if inputs.n_items > self.config.ease_products:
            self.others.pop("ease", None)
        for other in self.others.values():
            other.fit(inputs)
        self.weights = np.full((len(LENGTHS), len(self.networks) + len(self.others)), np.nan)
        equal = np.full(self.weights.shape[1], 1 / self.weights.shape[1])
        shared = self._weighted(inputs, None, equal)
        for place in range(len(LENGTHS)):
            self.weights[place] = self._weighted(inputs, place, shared)
        return history

    def _weighted(self, inputs: ProductInputs, place: int | None, otherwise: np.ndarray) -> np.ndarray:
        """Weights (K,) for histories of one of `LENGTHS`, or of all; ``otherwise`` where validation asks too few."""
        draw = np.random.default_rng(self.seed)
        asked = []
        for queries in inputs.validating.values():
            length = bucket(queries.end - inputs.start[queries.customer])
            fitting = np.ones(len(queries), dtype=bool) if place is None else length == place
            rows = np.flatnonzero(fitting & (np.diff(queries.relevant.start) > 0))
            if len(rows) > POOLED_ON:
                rows = np.sort(draw.choice(rows, POOLED_ON, replace=False))
            asked.append(queries.of(rows))
        if sum(map(len, asked)) < FEWEST:
            return otherwise
        tables: list[list[np.ndarray]] = []
        relevant = []
        for queries in asked:
            offered = inputs.offered(queries)
            tables.append([np.where(offered, member, -np.inf) for member in self._members(inputs.before(queries))])
            wanted = np.zeros(offered.shape, dtype=bool)
            wanted[queries.relevant.owner, queries.relevant.items] = True
            relevant.append(wanted)
        parts, wanted = [np.concatenate(several) for several in zip(*tables, strict=True)], np.concatenate(relevant)
        few = np.sort(draw.permutation(len(wanted))[:LIKELY_ON])
        drawn = draw.random(wanted[few].shape) * wanted[few]  # one of the relevant products of each query
        likely = pool_weights([part[few] for part in parts], drawn.argmax(axis=1))
        return list_weights(parts, wanted, [otherwise, likely], BAGS, self.seed)

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
            "others": list(self.others),
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
        model.others = {name: type(model.others[name]).load(directory / name) for name in stored["others"]}
        model.weights = np.asarray(stored["weights"])
        return model

    @property
    def n_parameters(self) -> int:
        """Of all members, and the weights."""
        members = (*self.networks, *self.others.values())
        return sum(int(member.n_parameters) for member in members) + self.weights.size


def bucket(length: np.ndarray) -> np.ndarray:
    """(B,) which of `LENGTHS` a history's length belongs to."""
    return np.searchsorted(np.asarray(LENGTHS), length, side="right") - 1
