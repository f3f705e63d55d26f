"""TFP-Net: temporal graph attention, DeepFM and prototypes for the class of a customer's next behaviour.

Li, Dong and Wang 2026, "TFP-Net: A temporal-feature-prototypical network for CRM optimization and cold-start
mitigation", PLoS ONE 21(4): e0345461, doi:10.1371/journal.pone.0345461.

Idea: the query is (customer u, item i, time t). Attention over the latest events of either side gives temporal
embeddings (TGAT); a gate joins them with static attributes (TAFI); DeepFM takes the interactions of the joint
vector; its refined vector is classified by the nearest prototype (ProtoNet), seeded at the centres of customer
segments (BCPS) and pulled towards the entities' own past events. Both heads are trained jointly and mixed with a
weight chosen on validation. How each formula is read: ``docs/papers/A.md``.
"""

from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.config import Parameters
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.layers.deepfm import DeepFM, Refined
from crm_pipelines.models.layers.event_log import EventLog
from crm_pipelines.models.layers.prototypes import Prototypes
from crm_pipelines.models.layers.standardise import Standardise
from crm_pipelines.models.layers.temporal_attention import TemporalAttention
from crm_pipelines.models.layers.time_encoding import TimeEncoding
from crm_pipelines.training.parameters import TrainingParameters
from crm_pipelines.training.seeds import seed_everything
from crm_pipelines.training.weights import load_weights, save_weights


class TFPNetConfig(Parameters):
    """Sizes and switches of TFP-Net; a switch set to false removes that part (the paper's Table 5).

    Attributes:
        width: d, width of temporal embeddings and refined vectors.
        neighbours: K, latest events attended on either side.
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
        tgat, time_encoding, decay, gate, deepfm, fm, protonet, seeding, shrinkage: switches.
        training: how it is trained.
    """

    width: int = Field(default=64, ge=2)
    neighbours: int = Field(default=20, ge=1)
    steps: int = Field(default=4, ge=1)
    heads: int = Field(default=2, ge=1)
    time_width: int = Field(default=16, ge=1)
    entity_width: int = Field(default=16, ge=1)
    behaviour_width: int = Field(default=8, ge=1)
    factors: int = Field(default=16, ge=1)
    hidden: tuple[int, ...] = (128, 64)
    dropout: float = Field(default=0.4, ge=0, lt=1)
    decay_base: float = Field(default=1.0, gt=0)
    prototype_weight: float = Field(default=0.2, ge=0)
    support: int = Field(default=10, ge=1)
    prior: float = Field(default=5.0, gt=0)
    tgat: bool = True
    time_encoding: bool = True
    decay: bool = True
    gate: bool = True
    deepfm: bool = True
    fm: bool = True
    protonet: bool = True
    seeding: bool = True
    shrinkage: bool = True
    training: TrainingParameters = TrainingParameters()


class Sizes(NamedTuple):
    """What the network must know of the data."""

    features: int
    classes: int
    behaviours: int
    segments: int
    customer_static: int
    item_static: int
    customer_codes: tuple[int, ...]
    item_codes: tuple[int, ...]

    @classmethod
    def of(cls, inputs: EventInputs) -> "Sizes":
        """Read the sizes off prepared inputs."""
        return cls(
            features=len(inputs.all_feature_names),
            classes=len(inputs.classes),
            behaviours=len(inputs.store.behaviours),
            segments=max(1, inputs.n_segments),
            customer_static=inputs.customer_static.shape[1],
            item_static=inputs.item_static.shape[1],
            customer_codes=tuple(inputs.customer_cardinalities),
            item_codes=tuple(inputs.item_cardinalities),
        )


class _EntityEmbedding(nn.Module):
    """Static attributes and categorical codes of an entity as one vector; no entity has weights of its own."""

    def __init__(self, static: int, cardinalities: tuple[int, ...], width: int, unknown: float) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, width) for size in cardinalities)
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.1)  # type: ignore[arg-type]
        self.project = nn.Linear(static, width) if static else None
        self.width, self.unknown = width, unknown

    def forward(self, static: Tensor, codes: Tensor) -> Tensor:
        """(..., static), (..., columns) -> (..., width)."""
        if self.training and self.unknown > 0 and codes.numel():
            codes = codes * (torch.rand(codes.shape, device=codes.device) >= self.unknown)
        out: Tensor = static.new_zeros(*static.shape[:-1], self.width) if self.project is None else self.project(static)
        for column, table in enumerate(self.tables):
            out = out + table(codes[..., column])
        return out


class TFPNetwork(nn.Module):
    """The plain network: event ids in, DeepFM logits, refined vectors and attention weights out."""

    def __init__(self, config: TFPNetConfig, sizes: Sizes) -> None:
        super().__init__()
        c = self.config = config
        self.standardise = Standardise(sizes.features)
        unknown = c.dropout / 4
        self.customers = _EntityEmbedding(sizes.customer_static, sizes.customer_codes, c.entity_width, unknown)
        self.items = _EntityEmbedding(sizes.item_static, sizes.item_codes, c.entity_width, unknown)
        fused = sizes.features + 2 * c.entity_width
        if c.tgat:
            self.behaviours = nn.Embedding(sizes.behaviours, c.behaviour_width)
            self.time = TimeEncoding(c.time_width)
            self.situation = nn.Linear(sizes.features, c.entity_width)
            token = c.entity_width + c.behaviour_width + c.time_width + 4
            query = 3 * c.entity_width
            self.attend_customer = TemporalAttention(token, query, c.width, c.heads, c.steps, c.decay)
            self.attend_item = TemporalAttention(token, query, c.width, c.heads, c.steps, c.decay)
            self.gate = nn.Linear(2 * c.width + 2 * c.entity_width, 2 * c.width) if c.gate else None
            fused += 2 * c.width
        if c.deepfm:
            self.deepfm = DeepFM(fused, sizes.classes, c.factors, c.hidden, c.width, c.dropout, c.fm)
        else:
            self.plain = nn.Sequential(nn.Linear(fused, c.width), nn.ReLU())
            self.head = nn.Linear(c.width, sizes.classes)
        if c.protonet:
            self.prototypes = Prototypes(sizes.classes, sizes.segments, c.width, c.prior)

    def _attend(self, log: EventLog, side: str, events: Tensor, query: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Temporal embedding (B, d), weights (B, K) and event ids (B, K) of one side."""
        c = self.config
        past = log.history(side, events, c.neighbours)
        if side == "customer":  # the neighbours of a customer are items
            other = log.item[past.events]  # (B, K)
            same = other == log.item[events].unsqueeze(1)
            entity = self.items(log.item_static[other], log.item_codes[other])
        else:
            other = log.customer[past.events]
            same = other == log.customer[events].unsqueeze(1)
            entity = self.customers(log.customer_static[other], log.customer_codes[other])
        category = log.category[events].unsqueeze(1)
        related = (log.category[past.events] == category) & (category >= 0)
        span = self.time(past.age)
        if not c.time_encoding:
            span = torch.zeros_like(span)
        token = torch.cat(
            [
                entity,
                self.behaviours(log.behaviour[past.events]),
                span,
                torch.stack([log.value[past.events], log.has_value[past.events], same.float(), related.float()], -1),
            ],
            dim=-1,
        )  # (B, K, token)
        attention = self.attend_customer if side == "customer" else self.attend_item
        scale = 1.0 + torch.log1p(past.rate)
        embedding, weights = attention(token, query, past.age / c.decay_base, past.mask, scale)
        return embedding, weights, past.events

    def forward(self, log: EventLog, events: Tensor) -> tuple[Refined, dict[str, tuple[Tensor, Tensor]]]:
        """Encode events (B,): DeepFM logits (B, C), refined vectors (B, d); per side weights and ids (B, K)."""
        c = self.config
        x = self.standardise(log.features(events))
        customer, item = log.customer[events], log.item[events]
        x_u = self.customers(log.customer_static[customer], log.customer_codes[customer])
        x_i = self.items(log.item_static[item], log.item_codes[item])
        parts = [x_u, x_i, x]
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
            return self.deepfm(fused), attention
        vector = self.plain(fused)
        return Refined(self.head(vector), vector), attention


class _Bank:
    """Refined vectors of labelled events seen so far: the support of entities, without encoding it again.

    The vector of an event depends on what lies before that event only, and a query gathers events strictly
    before itself, so the bank cannot carry anything backwards in time.
    """

    def __init__(self, log: EventLog, width: int, classes: int, support: int) -> None:
        n = len(log.customer)
        self.log, self.classes, self.support = log, classes, support
        self.vectors = torch.zeros(n, width, device=log.device)
        self.known = torch.zeros(n, dtype=torch.bool, device=log.device)

    def put(self, events: Tensor, vectors: Tensor) -> None:
        self.vectors[events] = vectors.detach()
        self.known[events] = True

    def gather(self, events: Tensor) -> tuple[Tensor, Tensor]:
        """Sum (B, C, d) and number (B, C) of the support of both entities, per class."""
        ids, masks = [], []
        for side in ("customer", "item"):
            past = self.log.history(side, events, self.support)
            ids.append(past.events)
            masks.append(past.mask & self.known[past.events] & (self.log.label[past.events] >= 0))
        events_, mask = torch.cat(ids, dim=1), torch.cat(masks, dim=1)
        member = functional.one_hot(self.log.label[events_].clamp(min=0), self.classes) * mask.unsqueeze(-1)
        member = member.float()
        return torch.einsum("bkc,bkd->bcd", member, self.vectors[events_]), member.sum(dim=1)


class TFPNet:
    """TFP-Net as the model contract has it."""

    name: ClassVar[str] = "tfpnet"
    Config: ClassVar[type[Parameters]] = TFPNetConfig

    def __init__(self, config: TFPNetConfig, seed: int = 42) -> None:
        self.config, self.seed = config, seed
        self.network: TFPNetwork | None = None
        self.sizes: Sizes | None = None
        self.mixture = 0.0
        """Weight of the prototype head in the prediction."""
        self._log: EventLog | None = None
        self._bank: _Bank | None = None

    # -- training ----------------------------------------------------------------------------------------------
    def fit(self, inputs: EventInputs) -> list[dict[str, float]]:
        """Train on ``inputs.train``, stop and choose on ``inputs.validation``; return one row an epoch."""
        from crm_pipelines.training.trainer import train  # Lightning takes seconds to import

        seed_everything(self.seed)
        self.sizes = Sizes.of(inputs)
        network = self.network = TFPNetwork(self.config, self.sizes)
        log = EventLog(inputs)
        generator = np.random.default_rng(self.seed)
        sample = np.sort(generator.choice(inputs.train, min(len(inputs.train), 50_000), replace=False))
        network.standardise.fit(log.features(torch.from_numpy(sample)))
        bank = self._new_bank(log)
        segment = torch.from_numpy(np.array(inputs.customer_segment, dtype=np.int64))
        warm = not self.config.protonet

        def loss(events: Tensor) -> Tensor:
            refined, _ = network(log, events)
            target = log.label[events]
            total = functional.cross_entropy(refined.logits, target)
            if self.config.protonet:
                bank.put(events, refined.vector)
                if warm or not network.training:  # losses of all validation epochs are of one kind
                    prototypes = functional.cross_entropy(self._nearest(bank, events, refined.vector), target)
                    total = total + self.config.prototype_weight * prototypes
            return total

        def after_epoch(epoch: int) -> None:
            nonlocal warm
            if epoch == 0 and self.config.protonet:
                warm = True  # prototypes are seeded once the encoder has seen the data
                if self.config.seeding:
                    known = torch.from_numpy(np.asarray(inputs.train))
                    network.prototypes.seed(bank.vectors[known], log.label[known], segment[log.customer[known]])

        history = train(network, loss, inputs.train, inputs.validation, self.config.training, self.seed, after_epoch)
        self._remember(inputs, log)
        self.mixture = self._choose_mixture(inputs)
        return history

    def _new_bank(self, log: EventLog) -> _Bank:
        assert self.sizes is not None
        return _Bank(log, self.config.width, self.sizes.classes, self.config.support)

    def _nearest(self, bank: _Bank, events: Tensor, vectors: Tensor) -> Tensor:
        """Prototype logits (B, C)."""
        assert self.network is not None
        support = bank.gather(events) if self.config.shrinkage else ()
        logits: Tensor = self.network.prototypes(vectors, *support)
        return logits

    def _choose_mixture(self, inputs: EventInputs) -> float:
        """The weight of the prototype head with the lowest log-loss on validation."""
        if not self.config.protonet:
            return 0.0
        if not self.config.deepfm:
            return 1.0
        plain, near = self._heads(inputs, inputs.validation)
        rows = np.arange(len(plain)), inputs.labels[inputs.validation]
        weights = np.linspace(0.0, 1.0, 21)
        losses = [-np.log(np.clip((1 - w) * plain[rows] + w * near[rows], 1e-15, None)).mean() for w in weights]
        return float(weights[int(np.argmin(losses))])

    # -- prediction --------------------------------------------------------------------------------------------
    def _remember(self, inputs: EventInputs, log: EventLog | None = None) -> EventLog:
        """Encode every labelled event of ``inputs`` once: the support that predictions read."""
        assert self.network is not None
        if self._log is None or self._log.inputs is not inputs:
            self._log = log or EventLog(inputs)
            self._bank = self._new_bank(self._log)
            if self.config.protonet and self.config.shrinkage:
                labelled = np.flatnonzero(np.asarray(inputs.labels) >= 0)
                with torch.no_grad():
                    for chunk in torch.split(torch.from_numpy(labelled), 4096):
                        self._bank.put(chunk, self.network(self._log, chunk)[0].vector)
        return self._log

    def _heads(self, inputs: EventInputs, events: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities of both heads, (B, C) each; the second is empty without ProtoNet."""
        assert self.network is not None
        assert self.sizes is not None
        log = self._remember(inputs)
        assert self._bank is not None
        self.network.eval()
        plain, near = [np.zeros((0, self.sizes.classes))], [np.zeros((0, self.sizes.classes))]
        with torch.no_grad():
            for chunk in torch.split(torch.from_numpy(np.asarray(events, dtype=np.int64)), 4096):
                if not len(chunk):
                    continue
                refined, _ = self.network(log, chunk)
                plain.append(torch.softmax(refined.logits.double(), dim=1).numpy())
                if self.config.protonet:
                    logits = self._nearest(self._bank, chunk, refined.vector)
                    near.append(torch.softmax(logits.double(), dim=1).numpy())
        return np.concatenate(plain), np.concatenate(near)

    def predict_proba(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C) of the given event ids."""
        plain, near = self._heads(inputs, events)
        if not self.config.protonet:
            return plain
        return (1 - self.mixture) * plain + self.mixture * near

    def attention(self, inputs: EventInputs, events: np.ndarray, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Weights a_j * w_j and event ids, (B, K) each, that a prediction gave to one side's history."""
        assert self.network is not None
        log = self._remember(inputs)
        with torch.no_grad():
            _, attention = self.network(log, torch.from_numpy(np.asarray(events, dtype=np.int64)))
        weights, ids = attention[side]
        return weights.numpy(), ids.numpy()

    # -- on disk -----------------------------------------------------------------------------------------------
    @property
    def n_parameters(self) -> int:
        """Trainable numbers."""
        return sum(p.numel() for p in self.network.parameters()) if self.network is not None else 0

    def save(self, directory: Path) -> None:
        """Write weights and configuration."""
        assert self.network is not None
        assert self.sizes is not None
        config: dict[str, Any] = {
            "model": self.name,
            "config": self.config.model_dump(mode="json"),
            "sizes": self.sizes._asdict(),
            "seed": self.seed,
            "mixture": self.mixture,
        }
        save_weights(directory, config, self.network.state_dict())

    @classmethod
    def load(cls, directory: Path) -> "TFPNet":
        """Read what :meth:`save` wrote."""
        stored, state = load_weights(directory)
        model = cls(TFPNetConfig(**stored["config"]), stored["seed"])
        sizes = stored["sizes"]
        for key in ("customer_codes", "item_codes"):
            sizes[key] = tuple(sizes[key])
        model.sizes = Sizes(**sizes)
        model.network = TFPNetwork(model.config, model.sizes)
        model.network.load_state_dict(state)
        model.network.eval()
        model.mixture = stored["mixture"]
        return model
