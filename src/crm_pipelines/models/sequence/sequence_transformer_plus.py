"""Sequence Transformer+: larger causal transformers and counts, pooled. Leaves the paper.

Idea: on tens of thousands of sequences a network learns long context, counts of what follows what are sharper about the
last few items (a Markov chain, and `followers` of a wider window), and what is chosen together (EASE) knows no order at
all; they err in different places. Their logarithms of probabilities are summed with weights, none negative (a
logarithmic opinion pool: Genest and Zidek 1986, "Combining probability distributions", Statistical Science 1(1)), at
which the lists of the validation targets are best; their common size is that which makes the targets most likely.

The networks see every item in every softmax, score with the items' own vectors (Press and Wolf 2017, arXiv:1608.05859)
and know places by lags. What was tried, and what it gave: ``docs/papers/B.md``.
"""

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.errors import UserError
from crm_pipelines.models.layers.causal_transformer import TransformerSizes
from crm_pipelines.models.layers.item_scores import without_seen
from crm_pipelines.models.layers.pooling import list_weights, pool_weights, pooled
from crm_pipelines.models.sequence.ease import EASE, EASEConfig
from crm_pipelines.models.sequence.followers import Followers, FollowersConfig
from crm_pipelines.models.sequence.markov import Markov, MarkovConfig
from crm_pipelines.models.sequence.neural import SequenceTraining
from crm_pipelines.models.sequence.sequence_transformer import SequenceTransformer, SequenceTransformerConfig
from crm_pipelines.sequences.inputs import Histories, SequenceInputs

SEED_STEP = 1_000
"""Seeds of members lie this far apart, so that those of neighbouring seeds do not coincide."""
POOLED_ON = 2_000
"""Most validation targets on which the weights are fitted."""
LIKELY_ON = 500
"""Most of them on which the search's first weights, and the common size, are fitted."""
BAGS = 5
"""Samples of the targets by which the weights are found, and averaged."""


class SequenceTransformerPlusConfig(SequenceTransformerConfig):
    """The networks' parameters, and those of the pool.

    Attributes:
        members: networks.
        markov, followers, ease: hyper-parameters of the other members.
        large_items: a catalogue of more items gets one network and no EASE, since the first costs with the number of
            items and the second with its cube. large_dropout: dropout of that network, since items are rare there.
    """

    sizes: TransformerSizes = TransformerSizes()
    training: SequenceTraining = SequenceTraining()
    members: int = Field(default=2, ge=1)
    markov: MarkovConfig = MarkovConfig()
    followers: FollowersConfig = FollowersConfig()
    ease: EASEConfig = EASEConfig()
    large_items: int = Field(default=4000, ge=1)
    large_dropout: float = Field(default=0.5, ge=0, lt=1)


class SequenceTransformerPlus:
    """The pool as the model contract has it."""

    name: ClassVar[str] = "sequence_transformer_plus"
    Config: ClassVar[type[Parameters]] = SequenceTransformerPlusConfig

    def __init__(self, config: SequenceTransformerPlusConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.networks: list[SequenceTransformer] = []
        self.others: dict[str, Markov | Followers | EASE] = {
            "markov": Markov(config.markov, seed),
            "followers": Followers(config.followers, seed),
            "ease": EASE(config.ease, seed),
        }
        self.weights = np.empty(0)

    def fit(self, inputs: SequenceInputs) -> list[dict[str, float]]:
        """Fit every member, then the weights on validation targets."""
        large = inputs.n_items > self.config.large_items
        sizes = self.config.sizes
        if large:
            rare = self.config.large_dropout
            sizes = sizes.model_copy(update={"dropout": rare, "embedding_dropout": rare})
            self.others.pop("ease", None)
        own = SequenceTransformerConfig(sizes=sizes, training=self.config.training)
        members = 1 if large else self.config.members
        self.networks = [SequenceTransformer(own, self.seed + SEED_STEP * member) for member in range(members)]
        history = [
            {**row, "member": float(member)}
            for member, network in enumerate(self.networks)
            for row in network.fit(inputs)
        ]
        for other in self.others.values():
            other.fit(inputs)
        self.weights = self._weighted(inputs)
        return history

    def _weighted(self, inputs: SequenceInputs) -> np.ndarray:
        """Weights (K,): of the best lists of validation targets (NDCG@10), in the size of highest likelihood."""
        draw = np.random.default_rng(self.seed)
        targets = inputs.validation
        if len(targets) > POOLED_ON:
            targets = np.sort(draw.choice(targets, POOLED_ON, replace=False))
        histories, chosen = inputs.histories(targets), inputs.items[targets]
        parts = self._kinds(histories)
        if inputs.no_repeats:
            parts = [without_seen(part, histories) for part in parts]
        few = draw.permutation(len(targets))[:LIKELY_ON]
        likely = pool_weights([part[few] for part in parts], chosen[few])
        wanted = np.zeros(parts[0].shape, dtype=bool)
        wanted[np.arange(len(chosen)), chosen] = True
        found = list_weights(parts, wanted, [likely], BAGS, self.seed)
        told = found > 0  # nought times minus infinity is no number
        table = pooled([part[few] for part, there in zip(parts, told, strict=True) if there], found[told])
        return np.asarray(found * pool_weights([table], chosen[few]))

    def _kinds(self, histories: Histories) -> list[np.ndarray]:
        """Logarithms of probabilities (B, I): the networks' average, and those of each of ``others``."""
        networks = sum(network.log_probabilities(histories) for network in self.networks) / len(self.networks)
        return [np.asarray(networks), *(other.log_probabilities(histories) for other in self.others.values())]

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        return pooled(self._kinds(histories), self.weights)

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
            "networks": len(self.networks),
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
        model = cls(SequenceTransformerPlusConfig(**stored["config"]), stored["seed"])
        model.networks = [
            SequenceTransformer.load(directory / f"network_{member}") for member in range(stored["networks"])
        ]
        model.others = {name: type(model.others[name]).load(directory / name) for name in stored["others"]}
        model.weights = np.asarray(stored["weights"])
        return model

    @property
    def n_parameters(self) -> int:
        """Of all members, and the weights."""
        members = (*self.networks, *self.others.values())
        return sum(int(member.n_parameters) for member in members) + len(self.weights)
