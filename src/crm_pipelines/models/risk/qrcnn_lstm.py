"""QRCNN-LSTM with cross-attention: the risk model of paper C.

Huang, Der Leu, Lu and Zhou 2024, "Risk analysis in customer relationship management via quantile region
convolutional neural network-long short-term memory and cross-attention mechanism", Journal of Organizational and
End User Computing 36(1).

Idea: four convolution kernels find local patterns in a record's sequence (six months of a credit card, the weeks of a
shop's customer; where there is no sequence, its columns in order), quick region pooling makes a fixed number of
regions of them, an LSTM carries them forward, and one token for each static column attends onto its states. Linear
quantile heads on the pooled features estimate the amount of the next period where the source has one.

What the paper leaves open and how it is read here: ``docs/papers/C.md``.
"""

from collections.abc import Mapping
from typing import Any, ClassVar, Final, Literal, NamedTuple

import numpy as np
import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.amount_scaling import AmountScaling
from crm_pipelines.models.layers.conformal import interval_margins
from crm_pipelines.models.layers.qrcnn import KERNELS, QUANTILES, Pooling, QuantileHeads, SequenceEncoder
from crm_pipelines.models.layers.record_log import RecordLog, RecordSizes
from crm_pipelines.models.layers.record_tokens import RecordTokens
from crm_pipelines.models.layers.risk_head import RiskHead
from crm_pipelines.models.layers.state_attention import Attention, StateAttention, last_state
from crm_pipelines.models.layers.step_encoder import StepEncoder
from crm_pipelines.models.risk.neural import CHUNK, RiskConfig, RiskNetwork
from crm_pipelines.records.inputs import RecordInputs

Encoder = Literal["qrcnn", "cnn", "rnn", "tcn"]

ENCODERS: Final = {f"encoder_{kind}": {"encoder": kind} for kind in ("cnn", "rnn", "tcn")}
"""Table 3 of the paper, beside the model itself."""
ATTENTIONS: Final = {f"attention_{kind}": {"attention": kind} for kind in ("none", "self", "multi_head", "dynamic")}
"""Table 4 of the paper, beside the model itself, and a row without attention."""


class QRCNNLSTMConfig(RiskConfig):
    """Sizes of the network; the paper gives none of them but the number of kernels, four.

    Attributes:
        encoder: what reads the sequence before the LSTM; all but ``qrcnn`` are ablations.
        attention: how states are weighed; all but ``cross`` are ablations.
        kernels: widths of the convolution kernels in steps.
        channels: feature maps of each kernel.
        regions, pooling: of quick region pooling.
        width: of the LSTM's state and of the attention.
        heads: of the cross-attention; one as in the paper's formulas.
        token: width of a column's token.
        quantiles: levels of the quantile heads.
        quantile_weight: of their loss beside the cross-entropy; 0 leaves the heads out.
        hidden: hidden layers of the classifier.
    """

    encoder: Encoder = "qrcnn"
    attention: Attention = "cross"
    kernels: tuple[int, ...] = Field(default=KERNELS, min_length=1)
    channels: int = Field(default=16, ge=1)
    regions: int = Field(default=6, ge=1)
    pooling: Pooling = "max"
    width: int = Field(default=32, ge=1)
    heads: int = Field(default=1, ge=1)
    token: int = Field(default=8, ge=1)
    quantiles: tuple[float, ...] = Field(default=QUANTILES, min_length=1)
    quantile_weight: float = Field(default=0.2, ge=0)
    hidden: tuple[int, ...] = Field(default=(64, 32), min_length=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)


class Read(NamedTuple):
    """What the network made of a batch.

    Attributes:
        logits: (B, C). features: h(x), pooled local features (B, J).
        weights: (B, Q, R) of each query over the states. mask: (B, T) steps that exist.
    """

    logits: Tensor
    features: Tensor
    weights: Tensor
    mask: Tensor


class QRCNNLSTMNetwork(nn.Module):
    """The plain network: record rows in, logits out."""

    def __init__(self, config: QRCNNLSTMConfig, sizes: RecordSizes) -> None:
        super().__init__()
        c = config
        self.tokens = RecordTokens(sizes, c.token)
        self.encoder: SequenceEncoder | StepEncoder
        if c.encoder == "qrcnn":
            self.encoder = SequenceEncoder(self.tokens.width, c.channels, c.regions, c.width, c.kernels, c.pooling)
        else:
            self.encoder = StepEncoder(c.encoder, self.tokens.width, len(c.kernels) * c.channels, c.width)
        self.attention = StateAttention(c.attention, self.tokens.count, c.token, c.width, c.heads)
        taken = self.attention.width + c.width
        self.head = RiskHead(taken, self.tokens.count, c.token, c.hidden, c.dropout, sizes.classes)
        self.amount = AmountScaling()
        self.quantiles: QuantileHeads | None = None
        if c.quantile_weight and isinstance(self.encoder, SequenceEncoder):
            self.quantiles = QuantileHeads(self.encoder.features, c.quantiles)

    def read(self, log: RecordLog, rows: Tensor) -> Read:
        """Everything about records (B,)."""
        tokens = self.tokens(log, rows)
        sequence = self.encoder(tokens.steps, tokens.mask)
        attended = self.attention(tokens.static, sequence.states, sequence.mask)
        summary = torch.cat([attended.values, last_state(sequence.states, sequence.mask)], dim=1)
        logits = self.head(summary, tokens.static)
        return Read(logits, sequence.features, attended.weights, tokens.mask)

    def forward(self, log: RecordLog, rows: Tensor) -> Tensor:
        """Logits (B, C) of records (B,)."""
        return self.read(log, rows).logits


class StepWeights(NamedTuple):
    """How much of a record's sequence each query took.

    Attributes:
        weights: (B, Q, T); those of a query sum to one over the steps of a record that has any.
        queries: names of the Q queries. steps: names of the T steps.
    """

    weights: np.ndarray
    queries: tuple[str, ...]
    steps: tuple[str, ...]


class QRCNNLSTM(RiskNetwork):
    """QRCNN-LSTM as the model contract has it."""

    name: ClassVar[str] = "qrcnn_lstm"
    Config: ClassVar[type[Parameters]] = QRCNNLSTMConfig
    config: QRCNNLSTMConfig
    studies: ClassVar[Mapping[str, Mapping[str, Mapping[str, Any]]]] = {"ablation": {**ENCODERS, **ATTENTIONS}}

    def __init__(self, config: QRCNNLSTMConfig, seed: int = 42) -> None:
        super().__init__(config, seed)
        self.margins: list[float] = []
        """How far each quantile moves outwards so that the intervals hold on validation, on the scaled amounts."""

    def build(self, sizes: RecordSizes) -> nn.Module:
        """The network, untrained."""
        return QRCNNLSTMNetwork(self.config, sizes)

    def extra(self) -> dict[str, Any]:
        """The margins of the quantiles."""
        return {"margins": self.margins}

    # -- training ----------------------------------------------------------------------------------------------
    def start(self, inputs: RecordInputs, log: RecordLog) -> None:
        """Scale columns, channels and the amount."""
        super().start(inputs, log)
        self.network.amount.fit(log.amount[torch.from_numpy(np.array(inputs.train))])

    def loss(self, log: RecordLog, rows: Tensor) -> Tensor:
        """Cross-entropy; in training also the quantile loss over records with an amount."""
        read = self.network.read(log, rows)
        total = functional.cross_entropy(read.logits, log.label[rows])
        heads, amount = self.network.quantiles, log.amount[rows]
        present = torch.isfinite(amount)
        if heads is not None and self.network.training and bool(present.any()):
            quantile = heads.loss(heads(read.features), self.network.amount(amount), present)
            total = total + self.config.quantile_weight * quantile
        return total

    def finish(self, inputs: RecordInputs, log: RecordLog) -> None:
        """Widen the intervals until they hold on validation."""
        self.margins = [0.0] * len(self.config.quantiles)
        amount = log.amount[torch.from_numpy(np.array(inputs.validation))]
        present = torch.isfinite(amount)
        if self.has_quantiles and bool(present.any()):
            target = self.network.amount(amount[present]).numpy()
            estimates = self._estimates(inputs, np.asarray(inputs.validation)[present.numpy()])  # (V, Q)
            self.margins = interval_margins(estimates, target, sorted(self.config.quantiles))

    # -- what can be looked at ---------------------------------------------------------------------------------
    @property
    def has_quantiles(self) -> bool:
        """Whether the quantile heads had an amount to learn."""
        return self.network.quantiles is not None and bool(self.network.amount.known)

    def _estimates(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Scaled quantiles (B, Q), rising, without margins."""
        log = self.log_of(inputs)
        self.network.eval()
        parts = [np.zeros((0, len(self.config.quantiles)))]
        with torch.no_grad():
            for chunk in torch.split(torch.from_numpy(np.asarray(rows, dtype=np.int64)), CHUNK):
                estimates = self.network.quantiles(self.network.read(log, chunk).features)
                parts.append(torch.sort(estimates, dim=1).values.double().numpy())
        return np.concatenate(parts)

    def amount_quantiles(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        """Quantiles (B, Q) of the next period's amount, in its unit and rising; nan where none could be learned."""
        if not self.has_quantiles:
            return np.full((len(rows), len(self.config.quantiles)), np.nan)
        moved = np.sort(self._estimates(inputs, rows) + np.asarray(self.margins), axis=1)
        amounts: np.ndarray = self.network.amount.invert(torch.from_numpy(moved)).numpy()
        return amounts

    def attention(self, inputs: RecordInputs, rows: np.ndarray) -> StepWeights:
        """What each query weighed of the sequence; a region's weight is shared evenly by its steps."""
        log = self.log_of(inputs)
        self.network.eval()
        columns = (*inputs.numeric_names, *inputs.categorical_names)
        steps = inputs.step_names if inputs.sequence.shape[1] * inputs.sequence.shape[2] else columns
        parts = []
        with torch.no_grad():
            for chunk in torch.split(torch.from_numpy(np.asarray(rows, dtype=np.int64)), CHUNK):
                read = self.network.read(log, chunk)
                parts.append(self.network.encoder.by_step(read.weights, read.mask).numpy())
        weights = np.concatenate(parts)
        names = {"cross": columns, "dynamic": ("last state",)}
        queries = names.get(self.config.attention, tuple(f"state {i + 1}" for i in range(weights.shape[1])))
        return StepWeights(weights, queries, steps)
