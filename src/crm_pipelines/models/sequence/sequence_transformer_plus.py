"""Sequence Transformer+: several larger causal transformers, a Markov chain and EASE, pooled. Leaves the paper.

Idea: on tens of thousands of sequences a network learns long context, counts of what follows what are sharper about the
last few items, and what is chosen together knows no order at all; they err in different places. Their logarithms of
probabilities are summed with weights, none negative, that make the validation targets most likely (a logarithmic
opinion pool: Genest and Zidek 1986, "Combining probability distributions", Statistical Science 1(1)).

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
from crm_pipelines.models.layers.pooling import pool_weights, pooled
from crm_pipelines.models.sequence.ease import EASE, EASEConfig
from crm_pipelines.models.sequence.markov import Markov, MarkovConfig
from crm_pipelines.models.sequence.neural import SequenceTraining
from crm_pipelines.models.sequence.sequence_transformer import SequenceTransformer, SequenceTransformerConfig
from crm_pipelines.sequences.inputs import Histories, SequenceInputs

SEED_STEP = 1_000
"""Seeds of members lie this far apart, so that those of neighbouring seeds do not coincide."""
POOLED_ON = 1_000
"""Most validation targets on which the weights are fitted."""
KINDS = ("network", "markov", "ease")
"""Kinds of members, in the order of their weights."""


class SequenceTransformerPlusConfig(SequenceTransformerConfig):
    """The networks' parameters, and those of the pool.

    Attributes:
        members: networks.
        markov, ease: hyper-parameters of the other members.
    """

    sizes: TransformerSizes = TransformerSizes()
    training: SequenceTraining = SequenceTraining()
    members: int = Field(default=2, ge=1)
    markov: MarkovConfig = MarkovConfig()
    ease: EASEConfig = EASEConfig()


class SequenceTransformerPlus:
    """The pool as the model contract has it."""

    name: ClassVar[str] = "sequence_transformer_plus"
    Config: ClassVar[type[Parameters]] = SequenceTransformerPlusConfig

    def __init__(self, config: SequenceTransformerPlusConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        own = SequenceTransformerConfig(sizes=config.sizes, training=config.training)
        self.networks = [SequenceTransformer(own, seed + SEED_STEP * member) for member in range(config.members)]
        self.markov, self.ease = Markov(config.markov, seed), EASE(config.ease, seed)
        self.weights = np.full(len(KINDS), 1 / len(KINDS))

    def fit(self, inputs: SequenceInputs) -> list[dict[str, float]]:
        """Fit every member, then the weights on validation targets."""
        history = [
            {**row, "member": float(member)}
            for member, network in enumerate(self.networks)
            for row in network.fit(inputs)
        ]
        self.markov.fit(inputs)
        self.ease.fit(inputs)
        targets = inputs.validation
        if len(targets) > POOLED_ON:
            targets = np.sort(np.random.default_rng(self.seed).choice(targets, POOLED_ON, replace=False))
        histories = inputs.histories(targets)
        parts = self._kinds(histories)
        if inputs.no_repeats:
            parts = [without_seen(part, histories) for part in parts]
        self.weights = pool_weights(parts, inputs.items[targets])
        return history

    def _kinds(self, histories: Histories) -> list[np.ndarray]:
        """Logarithms of probabilities (B, I) of each of `KINDS`; the networks' are averaged."""
        networks = sum(network.log_probabilities(histories) for network in self.networks) / len(self.networks)
        return [np.asarray(networks), self.markov.log_probabilities(histories), self.ease.log_probabilities(histories)]

    def log_probabilities(self, histories: Histories) -> np.ndarray:
        """(B, I)."""
        return pooled(self._kinds(histories), self.weights)

    def save(self, directory: Path) -> None:
        """Write every member and the weights."""
        directory.mkdir(parents=True, exist_ok=True)
        for member, network in enumerate(self.networks):
            network.save(directory / f"network_{member}")
        self.markov.save(directory / "markov")
        self.ease.save(directory / "ease")
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
        model = cls(SequenceTransformerPlusConfig(**stored["config"]), stored["seed"])
        model.networks = [
            SequenceTransformer.load(directory / f"network_{member}") for member in range(model.config.members)
        ]
        model.markov, model.ease = Markov.load(directory / "markov"), EASE.load(directory / "ease")
        model.weights = np.asarray(stored["weights"])
        return model

    @property
    def n_parameters(self) -> int:
        """Of all members, and the weights."""
        networks = sum(network.n_parameters for network in self.networks)
        return networks + self.markov.n_parameters + self.ease.n_parameters + len(self.weights)
