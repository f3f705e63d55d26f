"""What all neural models share: fitting, prediction in chunks, weights on disk.

It knows no pipeline: what is predicted (events, records) is numbered, and a *log* holds the inputs of every number as
tensors. A pipeline says how a log is opened and what sizes it has; a model gives its network and nothing else, and
one with parts of its own (a second head, a graph) overrides the step where they come in.
"""

from pathlib import Path
from typing import Any, ClassVar, Generic, Protocol, Self, TypeVar

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.config import Parameters
from crm_pipelines.training.parameters import TrainingParameters
from crm_pipelines.training.seeds import seed_everything, smallest_as_zero
from crm_pipelines.training.weights import load_weights, save_weights

CHUNK = 4096
"""Most ids predicted at once, if a kind of model names no other number."""
STANDARDISED_ON = 50_000
"""Most training ids from which mean and deviation of the features are taken."""


class NeuralConfig(Parameters):
    """Every neural model has these beside its own parameters.

    Attributes:
        training: how it is trained.
    """

    training: TrainingParameters = TrainingParameters()


class Prepared(Protocol):
    """Prepared inputs: which ids (events, records) to learn from and which to choose on."""

    @property
    def train(self) -> np.ndarray:
        """Ids to learn from."""
        ...

    @property
    def validation(self) -> np.ndarray:
        """Ids to stop and to choose on."""
        ...


class Classes(Protocol):
    """Class of every id; a tensor, or what reads like one."""

    def __getitem__(self, ids: Tensor, /) -> Tensor:
        """Classes (B,) of ids (B,), int64."""
        ...


class Log(Protocol):
    """Inputs as tensors."""

    @property
    def inputs(self) -> Any:
        """What it was opened from."""
        ...

    @property
    def label(self) -> "Classes":
        """Class of every id."""
        ...


class Measured(Protocol):
    """Sizes of a log."""

    @property
    def classes(self) -> int:
        """C."""
        ...

    def _asdict(self) -> dict[str, Any]:
        """As JSON keeps it."""
        ...


I = TypeVar("I", bound=Prepared)  # noqa: E741 -- inputs
L = TypeVar("L", bound=Log)
S = TypeVar("S", bound=Measured)


class NeuralFrame(Generic[I, L, S]):
    """A model around a network whose ``forward(log, ids)`` gives logits (B, C)."""

    name: ClassVar[str]
    Config: ClassVar[type[Parameters]]
    chunk: ClassVar[int] = CHUNK

    def __init__(self, config: Any, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.network: Any = None
        self.sizes: S | None = None
        self._log: L | None = None

    # -- what a pipeline gives ---------------------------------------------------------------------------------
    def open(self, inputs: I) -> L:
        """The log that the network reads."""
        raise NotImplementedError

    def measure(self, inputs: I) -> S:
        """What the network must know of the data before it is built."""
        raise NotImplementedError

    @classmethod
    def parse_sizes(cls, stored: dict[str, Any]) -> S:
        """Sizes from what JSON kept of them."""
        raise NotImplementedError

    # -- what a model gives ------------------------------------------------------------------------------------
    def build(self, sizes: S) -> nn.Module:
        """The network, untrained."""
        raise NotImplementedError

    def groups(self, log: L) -> np.ndarray | None:
        """Group (N,) of each id where a batch may hold ids of one group only; None without."""
        return None

    def parts(self, inputs: I, log: L) -> tuple[np.ndarray, np.ndarray]:
        """Ids to learn from and ids to stop on, as the log numbers them."""
        return inputs.train, inputs.validation

    def training(self, inputs: I) -> TrainingParameters:
        """How it is trained on these inputs."""
        parameters: TrainingParameters = self.config.training
        return parameters

    def start(self, inputs: I, log: L) -> None:
        """Before training: fit what is not learnt by gradient."""

    def loss(self, log: L, ids: Tensor) -> Tensor:
        """Mean loss of a batch (B,)."""
        return functional.cross_entropy(self.network(log, ids), log.label[ids])

    def after_epoch(self, epoch: int) -> None:
        """After each epoch."""

    def finish(self, inputs: I, log: L) -> None:
        """After training, with the best weights in place: choose what validation chooses."""

    def probabilities(self, log: L, ids: Tensor) -> Tensor:
        """Class probabilities (B, C) of one chunk."""
        return torch.softmax(self.network(log, ids).double(), dim=1)

    def extra(self) -> dict[str, Any]:
        """Plain values besides weights that `load` has to restore, under the names of the model's attributes."""
        return {}

    # -- the contract ------------------------------------------------------------------------------------------
    def fit(self, inputs: I) -> list[dict[str, float]]:
        """Train on ``inputs.train``, stop and choose on ``inputs.validation``; return one row an epoch."""
        from crm_pipelines.training.trainer import train  # Lightning takes seconds to import

        seed_everything(self.seed)
        self.sizes = self.measure(inputs)
        self.network = self.build(self.sizes)
        log = self.log_of(inputs)
        self.start(inputs, log)
        with smallest_as_zero():  # what is fitted before and after keeps every number
            history = train(
                self.network,
                lambda ids: self.loss(log, ids),
                *self.parts(inputs, log),
                self.training(inputs),
                self.seed,
                self.after_epoch,
                self.groups(log),
            )
        self.finish(inputs, log)
        return history

    def sample(self, inputs: I) -> Tensor:
        """Training ids, at most `STANDARDISED_ON`, from which statistics of the features are taken."""
        draw = np.random.default_rng(self.seed)
        size = min(len(inputs.train), STANDARDISED_ON)
        return torch.from_numpy(np.sort(draw.choice(inputs.train, size, replace=False)))

    @smallest_as_zero()
    def time_steps(self, inputs: I, batch_size: int, steps: int) -> float:
        """Median seconds of one training step of ``batch_size`` ids; the fitted model stays as it is.

        Args:
            inputs: prepared inputs. batch_size: ids per step. steps: how many are timed, after three others.
        """
        from crm_pipelines.training.trainer import time_steps

        log = self.log_of(inputs)
        state = {name: tensor.clone() for name, tensor in self.network.state_dict().items()}
        seconds = time_steps(
            self.network,
            lambda ids: self.loss(log, ids),
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

    def log_of(self, inputs: I) -> L:
        """The log of ``inputs``, opened once."""
        if self._log is None or self._log.inputs is not inputs:
            self._log = self.open(inputs)
        return self._log

    def share_log(self, other: "NeuralFrame[I, L, S]") -> None:
        """Read the same log as another model of the same kind, so that it is held once."""
        self._log = other._log

    @smallest_as_zero()
    def predict_proba(self, inputs: I, ids: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C) of the given ids."""
        assert self.sizes is not None
        log = self.log_of(inputs)
        self.network.eval()
        wanted = torch.from_numpy(np.asarray(ids, dtype=np.int64))
        out = np.zeros((len(wanted), self.sizes.classes))
        groups = self.groups(log)
        group = np.zeros(len(wanted), dtype=np.int64) if groups is None else groups[wanted.numpy()]
        with torch.no_grad():
            for value in np.unique(group):
                for rows in torch.split(torch.from_numpy(np.flatnonzero(group == value)), self.chunk):
                    out[rows.numpy()] = self.probabilities(log, wanted[rows]).cpu().numpy()
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
        model.sizes = cls.parse_sizes(stored["sizes"])
        for name in model.extra():
            setattr(model, name, stored["extra"][name])
        model.network = model.build(model.sizes)
        model.network.load_state_dict(state)
        model.network.eval()
        return model
