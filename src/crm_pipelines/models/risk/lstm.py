"""A long short-term memory over the record's sequence: a peer of the paper's own list.

Hochreiter and Schmidhuber 1997, "Long short-term memory", Neural Computation 9(8). Named by the paper (Goel and
Bajpai 2020).
"""

from typing import ClassVar

from pydantic import Field
from torch import Tensor, nn

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.record_log import RecordLog, RecordSizes
from crm_pipelines.models.layers.record_tokens import RecordTokens
from crm_pipelines.models.layers.recurrent import left_aligned
from crm_pipelines.models.layers.risk_head import RiskHead
from crm_pipelines.models.layers.state_attention import last_state
from crm_pipelines.models.risk.neural import RiskConfig, RiskNetwork


class LSTMConfig(RiskConfig):
    """Sizes.

    Attributes:
        width: of the state.
        token: width of a column's token.
        hidden: hidden layers of the classifier.
    """

    width: int = Field(default=64, ge=1)
    token: int = Field(default=8, ge=1)
    hidden: tuple[int, ...] = Field(default=(64, 32), min_length=1)
    dropout: float = Field(default=0.2, ge=0, lt=1)


class LSTMNetwork(nn.Module):
    """The plain network: record rows in, logits out."""

    def __init__(self, config: LSTMConfig, sizes: RecordSizes) -> None:
        super().__init__()
        c = config
        self.width = c.width
        self.tokens = RecordTokens(sizes, c.token)
        self.lstm = nn.LSTM(self.tokens.width, c.width, batch_first=True)
        self.head = RiskHead(c.width, self.tokens.count, c.token, c.hidden, c.dropout, sizes.classes)

    def forward(self, log: RecordLog, rows: Tensor) -> Tensor:
        """Logits (B, C) of records (B,)."""
        static, steps, mask = self.tokens(log, rows)
        front, length = left_aligned(steps, mask)  # what follows the last step is not read
        states = self.lstm(front)[0] if front.numel() else front.new_zeros(*mask.shape, self.width)
        state = last_state(states, mask) * (length > 0).unsqueeze(1)  # (B, width)
        logits: Tensor = self.head(state, static)
        return logits


class LSTM(RiskNetwork):
    """The network as the model contract has it."""

    name: ClassVar[str] = "lstm"
    Config: ClassVar[type[Parameters]] = LSTMConfig
    config: LSTMConfig

    def build(self, sizes: RecordSizes) -> nn.Module:
        """The network, untrained."""
        return LSTMNetwork(self.config, sizes)
