"""The frame of averages over a table of records: a network, boosted trees and a linear model, cross-fitted and weighed.

Idea: on tables of some ten thousand rows a network and boosted trees err in different places, and neither is far from
what the columns can tell; what is left to gain is variance. The training part is cut into parts; for each of them
every kind of member is fitted on the others, so that each training row is predicted by members that have not seen it
(Wolpert 1992, "Stacked generalization", Neural Networks 5(2)). On these predictions the weights of the kinds are
fitted, and the members of all parts are averaged. Trees are also given summaries of the sequence: level, spread,
trend, and shares of the record's own numbers (`layers.record_summaries`).

Validation stops the members and nothing else, so that thresholds and temperature chosen on it stay honest.
"""

import dataclasses
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, Generic, Self, TypeVar, cast

import numpy as np
from pydantic import Field
from scipy.special import expit
from sklearn.model_selection import StratifiedKFold

from crm_pipelines.config import Parameters
from crm_pipelines.errors import UserError
from crm_pipelines.models.layers.boosting import TableBoostingParameters
from crm_pipelines.models.layers.extreme_boosting import ExtremeBoostingParameters
from crm_pipelines.models.layers.softmax_regression import SoftmaxParameters
from crm_pipelines.models.layers.stacking import logits, stack
from crm_pipelines.models.layers.table_members import BoostedMember, ExtremeMember, LinearMember
from crm_pipelines.models.risk.neural import RiskConfig, RiskNetwork, RiskTraining
from crm_pipelines.records.inputs import RecordInputs

SEED_STEP = 1_000
"""Seeds of members lie this far apart, so that those of neighbouring seeds do not coincide."""
KINDS = ("network", "lightgbm", "xgboost", "linear")
"""Kinds of members, in the order of their weights."""

Member = BoostedMember | ExtremeMember | LinearMember
M = TypeVar("M", bound=RiskNetwork)


SHORTER = RiskTraining(most_events=250_000, batch_size=512, learning_rate=2e-3, patience=4)
"""Training of a network that is one of several: their mean makes up for it."""


class AverageConfig(Parameters):
    """Parameters of the average, beside the network's.

    Attributes:
        parts: of the training rows; as many members of each kind.
        shrinkage: pull of the weights towards equal ones.
        trees, extreme, linear: hyper-parameters of the other members.
    """

    parts: int = Field(default=4, ge=2)
    shrinkage: float = Field(default=0.001, ge=0)
    trees: TableBoostingParameters = TableBoostingParameters()
    extreme: ExtremeBoostingParameters = ExtremeBoostingParameters()
    linear: SoftmaxParameters = SoftmaxParameters(penalties=(0.03,))


class TableAverage(Generic[M]):
    """The average as the model contract has it; a model says which network it is made with."""

    name: ClassVar[str]
    Config: ClassVar[type[Parameters]]
    Network: ClassVar[type[RiskNetwork]]
    NetworkConfig: ClassVar[type[RiskConfig]]

    def __init__(self, config: Any, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.networks: list[M] = []
        self.others: list[tuple[Member, ...]] = []
        """The other members of each part."""
        self.weights = np.append(np.full(len(KINDS), 1 / len(KINDS)), 0.0)
        """Of the logits of each kind, and a constant."""

    def _members(self, part: int) -> tuple[M, tuple[Member, ...]]:
        """Unfitted members of one part."""
        c, seed = self.config, self.seed + SEED_STEP * part
        own = set(type(c).model_fields) - set(self.NetworkConfig.model_fields)
        network = cast(M, self.Network(self.NetworkConfig(**c.model_dump(exclude=own)), seed))
        return network, (BoostedMember(c.trees, seed), ExtremeMember(c.extreme, seed), LinearMember(c.linear, seed))

    # -- training ----------------------------------------------------------------------------------------------
    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Fit every member on all parts but one, then the weights on what each predicts of that one.

        Returns one row an epoch of a network and part.
        """
        self.networks, self.others = [], []
        history = []
        labels = inputs.labels[inputs.train]
        unseen = np.zeros((len(labels), len(KINDS)))
        for part, (rest, own) in enumerate(self._parts(labels)):
            network, others = self._members(part)
            known, rows = dataclasses.replace(inputs, train=inputs.train[rest]), inputs.train[own]
            history += [{"part": part, **row} for row in network.fit(known)]
            for member in others:
                member.fit(known)
            self.networks.append(network)
            self.others.append(others)
            unseen[own] = self._logits(inputs, rows, [network], [others])
        self.weights = stack(unseen, labels, self.config.shrinkage)
        return history

    def _parts(self, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions of all other parts and of each part; fewer parts where a class has fewer rows."""
        count = max(2, min(self.config.parts, int(np.bincount(labels, minlength=2).min())))
        folding = StratifiedKFold(count, shuffle=True, random_state=self.seed)
        parts: Iterator[tuple[np.ndarray, np.ndarray]] = folding.split(labels, labels)
        return parts

    # -- prediction --------------------------------------------------------------------------------------------
    @staticmethod
    def _logits(
        inputs: RecordInputs, rows: np.ndarray, networks: list[M], others: list[tuple[Member, ...]]
    ) -> np.ndarray:
        """Mean logits (B, kinds) over parts."""
        networks[0].log_of(inputs)
        for network in networks[1:]:
            network.share_log(networks[0])
        parts = [
            np.column_stack([logits(network.predict_proba(inputs, rows)), *(m.logits(inputs, rows) for m in members)])
            for network, members in zip(networks, others, strict=True)
        ]
        mean: np.ndarray = np.mean(parts, axis=0)
        return mean

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, 2)."""
        mean = self._logits(inputs, np.asarray(rows, dtype=np.int64), self.networks, self.others)
        positive = expit(mean @ self.weights[:-1] + self.weights[-1])
        return np.stack([1 - positive, positive], axis=1)

    # -- measurement -------------------------------------------------------------------------------------------
    @property
    def network(self) -> Any:
        """The first network; that there is one says that operations can be counted."""
        return self.networks[0].network if self.networks else None

    def time_steps(self, inputs: RecordInputs, batch_size: int, steps: int) -> float:
        """Median seconds of one training step of every network together."""
        return len(self.networks) * self.networks[0].time_steps(inputs, batch_size, steps)

    @property
    def n_parameters(self) -> int:
        """Trainable numbers of the networks, leaf values, thresholds and coefficients."""
        others = sum(member.n_parameters for members in self.others for member in members)
        return sum(network.n_parameters for network in self.networks) + others + len(self.weights)

    def extra(self) -> dict[str, Any]:
        """Plain values besides members and weights that `load` has to restore, under the names of the attributes."""
        return {}

    # -- on disk -----------------------------------------------------------------------------------------------
    def save(self, directory: Path) -> None:
        """Write the members of each part into a folder of its own, and the configuration."""
        directory.mkdir(parents=True, exist_ok=True)
        for part, (network, others) in enumerate(zip(self.networks, self.others, strict=True)):
            folder = directory / f"part_{part}"
            network.save(folder / KINDS[0])
            for kind, member in zip(KINDS[1:], others, strict=True):
                member.save(folder / kind)
        stored = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "parts": len(self.networks),
            "weights": self.weights.tolist(),
            "extra": self.extra(),
        }
        (directory / "config.json").write_text(json.dumps(stored, indent=2, sort_keys=True) + "\n", encoding="utf-8")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        try:
            stored = json.loads((directory / "config.json").read_text(encoding="utf-8"))
            model = cls(cls.Config(**stored["config"]), stored["seed"])
            for part in range(stored["parts"]):
                folder = directory / f"part_{part}"
                _, others = model._members(part)
                for kind, member in zip(KINDS[1:], others, strict=True):
                    member.restore(folder / kind)
                model.others.append(others)
                model.networks.append(cast(M, cls.Network.load(folder / KINDS[0])))
        except (OSError, ValueError) as error:
            raise UserError(f"{directory}: no readable model here ({error}); train it again") from error
        model.weights = np.asarray(stored["weights"])
        for name in model.extra():
            setattr(model, name, stored["extra"][name])
        return model
