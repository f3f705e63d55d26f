"""QRCNN-LSTM with cross-attention on the customer's sequence of events.

Reference 33 of the TFP-Net paper: Huang, Der Leu, Lu and Zhou 2024, "Risk analysis in customer relationship
management via QRCNN-LSTM and cross-attention mechanism", Journal of Organizational and End User Computing 36(1).
The paper predicts a customer's risk; here the same network predicts the class of the next behaviour.

Idea: four convolution kernels find local patterns in the latest K events, region pooling makes a fixed number of
regions of them, an LSTM carries them forward in time, and the query (customer, item, shared features: three tokens)
attends onto its states. What each token took, the entities and the shared features go to the classifier.

Quantile heads need a numeric target, which the task does not have. The network's own inputs (the time since the
last event, past amounts) would be no target at all. Where the source has values, ratings or amounts, the heads
learn the quantiles of the value of the predicted event itself, as an auxiliary loss in training only: nothing
reads that value when predicting, nor when the best weights are chosen. Of rating sources it is a finer form of the
label. Where the source has no values the heads are left out of the loss, and the network is trained by
cross-entropy alone.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.config import Parameters
from crm_pipelines.models.behaviour.neural import NeuralConfig, NeuralModel
from crm_pipelines.models.layers.entities import EntityEmbedding
from crm_pipelines.models.layers.event_log import EventLog
from crm_pipelines.models.layers.event_tokens import EventTokens
from crm_pipelines.models.layers.mlp import mlp
from crm_pipelines.models.layers.qrcnn import (
    KERNELS,
    QUANTILES,
    CrossAttention,
    Pooling,
    QuantileHeads,
    SequenceEncoder,
)
from crm_pipelines.models.layers.scaling import FeatureScaling
from crm_pipelines.models.layers.sizes import Sizes

QUERIES = 3
"""Query tokens: customer, item, situation."""


class QRCNNLSTMConfig(NeuralConfig):
    """Sizes of the network; the paper gives none of them but the number of kernels, four.

    Attributes:
        neighbours: K, latest events of the customer.
        kernels: widths of the convolution kernels in events.
        channels: feature maps of each kernel.
        regions, pooling: of quick region pooling.
        width: of the LSTM's state and of the attention.
        heads: of the cross-attention; one as in the paper's formulas.
        entity_width, behaviour_width, time_width: of those parts of an event's token.
        quantiles: levels of the quantile heads.
        quantile_weight: of their loss beside the cross-entropy; 0 leaves the heads out.
        hidden: hidden layers of the classifier.
        dropout: on hidden layers; a quarter of it is the share of entity codes treated as unknown in training.
    """

    neighbours: int = Field(default=20, ge=1)
    kernels: tuple[int, ...] = Field(default=KERNELS, min_length=1)
    channels: int = Field(default=32, ge=1)
    regions: int = Field(default=5, ge=1)
    pooling: Pooling = "max"
    width: int = Field(default=64, ge=1)
    heads: int = Field(default=1, ge=1)
    entity_width: int = Field(default=16, ge=1)
    behaviour_width: int = Field(default=8, ge=1)
    time_width: int = Field(default=16, ge=1)
    quantiles: tuple[float, ...] = Field(default=QUANTILES, min_length=1)
    quantile_weight: float = Field(default=0.2, ge=0)
    hidden: tuple[int, ...] = Field(default=(128, 64), min_length=1)
    dropout: float = Field(default=0.4, ge=0, lt=1)


class QRCNNLSTMNetwork(nn.Module):
    """The plain network: event ids in, logits and pooled features out."""

    def __init__(self, config: QRCNNLSTMConfig, sizes: Sizes) -> None:
        super().__init__()
        c = self.config = config
        self.scaling = FeatureScaling(sizes.features)
        self.customers = EntityEmbedding(sizes.customer_static, sizes.customer_codes, c.entity_width, c.dropout / 4)
        self.items = EntityEmbedding(sizes.item_static, sizes.item_codes, c.entity_width, c.dropout / 4)
        self.situation = nn.Linear(self.scaling.width, c.entity_width)
        self.tokens = EventTokens(sizes.behaviours, c.entity_width, c.behaviour_width, c.time_width)
        self.encoder = SequenceEncoder(self.tokens.width, c.channels, c.regions, c.width, c.kernels, c.pooling)
        self.attend = CrossAttention(c.entity_width, c.width, c.width, c.heads)
        self.hidden = mlp(QUERIES * c.width + 2 * c.entity_width + self.scaling.width, c.hidden, c.dropout)
        self.readout = nn.Linear(c.hidden[-1], sizes.classes)
        self.linear = nn.Linear(self.scaling.width, sizes.classes)
        self.quantiles = QuantileHeads(self.encoder.features, c.quantiles) if c.quantile_weight else None

    def encode(self, log: EventLog, events: Tensor) -> tuple[Tensor, Tensor]:
        """Logits (B, C) and pooled local features h(x) (B, J) of events (B,)."""
        x = self.scaling(log.features(events))  # (B, 2 F)
        customer, item = log.customer[events], log.item[events]
        x_u = self.customers(log.customer_static, log.customer_codes, customer)  # (B, entity)
        x_i = self.items(log.item_static, log.item_codes, item)
        tokens, past = self.tokens(log, "customer", events, self.config.neighbours, self.customers, self.items)
        sequence = self.encoder(tokens, past.mask)
        queries = torch.stack([x_u, x_i, self.situation(x)], dim=1)  # (B, 3, entity)
        attended = self.attend(queries, sequence.states, sequence.mask).values.flatten(1)  # (B, 3 width)
        logits = self.readout(self.hidden(torch.cat([attended, x_u, x_i], dim=1), x)) + self.linear(x)
        return logits, sequence.features

    def forward(self, log: EventLog, events: Tensor) -> Tensor:
        """Logits (B, C) of events (B,)."""
        return self.encode(log, events)[0]


class QRCNNLSTM(NeuralModel):
    """QRCNN-LSTM as the model contract has it."""

    name: ClassVar[str] = "qrcnn_lstm"
    Config: ClassVar[type[Parameters]] = QRCNNLSTMConfig
    config: QRCNNLSTMConfig

    def build(self, sizes: Sizes) -> nn.Module:
        """The network, untrained."""
        return QRCNNLSTMNetwork(self.config, sizes)

    def loss(self, log: EventLog, events: Tensor) -> Tensor:
        """Cross-entropy; in training also the quantile loss over events with a value, in training deviations."""
        logits, features = self.network.encode(log, events)
        total = functional.cross_entropy(logits, log.label[events])
        heads = self.network.quantiles
        present = log.has_value[events] > 0
        if heads is not None and self.network.training and bool(present.any()):
            quantile = heads.loss(heads(features), log.value[events], present)
            total = total + self.config.quantile_weight * quantile
        return total
