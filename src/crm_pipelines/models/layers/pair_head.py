"""Networks that represent customer and item first and then classify the pair in its situation."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from crm_pipelines.models.layers.event_log import EventLog
from crm_pipelines.models.layers.mlp import mlp
from crm_pipelines.models.layers.scaling import FeatureScaling
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.models.layers.snapshots import SnapshotLog, View


class PairHead(nn.Module):
    """Hidden layers on [h_u | h_i | h_u * h_i | shared event features], beside a linear term of the features.

    Args:
        sizes: of the data.
        width: of h_u and h_i.
        hidden, dropout: of the hidden layers.
    """

    def __init__(self, sizes: Sizes, width: int, hidden: Sequence[int], dropout: float) -> None:
        super().__init__()
        self.scaling = FeatureScaling(sizes.features)
        self.hidden = mlp(3 * width + self.scaling.width, hidden, dropout)
        self.readout = nn.Linear(hidden[-1], sizes.classes)
        self.linear = nn.Linear(self.scaling.width, sizes.classes)

    def forward(self, log: EventLog, events: Tensor, customer: Tensor, item: Tensor) -> Tensor:
        """Logits (B, C) of events (B,) whose entities are represented by (B, width) each."""
        x = self.scaling(log.features(events))
        pair = torch.cat([customer, item, customer * item], dim=1)  # (B, 3 width)
        out: Tensor = self.readout(self.hidden(pair, x)) + self.linear(x)
        return out


class PairNetwork(nn.Module):
    """A network over snapshots: what a model gives is how it represents nodes, and its ``head``."""

    head: PairHead

    def represent(self, log: SnapshotLog, view: View, wanted: Tensor) -> Tensor:
        """The nodes at positions ``wanted`` (W,) of the view, (W, width)."""
        raise NotImplementedError

    def forward(self, log: SnapshotLog, events: Tensor) -> Tensor:
        """Logits (B, C) of events (B,) of one snapshot."""
        view = log.view(events)
        customer, item = self.represent(log, view, torch.cat([view.customers, view.items])).chunk(2)
        logits: Tensor = self.head(log, events, customer, item)
        return logits
