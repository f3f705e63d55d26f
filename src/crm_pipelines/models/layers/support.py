"""The support of a query: refined vectors of what its customer and its item did before, by class."""

import torch
from torch import Tensor

from crm_pipelines.models.layers.event_log import EventLog, take
from crm_pipelines.training.ranks import gathered


class SupportBank:
    """Refined vectors of labelled events seen so far: the support of entities, without encoding it again.

    The vector of an event depends on what lies before that event only, and a query gathers events strictly
    before itself, so the bank cannot carry anything backwards in time.

    Args:
        log: the log of n events.
        width: d, of the vectors.
        classes: C.
        support: latest events of either entity that are gathered.
    """

    def __init__(self, log: EventLog, width: int, classes: int, support: int) -> None:
        n = len(log.customer)
        self.log, self.classes, self.support = log, classes, support
        self.vectors = torch.zeros(n, width, device=log.device)
        self.known = torch.zeros(n, dtype=torch.bool, device=log.device)

    def put(self, events: Tensor, vectors: Tensor) -> None:
        """Keep the vectors (B, d) of events (B,), without their gradient; all that train together keep the same."""
        events, vectors = gathered(events, vectors.detach())
        self.vectors[events] = vectors
        self.known[events] = True

    def gather(self, events: Tensor) -> tuple[Tensor, Tensor]:
        """Sum (B, C, d) and number (B, C) of the support of both entities, per class."""
        ids, masks = [], []
        for side in ("customer", "item"):
            past = self.log.history(side, events, self.support)
            ids.append(past.events)
            masks.append(past.mask & take(self.known, past.events))
        events_, mask = torch.cat(ids, dim=1), torch.cat(masks, dim=1)  # (B, 2 support)
        label = torch.where(mask, take(self.log.label, events_), -1)
        classes = torch.arange(self.classes, device=label.device).view(1, -1, 1)
        member = (label.unsqueeze(1) == classes).float()  # (B, C, 2 support)
        return torch.bmm(member, take(self.vectors, events_)), member.sum(dim=2)
