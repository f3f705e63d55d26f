"""TFP-Net: temporal graph attention, DeepFM and prototypes for the class of a customer's next behaviour.

Li, Dong and Wang 2026, "TFP-Net: A temporal-feature-prototypical network for CRM optimization and cold-start
mitigation", PLoS ONE 21(4): e0345461, doi:10.1371/journal.pone.0345461.

Idea: the query is (customer u, item i, time t). Attention over the latest events of either side gives temporal
embeddings (TGAT); a gate joins them with static attributes (TAFI); DeepFM takes the interactions of the joint
vector; its refined vector is classified by the nearest prototype (ProtoNet), seeded at the centres of customer
segments (BCPS) and pulled towards the entities' own past events. Both heads are trained jointly and mixed with a
weight chosen on validation. How each formula is read: ``docs/papers/A.md``.
"""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar, Final

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.config import Parameters
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.behaviour.neural import CHUNK, NeuralConfig, NeuralModel
from crm_pipelines.models.layers.deepfm import DeepFM, Refined
from crm_pipelines.models.layers.entities import EntityEmbedding
from crm_pipelines.models.layers.event_log import EventLog, History
from crm_pipelines.models.layers.event_tokens import EventTokens
from crm_pipelines.models.layers.mlp import Hidden
from crm_pipelines.models.layers.neighbour_context import NeighbourContext
from crm_pipelines.models.layers.prototypes import Prototypes
from crm_pipelines.models.layers.scaling import FeatureScaling
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.models.layers.support import SupportBank
from crm_pipelines.models.layers.temporal_attention import TemporalAttention


class TFPNetConfig(NeuralConfig):
    """Sizes and switches of TFP-Net; a switch set to false removes that part (the paper's Table 5).

    Attributes:
        width: d, width of temporal embeddings and refined vectors.
        neighbours: K, latest events attended on either side.
        layers: rounds of attention; with 2 the entities of those events come as they had become by their own past.
        steps: T, time steps whose embeddings are mean-pooled.
        heads: attention heads.
        time_width: entries of the time encoding.
        entity_width, behaviour_width: widths of entity and behaviour embeddings in tokens.
        factors: d_fm (Table 4: 16).
        hidden: hidden layers of the DeepFM network.
        dropout: on hidden layers, and on the share of entity codes treated as unknown in training.
        decay_base: lambda (Table 4: 1.0).
        prototype_weight: mu, weight of the prototype loss.
        support: latest events of either entity that pull its prototypes.
        prior: initial n0, the events a prototype counts for.
        mixture: weight of the prototype head in the prediction; chosen on validation where not given.
        tgat, time_encoding, decay, gate, deepfm, fm, protonet, seeding, shrinkage: switches.
    """

    width: int = Field(default=64, ge=2)
    neighbours: int = Field(default=20, ge=1)
    layers: int = Field(default=1, ge=1, le=2)
    steps: int = Field(default=4, ge=1)
    heads: int = Field(default=2, ge=1)
    time_width: int = Field(default=16, ge=1)
    entity_width: int = Field(default=16, ge=1)
    behaviour_width: int = Field(default=8, ge=1)
    factors: int = Field(default=16, ge=1)
    hidden: tuple[int, ...] = Field(default=(128, 64), min_length=1)
    dropout: float = Field(default=0.4, ge=0, lt=1)
    decay_base: float = Field(default=1.0, gt=0)
    prototype_weight: float = Field(default=0.2, ge=0)
    support: int = Field(default=10, ge=1)
    prior: float = Field(default=5.0, gt=0)
    mixture: float | None = Field(default=None, ge=0, le=1)
    tgat: bool = True
    time_encoding: bool = True
    decay: bool = True
    gate: bool = True
    deepfm: bool = True
    fm: bool = True
    protonet: bool = True
    seeding: bool = True
    shrinkage: bool = True


ABLATION: Final[Mapping[str, Mapping[str, Any]]] = {
    "no_tgat": {"tgat": False},
    "no_deepfm": {"deepfm": False},
    "no_protonet": {"protonet": False},
    "no_time_encoding": {"time_encoding": False},
    "no_fm": {"fm": False},
    "no_prototype_generation": {"seeding": False},
    "tgat_only": {"deepfm": False, "protonet": False},
    "deepfm_only": {"tgat": False, "protonet": False},
    "tgat_deepfm": {"protonet": False, "gate": False},
    "protonet_cold_start": {"mixture": 1.0},
    "two_layers": {"layers": 2},
    "entire_scaling": {},
}
"""Table 5: what each variant changes. `protonet_cold_start` answers by the prototypes alone; `two_layers` attends
twice, which the paper does not; `entire_scaling` is the model as it is, on attributes scaled by the range of all data,
as the paper does."""

SENSITIVITY: Final[Mapping[str, Mapping[str, Any]]] = {
    **{f"decay_base={value:g}": {"decay_base": value} for value in (0.1, 0.5, 1.0, 2.0, 5.0)},
    **{f"factors={value}": {"factors": value} for value in (4, 8, 16, 32, 64)},
    **{f"learning_rate={value:g}": {"training": {"learning_rate": value}} for value in (1e-4, 5e-4, 1e-3, 5e-3, 1e-2)},
}
"""Table 4: lambda, d_fm and the learning rate, one at a time; the paper's optima (1.0, 16, 5e-4) are among them."""


class TFPNetwork(nn.Module):
    """The plain network: event ids in, DeepFM logits, refined vectors and attention weights out."""

    def __init__(self, config: TFPNetConfig, sizes: Sizes) -> None:
        super().__init__()
        c = self.config = config
        self.scaling = FeatureScaling(sizes.features)
        unknown = c.dropout / 4
        self.customers = EntityEmbedding(sizes.customer_static, sizes.customer_codes, c.entity_width, unknown)
        self.items = EntityEmbedding(sizes.item_static, sizes.item_codes, c.entity_width, unknown)
        fused = self.scaling.width + 2 * c.entity_width
        if c.tgat:
            self.tokens = EventTokens(
                sizes.behaviours, c.entity_width, c.behaviour_width, c.time_width, c.time_encoding
            )
            self.situation = nn.Linear(self.scaling.width, c.entity_width)
            token, query = self.tokens.width, 3 * c.entity_width
            self.attend_customer = TemporalAttention(token, query, c.width, c.heads, c.steps, c.decay)
            self.attend_item = TemporalAttention(token, query, c.width, c.heads, c.steps, c.decay)
            if c.layers == 2:
                inner = (token, c.entity_width, c.heads, c.decay, c.neighbours, c.decay_base)
                self.context = nn.ModuleDict({side: NeighbourContext(*inner) for side in ("customer", "item")})
            self.gate = nn.Linear(2 * c.width + 2 * c.entity_width, 2 * c.width) if c.gate else None
            fused += 2 * c.width
        if c.deepfm:
            self.deepfm = DeepFM(fused, sizes.classes, c.factors, c.hidden, c.width, c.dropout, c.fm)
        else:
            self.plain = Hidden(nn.Linear(fused, c.width), nn.ReLU())
            self.head = nn.Linear(c.width, sizes.classes)
        if c.protonet:
            self.prototypes = Prototypes(sizes.classes, sizes.segments, c.width, c.prior)

    def _attend(self, log: EventLog, side: str, events: Tensor, query: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Temporal embedding (B, d), weights (B, K) and event ids (B, K) of one side."""
        c = self.config
        attention = self.attend_customer if side == "customer" else self.attend_item
        order, embedded = [], []
        context = partial(self._context, log, side) if c.layers == 2 else None
        weights = query.new_zeros(len(events), c.neighbours)
        ids = torch.zeros(len(events), c.neighbours, dtype=torch.int64, device=query.device)
        for rows, k in log.by_length(side, events, c.neighbours):
            order.append(rows)
            if k:
                token, past = self.tokens(log, side, events[rows], k, self.customers, self.items, context)
                scale = 1.0 + torch.log1p(past.rate)
                h, weight = attention(token, query[rows], past.age / c.decay_base, past.mask, scale)
                weights[rows, -k:], ids[rows, -k:] = weight.detach(), past.events
            else:
                h = attention.alone(query[rows])
            embedded.append(h)
        back = torch.argsort(torch.cat(order)) if order else torch.zeros(0, dtype=torch.int64, device=query.device)
        return torch.cat(embedded).index_select(0, back) if order else query.new_zeros(0, c.width), weights, ids

    def _context(self, log: EventLog, side: str, past: History) -> Tensor:
        """(B, K, entity_width) what the entities that a side met had become by then."""
        met = "item" if side == "customer" else "customer"
        found: Tensor = self.context[met](log, met, past, self.tokens, self.customers, self.items)
        return found

    def forward(self, log: EventLog, events: Tensor) -> tuple[Refined, dict[str, tuple[Tensor, Tensor]]]:
        """Encode events (B,): DeepFM logits (B, C), refined vectors (B, d); per side weights and ids (B, K)."""
        c = self.config
        x = self.scaling(log.features(events))
        customer, item = log.customer[events], log.item[events]
        x_u = self.customers(log.customer_static, log.customer_codes, customer)
        x_i = self.items(log.item_static, log.item_codes, item)
        parts = [x_u, x_i]
        attention: dict[str, tuple[Tensor, Tensor]] = {}
        if c.tgat:
            query = torch.cat([x_u, x_i, self.situation(x)], dim=1)
            embedded = []
            for side in ("customer", "item"):
                h, weights, ids = self._attend(log, side, events, query)
                embedded.append(h)
                attention[side] = (weights, ids)
            temporal = torch.cat(embedded, dim=1)  # (B, 2 d)
            if self.gate is not None:
                temporal = torch.sigmoid(self.gate(torch.cat([temporal, x_u, x_i], dim=1))) * temporal
            parts.insert(0, temporal)
        fused = torch.cat(parts, dim=1)
        if c.deepfm:
            return self.deepfm(fused, x), attention
        vector = self.plain(fused, x)
        return Refined(self.head(vector), vector), attention


class TFPNet(NeuralModel):
    """TFP-Net as the model contract has it."""

    name: ClassVar[str] = "tfpnet"
    Config: ClassVar[type[Parameters]] = TFPNetConfig
    config: TFPNetConfig
    studies: ClassVar[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {
        "ablation": ABLATION,
        "sensitivity": SENSITIVITY,
    }

    def __init__(self, config: TFPNetConfig, seed: int = 42) -> None:
        super().__init__(config, seed)
        self.mixture = 0.0
        """Weight of the prototype head in the prediction."""
        self._bank: SupportBank | None = None
        self._segment = torch.zeros(0, dtype=torch.int64)
        self._train = torch.zeros(0, dtype=torch.int64)
        self._seeded = False

    def build(self, sizes: Sizes) -> nn.Module:
        """The network, untrained."""
        return TFPNetwork(self.config, sizes)

    def extra(self) -> dict[str, Any]:
        """The mixture of the two heads."""
        return {"mixture": self.mixture}

    # -- training ----------------------------------------------------------------------------------------------
    def start(self, inputs: EventInputs, log: EventLog) -> None:
        """Scale features, and begin with an empty support bank."""
        super().start(inputs, log)
        self._bank = self._new_bank(log)
        self._segment = torch.from_numpy(np.array(inputs.customer_segment, dtype=np.int64))
        self._train = torch.from_numpy(np.array(inputs.train))
        self._seeded = not self.config.protonet

    def loss(self, log: EventLog, events: Tensor) -> Tensor:
        """Cross-entropy of the DeepFM head, and mu times that of the prototype head once it is seeded."""
        assert self._bank is not None
        refined, _ = self.network(log, events)
        target = log.label[events]
        total = functional.cross_entropy(refined.logits, target)
        if self.config.protonet:
            self._bank.put(events, refined.vector)
            if self._seeded or not self.network.training:  # losses of all validation epochs are of one kind
                prototypes = functional.cross_entropy(self._nearest(self._bank, events, refined.vector), target)
                total = total + self.config.prototype_weight * prototypes
        return total

    def after_epoch(self, epoch: int) -> None:
        """Seed the prototypes once the encoder has seen the data."""
        if epoch == 0 and self.config.protonet:
            assert self._bank is not None
            self._seeded = True
            if self.config.seeding:
                log = self._bank.log
                self.network.prototypes.seed(
                    (vectors, log.label[events], self._segment[log.customer[events]])
                    for events, vectors in self._bank.parts(self._train)
                )

    def finish(self, inputs: EventInputs, log: EventLog) -> None:
        """Encode the support anew with the best weights, and choose the mixture."""
        self._bank = self._encoded_bank(log)
        self.mixture = self._choose_mixture(inputs, log)

    def _choose_mixture(self, inputs: EventInputs, log: EventLog) -> float:
        """The weight of the prototype head with the lowest log-loss on validation, unless it is given."""
        if not self.config.protonet:
            return 0.0
        if self.config.mixture is not None:
            return self.config.mixture
        if not self.config.deepfm:
            return 1.0
        with torch.no_grad():
            chunks = [
                self._heads(log, chunk) for chunk in torch.split(torch.from_numpy(np.array(inputs.validation)), CHUNK)
            ]
        plain, near = (torch.cat(parts).numpy() for parts in zip(*chunks, strict=True))
        rows = np.arange(len(plain)), inputs.labels[inputs.validation]
        weights = np.linspace(0.0, 1.0, 21)
        losses = [-np.log(np.clip((1 - w) * plain[rows] + w * near[rows], 1e-15, None)).mean() for w in weights]
        return float(weights[int(np.argmin(losses))])

    # -- support -----------------------------------------------------------------------------------------------
    def _new_bank(self, log: EventLog) -> SupportBank:
        assert self.sizes is not None
        return SupportBank(log, self.config.width, self.sizes.classes, self.config.support)

    def _encoded_bank(self, log: EventLog) -> SupportBank:
        """Every labelled event of the log that has features, encoded once: the support that predictions read."""
        bank = self._new_bank(log)
        if self.config.protonet and self.config.shrinkage:
            self.network.eval()
            labelled = torch.nonzero(log.label.rows >= 0).squeeze(1)
            if log.inputs.featured is not None:  # of a long log only some events have features
                labelled = labelled[torch.isin(labelled, torch.from_numpy(np.array(log.inputs.featured)))]
            with torch.no_grad():
                for chunk in torch.split(labelled, CHUNK):
                    bank.put(chunk, self.network(log, chunk)[0].vector)
        return bank

    def _bank_of(self, log: EventLog) -> SupportBank:
        if self._bank is None or self._bank.log is not log:
            self._bank = self._encoded_bank(log)
        return self._bank

    def _nearest(self, bank: SupportBank, events: Tensor, vectors: Tensor) -> Tensor:
        """Prototype logits (B, C)."""
        support = bank.gather(events) if self.config.shrinkage else ()
        logits: Tensor = self.network.prototypes(vectors, *support)
        return logits

    # -- prediction --------------------------------------------------------------------------------------------
    def _heads(self, log: EventLog, events: Tensor) -> tuple[Tensor, Tensor]:
        """Probabilities (B, C) of the DeepFM head and of the prototype head; the same twice without ProtoNet."""
        refined, _ = self.network(log, events)
        plain = torch.softmax(refined.logits.double(), dim=1)
        if not self.config.protonet:
            return plain, plain
        logits = self._nearest(self._bank_of(log), events, refined.vector)
        return plain, torch.softmax(logits.double(), dim=1)

    def probabilities(self, log: EventLog, events: Tensor) -> Tensor:
        """The mixture of both heads (B, C)."""
        plain, near = self._heads(log, events)
        return (1 - self.mixture) * plain + self.mixture * near

    def attention(self, inputs: EventInputs, events: np.ndarray, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Weights a_j * w_j and event ids, (B, K) each, that a prediction gave to one side's history."""
        self.network.eval()
        with torch.no_grad():
            _, attention = self.network(self.log_of(inputs), torch.from_numpy(np.asarray(events, dtype=np.int64)))
        weights, ids = attention[side]
        return weights.numpy(), ids.numpy()
