"""GRU: a recurrent network over what customer and item did last.

The unit is that of Cho et al. 2014, "Learning phrase representations using RNN encoder-decoder", EMNLP,
arXiv:1406.1078; its use for behaviour follows GRU4Rec, Hidasi, Karatzoglou, Baltrunas and Tikk 2016,
"Session-based recommendations with recurrent neural networks", ICLR, arXiv:1511.06939.

Idea: reading the latest K events in order, the state after the last one tells where the customer stands. Read here
for the class of the next behaviour with a known item: a second unit reads the item's latest K events, since every
other network sees both sides. A state begins at the entity's own attributes, so that an entity without history is
what its attributes say. Both last states and the shared event features go to the classifier of pairs.
"""

from typing import ClassVar

import torch
from pydantic import Field
from torch import Tensor, nn

from crm_pipelines.config import Parameters
from crm_pipelines.models.behaviour.neural import NeuralConfig, NeuralModel
from crm_pipelines.models.layers.entities import EntityEmbedding
from crm_pipelines.models.layers.event_log import EventLog
from crm_pipelines.models.layers.event_tokens import EventTokens
from crm_pipelines.models.layers.pair_head import PairHead
from crm_pipelines.models.layers.recurrent import LastState
from crm_pipelines.models.layers.sizes import Sizes


class GRUConfig(NeuralConfig):
    """Sizes of the GRU.

    Attributes:
        width: of the states; most of the time goes into them.
        neighbours: K, latest events read on either side.
        entity_width, behaviour_width, time_width: of those parts of an event's token.
        hidden: hidden layers of the classifier.
        dropout: on hidden layers; a quarter of it is the share of entity codes treated as unknown in training.
    """

    width: int = Field(default=48, ge=1)
    neighbours: int = Field(default=20, ge=1)
    entity_width: int = Field(default=16, ge=1)
    behaviour_width: int = Field(default=8, ge=1)
    time_width: int = Field(default=16, ge=1)
    hidden: tuple[int, ...] = Field(default=(128, 64), min_length=1)
    dropout: float = Field(default=0.4, ge=0, lt=1)


class GRUNetwork(nn.Module):
    """One unit a side, then the classifier of pairs."""

    def __init__(self, config: GRUConfig, sizes: Sizes) -> None:
        super().__init__()
        c = self.config = config
        self.customers = EntityEmbedding(sizes.customer_static, sizes.customer_codes, c.entity_width, c.dropout / 4)
        self.items = EntityEmbedding(sizes.item_static, sizes.item_codes, c.entity_width, c.dropout / 4)
        self.tokens = EventTokens(sizes.behaviours, c.entity_width, c.behaviour_width, c.time_width)
        self.begin = nn.ModuleDict({side: nn.Linear(c.entity_width, c.width) for side in ("customer", "item")})
        self.read = nn.ModuleDict({side: LastState(self.tokens.width, c.width) for side in ("customer", "item")})
        self.head = PairHead(sizes, c.width, c.hidden, c.dropout)

    def state(self, log: EventLog, side: str, events: Tensor) -> Tensor:
        """State (B, width) of one side's entity before each of ``events`` (B,)."""
        if side == "customer":
            customer = log.customer[events]
            own = self.customers(log.customer_static, log.customer_codes, customer)  # (B, entity)
        else:
            item = log.item[events]
            own = self.items(log.item_static, log.item_codes, item)
        start = torch.tanh(self.begin[side](own))  # (B, width)
        out = start  # where there are no events
        for rows, k in log.by_length(side, events, self.config.neighbours):
            if k:
                tokens, past = self.tokens(log, side, events[rows], k, self.customers, self.items)
                out = out.index_copy(0, rows, self.read[side](tokens, past.mask, start[rows]))
        return out

    def forward(self, log: EventLog, events: Tensor) -> Tensor:
        """Logits (B, C) of events (B,)."""
        logits: Tensor = self.head(log, events, self.state(log, "customer", events), self.state(log, "item", events))
        return logits


class GRUModel(NeuralModel):
    """The GRU as the model contract has it."""

    name: ClassVar[str] = "gru"
    Config: ClassVar[type[Parameters]] = GRUConfig

    def build(self, sizes: Sizes) -> nn.Module:
        """The network, untrained."""
        return GRUNetwork(self.config, sizes)
