"""The hybrid of paper D: structured history to a CNN, events to an RNN, text profile projected; fused late.

Durgarani, Sripada, Balamurugan, Rathore, Ananth and Das 2026, "Enhancing customer relationship management with hybrid
deep learning and natural language processing", IJAIML, section 3 and figure 1. The paper names the parts and gives no
layer, width or loss; what stands here is our reading (docs/decisions/036).

Idea: the streams are analysed each by itself and the results joined into one profile of the customer, from which
everything is predicted: whether a purchase follows, and the value band of that purchase. The profile is also what
segments are made of. A stream that a customer lacks is masked, so everybody gets a score.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple, cast

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.fusion import Branch, EventsBranch, HistoryBranch, LateFusion, VectorBranch
from crm_pipelines.models.layers.record_log import RecordLog, RecordSizes
from crm_pipelines.models.layers.record_tokens import PARTS, MissingScaling, RecordTokens
from crm_pipelines.models.risk.neural import CHUNK, RiskConfig, RiskNetwork
from crm_pipelines.records.inputs import RecordInputs

HISTORY, EVENTS, TEXT = "history", "events", "text"
BANDS = 3
"""Value bands of the next purchase: thirds of those of the training part."""


class HybridConfig(RiskConfig):
    """Sizes, and what takes part.

    Attributes:
        modalities: streams that take part, where a record has them.
        maps, kernels: feature maps and widths of the convolutions over the history.
        output_dim: numbers that each branch says of a customer.
        token: width of a column's token.
        hidden: layers that fuse; the last is the width of the customer's profile.
        hide: share of present modalities hidden in training.
        band_weight: of the value band's loss beside that of the purchase.
    """

    modalities: tuple[str, ...] = (HISTORY, EVENTS, TEXT)
    maps: int = Field(default=16, ge=1)
    kernels: tuple[int, ...] = Field(default=(2, 3, 4, 5), min_length=1)
    output_dim: int = Field(default=32, ge=1)
    token: int = Field(default=4, ge=1)
    hidden: tuple[int, ...] = Field(default=(64, 32), min_length=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)
    hide: float = Field(default=0.1, ge=0, lt=1)
    band_weight: float = Field(default=0.2, ge=0)


class Fused(NamedTuple):
    """What the network says of records.

    Attributes:
        profile: (B, hidden[-1]). logits: (B, 2) of no purchase and purchase. bands: (B, BANDS) of the value band.
    """

    profile: Tensor
    logits: Tensor
    bands: Tensor


class HybridNetwork(nn.Module):
    """The plain network: record rows in, profile and logits out."""

    edges: Tensor

    def __init__(self, config: HybridConfig, sizes: RecordSizes) -> None:
        super().__init__()
        c = config
        widths = dict(sizes.modalities)
        self.tokens = RecordTokens(sizes, c.token)
        self.branches = nn.ModuleDict()
        if HISTORY in c.modalities:
            self.branches[HISTORY] = HistoryBranch(self.tokens.width, c.maps, c.kernels, c.output_dim)
        if EVENTS in c.modalities and EVENTS in widths:
            self.facts = MissingScaling(widths[EVENTS])
            self.branches[EVENTS] = EventsBranch(PARTS * widths[EVENTS], c.output_dim)
        if TEXT in c.modalities and TEXT in widths:
            self.branches[TEXT] = VectorBranch(widths[TEXT], c.output_dim)
        static = self.tokens.count * c.token
        dims = {name: cast(Branch, branch).output_dim for name, branch in self.branches.items()}
        self.fusion = LateFusion(dims, c.hidden, c.dropout, c.hide, static)
        self.readout = nn.Linear(self.fusion.output_dim, sizes.classes)
        self.linear = nn.Linear(static, sizes.classes)
        self.bands = nn.Linear(self.fusion.output_dim, BANDS)
        self.register_buffer("edges", torch.full((BANDS - 1,), torch.nan))

    def read(self, log: RecordLog, rows: Tensor) -> Fused:
        """Profile and logits of records (B,)."""
        static, steps, mask = self.tokens(log, rows)
        said, present = {}, {}
        for name, branch in self.branches.items():
            if name == HISTORY:
                said[name], present[name] = branch(steps, mask), mask.any(dim=1)
            elif name == EVENTS:
                raw = log.modalities[EVENTS][rows]  # (B, K, E)
                there = torch.isfinite(raw).any(dim=2)
                facts = self.facts(raw).flatten(2).masked_fill(~there.unsqueeze(-1), 0.0)
                said[name], present[name] = branch(facts, there), there.any(dim=1)
            else:
                vector = log.modalities[name][rows]
                said[name], present[name] = branch(torch.nan_to_num(vector)), torch.isfinite(vector).any(dim=1)
        flat = static.flatten(1)
        profile = self.fusion(said, present, flat)
        return Fused(profile, self.readout(profile) + self.linear(flat), self.bands(profile))

    def forward(self, log: RecordLog, rows: Tensor) -> Tensor:
        """Logits (B, 2) of records (B,)."""
        return self.read(log, rows).logits


class Hybrid(RiskNetwork):
    """The network as the model contract has it."""

    name: ClassVar[str] = "hybrid"
    Config: ClassVar[type[Parameters]] = HybridConfig
    config: HybridConfig
    studies: ClassVar[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
        "ablation": {
            f"no_{left_out}": {"modalities": tuple(each for each in (HISTORY, EVENTS, TEXT) if each != left_out)}
            for left_out in (HISTORY, EVENTS, TEXT)
        }
    }

    def build(self, sizes: RecordSizes) -> nn.Module:
        """The network, untrained."""
        return HybridNetwork(self.config, sizes)

    # -- training ----------------------------------------------------------------------------------------------
    def start(self, inputs: RecordInputs, log: RecordLog) -> None:
        """Scale columns, channels and events; cut the values of training purchases into thirds."""
        super().start(inputs, log)
        if EVENTS in self.network.branches:
            events = log.modalities[EVENTS][self.sample(inputs)].flatten(0, 1)
            self.network.facts.fit(events[torch.isfinite(events).any(dim=1)])
        bought = inputs.train[inputs.labels[inputs.train] == 1]
        worth = inputs.amount[bought]
        worth = worth[np.isfinite(worth)]
        if len(worth):
            edges = np.quantile(worth.astype(np.float64), np.arange(1, BANDS) / BANDS)
            self.network.edges.copy_(torch.from_numpy(edges))

    def loss(self, log: RecordLog, rows: Tensor) -> Tensor:
        """Cross-entropy of the purchase; in training also that of the value band over records with a purchase."""
        found = self.network.read(log, rows)
        total = functional.cross_entropy(found.logits, log.label[rows])
        amount = log.amount[rows]
        known = torch.isfinite(amount) & (log.label[rows] == 1)
        if self.network.training and self.config.band_weight and bool(known.any() & torch.isfinite(self.edges).all()):
            band = torch.bucketize(amount[known], self.edges.to(amount.dtype), right=True)
            total = total + self.config.band_weight * functional.cross_entropy(found.bands[known], band)
        return total

    # -- what can be looked at ---------------------------------------------------------------------------------
    @property
    def edges(self) -> Tensor:
        """(BANDS - 1,) upper bounds of the value bands but the last; nan where no purchase had a value."""
        found: Tensor = self.network.edges
        return found

    def fused(self, inputs: RecordInputs, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Profiles (B, D) and probabilities (B, BANDS) of the value band of the next purchase, should one follow."""
        log = self.log_of(inputs)
        self.network.eval()
        profiles = [np.zeros((0, self.network.fusion.output_dim), dtype=np.float32)]
        bands = [np.zeros((0, BANDS))]
        with torch.no_grad():
            for chunk in torch.split(torch.from_numpy(np.asarray(rows, dtype=np.int64)), CHUNK):
                found = self.network.read(log, chunk)
                profiles.append(found.profile.numpy())
                bands.append(torch.softmax(found.bands.double(), dim=1).numpy())
        return np.concatenate(profiles), np.concatenate(bands)
