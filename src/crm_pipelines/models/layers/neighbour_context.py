"""The first of two rounds of temporal attention: what an event's other entity had seen when the event happened.

Source: Xu et al. 2020 (TGAT, arXiv:2002.07962), equation 7 with two layers: a neighbour enters the attention not only
with its attributes but with its own temporal embedding at the time of the event. A batch meets the same event in
many histories, so each distinct event is embedded once; and only with the events strictly before it, so that nothing
later reaches it.
"""

import torch
from torch import Tensor, nn

from crm_pipelines.models.layers.entities import EntityEmbedding
from crm_pipelines.models.layers.event_log import EventLog, History, take
from crm_pipelines.models.layers.event_tokens import EventTokens
from crm_pipelines.models.layers.temporal_attention import TemporalAttention

AT_ONCE = 8_192
"""Distinct events embedded together; bounds the memory of a batch that meets many."""


class NeighbourContext(nn.Module):
    """Temporal embeddings of the entities met in a history, each as of its event.

    Args:
        token: width of a token. width: of the result, that of an entity's embedding, to which it is added.
        heads: attention heads. decay: whether old events fade. neighbours: K. decay_base: lambda.
    """

    def __init__(self, token: int, width: int, heads: int, decay: bool, neighbours: int, decay_base: float) -> None:
        super().__init__()
        self.attention = TemporalAttention(token, width, width, heads, 1, decay)
        self.width, self.neighbours, self.decay_base = width, neighbours, decay_base

    def forward(
        self,
        log: EventLog,
        side: str,
        past: History,
        tokens: EventTokens,
        customers: EntityEmbedding,
        items: EntityEmbedding,
    ) -> Tensor:
        """Embeddings (B, K, width), 0 where there is no event.

        Args:
            log: the log. side: of the entities met, ``item`` for the history of a customer. past: that history.
            tokens: makes the tokens of their own histories. customers, items: embeddings of the attributes.
        """
        distinct, place = torch.unique(past.events[past.mask], return_inverse=True)
        parts = [self._embed(log, side, some, tokens, customers, items) for some in torch.split(distinct, AT_ONCE)]
        found = torch.cat(parts) if parts else past.age.new_zeros(0, self.width)
        out = past.age.new_zeros(*past.events.shape, self.width)
        out[past.mask] = take(found, place)
        return out

    def _embed(
        self,
        log: EventLog,
        side: str,
        events: Tensor,
        tokens: EventTokens,
        customers: EntityEmbedding,
        items: EntityEmbedding,
    ) -> Tensor:
        """(n, width) the entity of each event (n,) by what came before the event."""
        if side == "customer":
            entity = log.customer[events]
            query = customers(log.customer_static, log.customer_codes, entity)
        else:
            entity = log.item[events]
            query = items(log.item_static, log.item_codes, entity)
        order, embedded = [], []
        for rows, k in log.by_length(side, events, self.neighbours):
            order.append(rows)
            if k:
                token, past = tokens(log, side, events[rows], k, customers, items)
                scale = 1.0 + torch.log1p(past.rate)
                h, _ = self.attention(token, query[rows], past.age / self.decay_base, past.mask, scale)
            else:
                h = self.attention.alone(query[rows])
            embedded.append(h)
        return torch.cat(embedded).index_select(0, torch.argsort(torch.cat(order)))
