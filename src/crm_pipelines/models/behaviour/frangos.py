"""Frangos & O'Shea: graph centralities of both entities and a linear model.

Frangos and O'Shea 2022, "A graph-based approach to client relationship management in fund administration", Machine
Learning with Applications 10: 100433.

Idea: whom a client is connected with, and how well, says what the client will do next. The TFP-Net paper says that
the original analyses e-mail communication, and not how it was carried over to customers and items; we had the title
only. Read here as: seven centralities of the customer and of the item in the snapshot that an event sees
(`layers/centrality.py`), beside the shared event features, in a multinomial logistic regression. What these
centralities add is what this model gains over `logistic_regression`.
"""

from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.layers.centrality import CENTRALITIES, centralities
from crm_pipelines.models.layers.snapshots import Snapshot, SnapshotLog, step_length
from crm_pipelines.models.layers.softmax_regression import SoftmaxParameters, SoftmaxRegression
from crm_pipelines.training.weights import load_weights, save_weights


class FrangosConfig(SoftmaxParameters):
    """Hyper-parameters, beside those of the regression.

    Attributes:
        snapshots: into how many steps the training part is cut; later parts go on in steps of the same length.
        most_edges: latest events that make up a snapshot.
    """

    snapshots: int = Field(default=12, ge=1)
    most_edges: int = Field(default=100_000, ge=1)


def centralities_of(graph: Snapshot) -> np.ndarray:
    """Centralities (M + 1, 7) of the nodes of a snapshot; the last row, of zeros, is for who is not in it."""
    customers = int(graph.source.max()) + 1 if len(graph.source) else 0
    source, target = graph.source.cpu().numpy(), graph.target.cpu().numpy() - customers
    known = centralities(source, target, customers, len(graph.nodes) - customers)
    return np.vstack([known, np.zeros((1, len(CENTRALITIES)), dtype=np.float32)])


class Frangos:
    """Linear in centralities and standardised features."""

    name: ClassVar[str] = "frangos"
    Config: ClassVar[type[Parameters]] = FrangosConfig

    def __init__(self, config: FrangosConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.regression = SoftmaxRegression(config)
        self.step = 0
        """Seconds between snapshots, from the training part."""
        self._log: SnapshotLog | None = None

    # -- the graph ---------------------------------------------------------------------------------------------
    def _log_of(self, inputs: EventInputs) -> SnapshotLog:
        """The log of ``inputs``, opened once."""
        if self._log is None or self._log.inputs is not inputs or self._log.length != self.step:
            self._log = SnapshotLog(inputs, self.step, self.config.most_edges)
        return self._log

    def centralities(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Centralities (B, 14) of the customers, then of the items, in the snapshots that ``events`` (B,) see."""
        log = self._log_of(inputs)
        ids = torch.from_numpy(np.asarray(events, dtype=np.int64))
        steps = log.step[ids].numpy()
        out = np.zeros((len(ids), 2 * len(CENTRALITIES)), dtype=np.float32)
        for step in np.unique(steps):
            rows = np.flatnonzero(steps == step)
            table, view = log.derived(int(step), centralities_of), log.view(ids[rows])
            last = len(table) - 1  # entities that the snapshot does not know stand behind its nodes
            both = [table[np.minimum(side.numpy(), last)] for side in (view.customers, view.items)]
            out[rows] = np.concatenate(both, axis=1)
        return out

    def _columns(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        return np.concatenate([self.centralities(inputs, events), inputs.features(events)], axis=1)

    # -- the contract ------------------------------------------------------------------------------------------
    def fit(self, inputs: EventInputs) -> list[dict[str, float]]:
        """Fit one estimator per penalty and keep the best on validation."""
        self.step = step_length(inputs, self.config.snapshots)
        train, validation = inputs.train, inputs.validation
        return self.regression.fit(
            self._columns(inputs, train),
            inputs.labels[train],
            self._columns(inputs, validation),
            inputs.labels[validation],
            len(inputs.classes),
        )

    def predict_proba(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C)."""
        if not len(events):
            return np.zeros((0, len(inputs.classes)))
        return self.regression.predict_proba(self._columns(inputs, events))

    def save(self, directory: Path) -> None:
        """Write coefficients, scaling and the length of the steps."""
        config: dict[str, Any] = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "seed": self.seed,
            "step": self.step,
        }
        save_weights(directory, config, self.regression.state())

    @classmethod
    def load(cls, directory: Path) -> "Frangos":
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(FrangosConfig(**stored["config"]), stored["seed"])
        model.step = int(stored["step"])
        model.regression.restore(state)
        return model

    @property
    def n_parameters(self) -> int:
        """Coefficients and intercepts."""
        return self.regression.n_parameters
