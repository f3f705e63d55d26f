"""The frame of averages over a table of records: a network, boosted trees and a linear model, cross-fitted and weighed.

Idea: on tables of some ten thousand rows a network and boosted trees err in different places, and neither is far from
what the columns can tell; what is left to gain is variance. The training part is cut into parts; for each of them
every kind of member is fitted on the others, so that each training row is predicted by members that have not seen it
(Wolpert 1992, "Stacked generalization", Neural Networks 5(2)). On these predictions the weights of the kinds are
fitted, and the members of all parts are averaged. Trees are also given summaries of the sequence: level, spread,
trend, and shares of the record's own numbers (`layers.record_summaries`).

Validation stops the members and nothing else, so that thresholds and temperature chosen on it stay honest.

A model that has to be quick is `refitted`: once the weights are known, each kind is fitted once more, on all training
rows, and only these members are kept. Kinds that weigh nothing are not asked.
"""

import dataclasses
import json
from collections.abc import Iterator, Sequence
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
from crm_pipelines.models.layers.flat_records import FlatRecords
from crm_pipelines.models.layers.softmax_regression import SoftmaxParameters
from crm_pipelines.models.layers.stacking import logits, stack_few
from crm_pipelines.models.layers.table_members import BoostedMember, ExtremeMember, LinearMember, Member
from crm_pipelines.models.risk.neural import RiskConfig, RiskNetwork, RiskTraining
from crm_pipelines.records.inputs import RecordInputs

SEED_STEP = 1_000
"""Seeds of members lie this far apart, so that those of neighbouring seeds do not coincide."""
LEAST = 0.05
"""Weight below which a kind is not worth its time, where members are fitted again."""
NETWORK = "network"
"""The kind of the first weight."""

M = TypeVar("M", bound=RiskNetwork)


SHORTER = RiskTraining(most_events=250_000, batch_size=512, learning_rate=2e-3, patience=4)
"""Training of a network that is one of several: their mean makes up for it."""


class MembersConfig(Parameters):
    """Parameters of every average, beside the network's.

    Attributes:
        parts: of the training rows; as many members of each kind.
        trees, extreme: hyper-parameters of boosted trees.
    """

    parts: int = Field(default=4, ge=2)
    trees: TableBoostingParameters = TableBoostingParameters()
    extreme: ExtremeBoostingParameters = ExtremeBoostingParameters()


class AverageConfig(MembersConfig):
    """Parameters of an average with a linear member.

    Attributes:
        shrinkage: pull of the weights towards equal ones.
        linear: hyper-parameters of the linear member.
    """

    shrinkage: float = Field(default=0.001, ge=0)
    linear: SoftmaxParameters = SoftmaxParameters(penalties=(0.03,))


class TableAverage(Generic[M]):
    """The average as the model contract has it; a model says which network it is made with.

    Attributes:
        kinds: of the other members, in the order of their weights. refitted: members are fitted again on everything.
    """

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]] = ("lightgbm", "xgboost", "linear")
    refitted: ClassVar[bool] = False
    Config: ClassVar[type[Parameters]]
    Network: ClassVar[type[RiskNetwork]]
    NetworkConfig: ClassVar[type[RiskConfig]]

    def __init__(self, config: Any, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.networks: list[M] = []
        self.others: list[tuple[Member, ...]] = []
        """The other members of each part."""
        count = 1 + len(self.kinds)
        self.weights = np.append(np.full(count, 1 / count), 0.0)
        """Of the logits of each kind, and a constant."""

    def _members(self, part: int) -> tuple[M, tuple[Member, ...]]:
        """Unfitted members of one part."""
        c, seed = self.config, self.seed + SEED_STEP * part
        own = set(type(c).model_fields) - set(self.NetworkConfig.model_fields)
        network = cast(M, self.Network(self.NetworkConfig(**c.model_dump(exclude=own)), seed))
        return network, self.others_of(seed)

    def others_of(self, seed: int) -> tuple[Member, ...]:
        """Unfitted members besides the network, one of each of `kinds`."""
        c = self.config
        return BoostedMember(c.trees, seed), ExtremeMember(c.extreme, seed), LinearMember(c.linear, seed)

    def shrinkage_of(self, rows: int) -> float:
        """Pull of the weights towards equal ones, of weights fitted on so many rows."""
        shrinkage: float = self.config.shrinkage
        return shrinkage

    # -- training ----------------------------------------------------------------------------------------------
    def fit(self, inputs: RecordInputs) -> list[dict[str, float]]:
        """Fit every member on all parts but one, then the weights on what each predicts of that one.

        Returns one row an epoch of a network and part.
        """
        self.networks, self.others = [], []
        history = []
        labels = inputs.labels[inputs.train]
        unseen = np.zeros((len(labels), 1 + len(self.kinds)))
        for part, (rest, own) in enumerate(self._parts(labels)):
            known, rows = dataclasses.replace(inputs, train=inputs.train[rest]), inputs.train[own]
            history += self._fit_part(part, known)
            unseen[own] = self._logits(inputs, rows, self.networks[-1:], self.others[-1:])
        self.weights = stack_few(unseen, labels, self.shrinkage_of(len(labels)), LEAST if self.refitted else 0.0)
        if self.refitted:
            self.networks, self.others = [], []
            history += self._fit_part(part + 1, inputs)
        return history

    def _fit_part(self, part: int, inputs: RecordInputs) -> list[dict[str, float]]:
        """Fit and keep the members of one part; one row an epoch of the network."""
        network, others = self._members(part)
        history = [{"part": part, **row} for row in network.fit(inputs)]
        for member in others:
            member.fit(inputs)
        self.networks.append(network)
        self.others.append(others)
        return history

    def _parts(self, labels: np.ndarray) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Positions of all other parts and of each part; fewer parts where a class has fewer rows."""
        count = max(2, min(self.config.parts, int(np.bincount(labels, minlength=2).min())))
        folding = StratifiedKFold(count, shuffle=True, random_state=self.seed)
        parts: Iterator[tuple[np.ndarray, np.ndarray]] = folding.split(labels, labels)
        return parts

    # -- prediction --------------------------------------------------------------------------------------------
    def _logits(
        self,
        inputs: RecordInputs,
        rows: np.ndarray,
        networks: list[M],
        others: list[tuple[Member, ...]],
        asked: Sequence[bool] | None = None,
    ) -> np.ndarray:
        """Mean logits (B, kinds) over parts, the network's first; zero of kinds that are not ``asked``."""
        wanted = (True,) * (1 + len(self.kinds)) if asked is None else asked
        records = FlatRecords(inputs, rows)
        mean = np.zeros((len(records), len(wanted)))
        networks[0].log_of(inputs)
        for network in networks[1:]:
            network.share_log(networks[0])
        for network, members in zip(networks, others, strict=True):
            for kind in np.flatnonzero(wanted):
                one = members[kind - 1].logits(records) if kind else logits(network.predict_proba(inputs, rows))
                mean[:, kind] += one / len(networks)
        return mean

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Probabilities (B, 2)."""
        ids = np.asarray(rows, dtype=np.int64)
        mean = self._logits(inputs, ids, self.networks, self.others, list(self.weights[:-1] > 0))
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
            network.save(folder / NETWORK)
            for kind, member in zip(self.kinds, others, strict=True):
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
                for kind, member in zip(model.kinds, others, strict=True):
                    member.restore(folder / kind)
                model.others.append(others)
                model.networks.append(cast(M, cls.Network.load(folder / NETWORK)))
        except (OSError, ValueError) as error:
            raise UserError(f"{directory}: no readable model here ({error}); train it again") from error
        model.weights = np.asarray(stored["weights"])
        for name in model.extra():
            setattr(model, name, stored["extra"][name])
        return model
