"""TFP-Net+: several TFP-Nets and boosted trees, averaged. Leaves the paper; its own row in every table.

Idea: on logs of this size a network of TFP-Net's width is limited by variance, not by bias: networks that differ in
nothing but their seed disagree on rare classes, and their average is better than any of them (Lakshminarayanan et
al. 2017, "Simple and scalable predictive uncertainty estimation using deep ensembles", arXiv:1612.01474). Trees on
the same event features err elsewhere than attention over the events themselves, so both together are better than
either. The weight of the trees is chosen on validation. What was
tried, and what it gave: ``docs/papers/A.md``.
"""

import json
from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.errors import UserError
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.behaviour.tfpnet import TFPNet, TFPNetConfig
from crm_pipelines.models.layers.boosting import BoostedTrees, BoostingParameters

SEED_STEP = 1_000
"""Seeds of members lie this far apart, so that those of neighbouring seeds do not coincide."""
WEIGHTS = np.linspace(0.0, 1.0, 21)


class TFPNetPlusConfig(TFPNetConfig):
    """TFP-Net's parameters, and those of the average.

    Attributes:
        members: networks, alike but for their seed.
        tree_members: boosted ensembles, alike but for their seed; 0 leaves trees out.
        trees: their hyper-parameters.
    """

    members: int = Field(default=3, ge=1)
    tree_members: int = Field(default=3, ge=0)
    trees: BoostingParameters = BoostingParameters()


class TFPNetPlus:
    """The average as the model contract has it."""

    name: ClassVar[str] = "tfpnet_plus"
    Config: ClassVar[type[Parameters]] = TFPNetPlusConfig

    def __init__(self, config: TFPNetPlusConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        own = set(TFPNetPlusConfig.model_fields) - set(TFPNetConfig.model_fields)
        member = TFPNetConfig(**config.model_dump(exclude=own))
        self.members = [TFPNet(member, seed + SEED_STEP * i) for i in range(config.members)]
        self.trees: list[BoostedTrees] = []
        self.weight = 0.0
        """Weight of the trees in the prediction."""

    # -- training ----------------------------------------------------------------------------------------------
    def fit(self, inputs: EventInputs) -> list[dict[str, float]]:
        """Fit every member, then choose the weight of the trees on validation; one row an epoch and member."""
        history = []
        for number, member in enumerate(self.members):
            member.share_log(self.members[0])
            history += [{"member": number, **row} for row in member.fit(inputs)]
        parts = (inputs.train, inputs.validation)
        rows = [part for events in parts for part in (inputs.features(events), inputs.labels[events])]
        self.trees, self.weight = [], 0.0
        for number in range(self.config.tree_members):
            trees = BoostedTrees(self.config.trees, self.seed + SEED_STEP * number, len(inputs.classes))
            trees.fit(*rows)
            self.trees.append(trees)
        if self.trees:
            self.weight = self._choose_weight(inputs)
        return history

    def _choose_weight(self, inputs: EventInputs) -> float:
        """The weight of the trees with the lowest log-loss on validation."""
        networks, trees = self._networks(inputs, inputs.validation), self._trees(inputs, inputs.validation)
        truth = np.arange(len(networks)), inputs.labels[inputs.validation]
        losses = [-np.log(np.clip((1 - w) * networks[truth] + w * trees[truth], 1e-15, None)).mean() for w in WEIGHTS]
        return float(WEIGHTS[int(np.argmin(losses))])

    # -- prediction --------------------------------------------------------------------------------------------
    def _networks(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Mean probabilities (B, C) of the networks."""
        self.members[0].log_of(inputs)
        for member in self.members:
            member.share_log(self.members[0])
        mean: np.ndarray = np.mean([member.predict_proba(inputs, events) for member in self.members], axis=0)
        return mean

    def _trees(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Mean probabilities (B, C) of the boosted ensembles."""
        rows = inputs.features(events)
        mean: np.ndarray = np.mean([trees.predict_proba(rows) for trees in self.trees], axis=0)
        return mean

    def predict_proba(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C) of the given event ids."""
        networks = self._networks(inputs, events)
        if not self.weight:
            return networks
        return (1 - self.weight) * networks + self.weight * self._trees(inputs, events)

    # -- measurement -------------------------------------------------------------------------------------------
    @property
    def network(self) -> Any:
        """The first member's network; that there is one says that operations can be counted."""
        return self.members[0].network

    def time_steps(self, inputs: EventInputs, batch_size: int, steps: int) -> float:
        """Median seconds of one training step of every network together."""
        return self.config.members * self.members[0].time_steps(inputs, batch_size, steps)

    @property
    def n_parameters(self) -> int:
        """Trainable numbers of all members, leaf values and split thresholds included."""
        return sum(m.n_parameters for m in self.members) + sum(t.n_parameters for t in self.trees)

    # -- on disk -----------------------------------------------------------------------------------------------
    def save(self, directory: Path) -> None:
        """Write every member into a folder or file of its own, and the configuration."""
        directory.mkdir(parents=True, exist_ok=True)
        for number, member in enumerate(self.members):
            member.save(directory / f"member_{number}")
        for number, trees in enumerate(self.trees):
            (directory / f"trees_{number}.txt").write_text(trees.text, encoding="utf-8")
        stored = {
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "classes": self.trees[0].classes if self.trees else 0,
            "weight": self.weight,
        }
        (directory / "config.json").write_text(json.dumps(stored, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        try:
            stored = json.loads((directory / "config.json").read_text(encoding="utf-8"))
            model = cls(TFPNetPlusConfig(**stored["config"]), stored["seed"])
            texts = [
                (directory / f"trees_{number}.txt").read_text(encoding="utf-8")
                for number in range(model.config.tree_members)
            ]
        except (OSError, ValueError) as error:
            raise UserError(f"{directory}: no readable model here ({error}); train it again") from error
        model.members = [TFPNet.load(directory / f"member_{number}") for number in range(model.config.members)]
        model.trees = [
            BoostedTrees(model.config.trees, model.seed + SEED_STEP * number, stored["classes"], text)
            for number, text in enumerate(texts)
        ]
        model.weight = stored["weight"]
        return model
