"""What all neural behaviour models share: fitting, prediction in chunks, weights on disk.

A model gives its network and nothing else; one with parts of its own (a second head, a graph) overrides the step
where they come in.
"""

from pathlib import Path
from typing import Any, ClassVar, Self

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.config import Parameters
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.layers.event_log import EventLog
from crm_pipelines.models.layers.scaling import FeatureScaling
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.training.parameters import TrainingParameters
from crm_pipelines.training.seeds import seed_everything
from crm_pipelines.training.weights import load_weights, save_weights

CHUNK = 4096
"""Events predicted at once."""
STANDARDISED_ON = 50_000
"""Most training events from which mean and deviation of the features are taken."""


class NeuralConfig(Parameters):
    """Every neural model has these beside its own parameters.

    Attributes:
        training: how it is trained.
    """

    training: TrainingParameters = TrainingParameters()


class NeuralModel:
    """A behaviour model around a network whose ``forward(log, events)`` gives logits (B, C).

    `FeatureScaling` layers of the network are fitted on training events.
    """

    name: ClassVar[str]
    Config: ClassVar[type[Parameters]]

    def __init__(self, config: Any, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.network: Any = None
        self.sizes: Sizes | None = None
        self._log: EventLog | None = None

    # -- what a model gives ------------------------------------------------------------------------------------
    def build(self, sizes: Sizes) -> nn.Module:
        """The network, untrained."""
        raise NotImplementedError

    def open(self, inputs: EventInputs) -> EventLog:
        """The log that the network reads."""
        return EventLog(inputs)

    def groups(self, log: EventLog) -> np.ndarray | None:
        """Group (N,) of each event where a batch may hold events of one group only; None without."""
        return None

    def start(self, inputs: EventInputs, log: EventLog) -> None:
        """Before training: fit what is not learnt by gradient."""
        layers = [module for module in self.network.modules() if isinstance(module, FeatureScaling)]
        if layers:
            draw = np.random.default_rng(self.seed)
            sample = np.sort(draw.choice(inputs.train, min(len(inputs.train), STANDARDISED_ON), replace=False))
            rows = log.features(torch.from_numpy(sample))
            for layer in layers:
                layer.fit(rows)

    def loss(self, log: EventLog, events: Tensor) -> Tensor:
        """Mean loss of a batch (B,)."""
        return functional.cross_entropy(self.network(log, events), log.label[events])

    def after_epoch(self, epoch: int) -> None:
        """After each epoch."""

    def finish(self, inputs: EventInputs, log: EventLog) -> None:
        """After training, with the best weights in place: choose what validation chooses."""

    def probabilities(self, log: EventLog, events: Tensor) -> Tensor:
        """Class probabilities (B, C) of one chunk."""
        return torch.softmax(self.network(log, events).double(), dim=1)

    def extra(self) -> dict[str, Any]:
        """Plain values besides weights that `load` has to restore, under the names of the model's attributes."""
        return {}

    # -- the contract ------------------------------------------------------------------------------------------
    def fit(self, inputs: EventInputs) -> list[dict[str, float]]:
        """Train on ``inputs.train``, stop and choose on ``inputs.validation``; return one row an epoch."""
        from crm_pipelines.training.trainer import train  # Lightning takes seconds to import

        seed_everything(self.seed)
        self.sizes = Sizes.of(inputs)
        self.network = self.build(self.sizes)
        log = self.log_of(inputs)
        self.start(inputs, log)
        history = train(
            self.network,
            lambda events: self.loss(log, events),
            inputs.train,
            inputs.validation,
            self.config.training,
            self.seed,
            self.after_epoch,
            self.groups(log),
        )
        self.finish(inputs, log)
        return history

    def time_steps(self, inputs: EventInputs, batch_size: int, steps: int) -> float:
        """Median seconds of one training step of ``batch_size`` events; the fitted model stays as it is.

        Args:
            inputs: prepared inputs. batch_size: events per step. steps: how many are timed, after three others.
        """
        from crm_pipelines.training.trainer import time_steps

        log = self.log_of(inputs)
        state = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        seconds = time_steps(
            self.network,
            lambda events: self.loss(log, events),
            inputs.train,
            batch_size,
            steps,
            self.config.training,
            self.groups(log),
        )
        self.network.load_state_dict(state)
        self.network.eval()
        self._log = None  # whatever a model keeps beside its log has seen other weights
        return seconds

    def log_of(self, inputs: EventInputs) -> EventLog:
        """The log of ``inputs``, opened once."""
        if self._log is None or self._log.inputs is not inputs:
            self._log = self.open(inputs)
        return self._log

    def share_log(self, other: "NeuralModel") -> None:
        """Read the same log as another model of the same kind, so that it is held once."""
        self._log = other._log

    def predict_proba(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C) of the given event ids."""
        assert self.sizes is not None
        log = self.log_of(inputs)
        self.network.eval()
        ids = torch.from_numpy(np.asarray(events, dtype=np.int64))
        out = np.zeros((len(ids), self.sizes.classes))
        groups = self.groups(log)
        group = np.zeros(len(ids), dtype=np.int64) if groups is None else groups[ids.numpy()]
        with torch.no_grad():
            for value in np.unique(group):
                for rows in torch.split(torch.from_numpy(np.flatnonzero(group == value)), CHUNK):
                    out[rows.numpy()] = self.probabilities(log, ids[rows]).cpu().numpy()
        return out

    @property
    def n_parameters(self) -> int:
        """Trainable numbers."""
        return sum(p.numel() for p in self.network.parameters()) if self.network is not None else 0

    def save(self, directory: Path) -> None:
        """Write weights and configuration."""
        assert self.sizes is not None
        config: dict[str, Any] = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "sizes": self.sizes._asdict(),
            "seed": self.seed,
            "extra": self.extra(),
        }
        save_weights(directory, config, self.network.state_dict())

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(cls.Config(**stored["config"]), stored["seed"])
        model.sizes = Sizes.parse(stored["sizes"])
        for name in model.extra():
            setattr(model, name, stored["extra"][name])
        model.network = model.build(model.sizes)
        model.network.load_state_dict(state)
        model.network.eval()
        return model
