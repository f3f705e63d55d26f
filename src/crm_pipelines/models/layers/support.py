"""The support of a query: refined vectors of what its customer and its item did before, by class."""

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor

from crm_pipelines.models.layers.event_log import EventLog, take
from crm_pipelines.training.ranks import gathered

STORED = torch.float16
"""Type of kept vectors, half as large as what they are computed with; sums of them are taken in float32."""
AT_ONCE = 65_536
"""Vectors read together."""


class SupportBank:
    """Refined vectors of labelled events seen so far: the support of entities, without encoding it again.

    The vector of an event depends on what lies before that event only, and a query gathers events strictly
    before itself, so the bank cannot carry anything backwards in time.

    It has room for the events with features: no other event can be encoded (decision 014).

    Args:
        log: the log of n events.
        width: d, of the vectors.
        classes: C.
        support: latest events of either entity that are gathered.
    """

    def __init__(self, log: EventLog, width: int, classes: int, support: int) -> None:
        n, featured = len(log.customer), log.inputs.featured
        self.log, self.classes, self.support = log, classes, support
        self._row: Tensor | None = None
        if featured is not None:
            self._row = torch.zeros(n, dtype=torch.int32, device=log.device)
            self._row[torch.from_numpy(np.array(featured)).to(log.device)] = torch.arange(
                len(featured), dtype=torch.int32, device=log.device
            )
        self.known = torch.zeros(n, dtype=torch.bool, device=log.device)
        self._vectors = torch.zeros(n if featured is None else len(featured), width, dtype=STORED, device=log.device)

    def put(self, events: Tensor, vectors: Tensor) -> None:
        """Keep the vectors (B, d) of events (B,), without their gradient; all that train together keep the same."""
        events, vectors = gathered(events, vectors.detach())
        most = torch.finfo(STORED).max
        self._vectors[self._rows(events)] = vectors.clamp(-most, most).to(STORED)
        self.known[events] = True

    def vectors(self, events: Tensor) -> Tensor:
        """Kept vectors of events of any shape, (..., d) float32; of one that is not known they mean nothing."""
        return take(self._vectors, self._rows(events)).float()

    def parts(self, events: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """Events (n,) with their vectors, some at a time."""
        for some in torch.split(events, AT_ONCE):
            yield some, self.vectors(some)

    def _rows(self, events: Tensor) -> Tensor:
        return events if self._row is None else take(self._row, events).long()

    def gather(self, events: Tensor) -> tuple[Tensor, Tensor]:
        """Sum (B, C, d) and number (B, C) of the support of both entities, per class.

        Vectors are read for entities with a history only: on a shop's log most items have none.
        """
        batch, width = len(events), self._vectors.shape[1]
        total = torch.zeros(batch, self.classes, width, device=events.device)
        count = torch.zeros(batch, self.classes, device=events.device)
        classes = torch.arange(self.classes, device=events.device).view(1, -1, 1)
        for side in ("customer", "item"):
            rows = self.log.with_history(side, events)
            if not len(rows):
                continue
            past, mask = self.log.latest(side, events[rows], self.support)  # (b, support)
            label = torch.where(mask & take(self.known, past), take(self.log.label, past), -1)
            member = (label.unsqueeze(1) == classes).float()  # (b, C, support)
            total.index_add_(0, rows, torch.bmm(member, self.vectors(past)))
            count.index_add_(0, rows, member.sum(dim=2))
        return total, count
