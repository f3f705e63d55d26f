"""What a network reads of one past event: the token z_j of sequences and neighbourhoods."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from crm_pipelines.models.layers.entities import EntityEmbedding
from crm_pipelines.models.layers.event_log import EventLog, History, take
from crm_pipelines.models.layers.time_encoding import TimeEncoding

FLAGS = 4
"""Value, whether there is one, whether the event concerns the query's own counterpart, and its category."""


class EventTokens(nn.Module):
    """Tokens [other entity | behaviour | Phi(t - t_j) | value, has value, same, related] of an entity's latest events.

    Args:
        behaviours: number of behaviours, context ones included.
        entity_width: of the entity embeddings, which the network shares with its static inputs.
        behaviour_width, time_width: of those parts.
        time_encoding: False leaves the time part at zero.
    """

    def __init__(
        self, behaviours: int, entity_width: int, behaviour_width: int, time_width: int, time_encoding: bool = True
    ) -> None:
        super().__init__()
        self.behaviours = nn.Embedding(behaviours, behaviour_width)
        self.time = TimeEncoding(time_width)
        self.time_encoding = time_encoding
        self.width = entity_width + behaviour_width + time_width + FLAGS
        """token"""

    def forward(
        self,
        log: EventLog,
        side: str,
        events: Tensor,
        k: int,
        customers: EntityEmbedding,
        items: EntityEmbedding,
        context: Callable[[History], Tensor] | None = None,
    ) -> tuple[Tensor, History]:
        """Tokens (B, K, token), the most recent last, and the history they describe; masked ones mean nothing.

        Args:
            log: the log. side: whose history, ``customer`` or ``item``. events: queries (B,). k: K.
            customers, items: embeddings of the other side's entities.
            context: gives what is added to the entity of each event (B, K, entity_width).
        """
        past = log.history(side, events, k)
        if side == "customer":  # the neighbours of a customer are items
            other = take(log.item, past.events)  # (B, K)
            same = other == log.item[events].unsqueeze(1)
            entity = items(log.item_static, log.item_codes, other)
        else:
            other = take(log.customer, past.events)
            same = other == log.customer[events].unsqueeze(1)
            entity = customers(log.customer_static, log.customer_codes, other)
        if context is not None:
            entity = entity + context(past)
        category = log.category[events].unsqueeze(1)
        related = (take(log.category, past.events) == category) & (category >= 0)
        span = self.time(past.age)
        if not self.time_encoding:
            span = torch.zeros_like(span)
        value, has_value = take(log.value, past.events), take(log.has_value, past.events)
        flags = torch.stack([value, has_value, same.float(), related.float()], dim=-1)
        behaviour = take(self.behaviours.weight, take(log.behaviour, past.events))
        return torch.cat([entity, behaviour, span, flags], dim=-1), past
