"""Entities without weights of their own, so that a new customer or item is nothing special."""

import torch
from torch import Tensor, nn

from crm_pipelines.models.layers.event_log import take


class EntityEmbedding(nn.Module):
    """Static attributes and categorical codes of an entity as one vector.

    Args:
        static: number of static columns.
        cardinalities: codes of each categorical column; code 0 means unknown.
        width: of the vector.
        unknown: share of codes treated as unknown in training, so that code 0 is learnt too.
    """

    def __init__(self, static: int, cardinalities: tuple[int, ...], width: int, unknown: float = 0.0) -> None:
        super().__init__()
        self.tables = nn.ModuleList(nn.Embedding(size, width) for size in cardinalities)
        for table in self.tables:
            nn.init.normal_(table.weight, std=0.1)  # type: ignore[arg-type]
        self.project = nn.Linear(static, width) if static else None
        self.width, self.unknown = width, unknown

    def forward(self, static: Tensor, codes: Tensor, ids: Tensor) -> Tensor:
        """Vectors (..., width) of the entities ``ids`` (...), among all with (n, static) and (n, columns).

        Histories meet the same entity many times, so each distinct one is projected once.
        """
        if ids.dim() == 1:
            return self._embed(static[ids], codes[ids])
        distinct, place = _distinct(ids, len(static))
        return take(self._embed(take(static, distinct), take(codes, distinct)), place)

    def _embed(self, static: Tensor, codes: Tensor) -> Tensor:
        """(m, width) of m entities."""
        if self.training and self.unknown > 0 and codes.numel():
            codes = codes * (torch.rand(codes.shape, device=codes.device) >= self.unknown)
        out: Tensor = static.new_zeros(len(static), self.width) if self.project is None else self.project(static)
        for column, table in enumerate(self.tables):
            out = out + take(table.weight, codes[:, column])  # type: ignore[arg-type]
        return out


def _distinct(ids: Tensor, n: int) -> tuple[Tensor, Tensor]:
    """Distinct ``ids`` (m,) below ``n`` in ascending order, and the place of each of ``ids`` among them."""
    if n > 32 * ids.numel():  # sorting the ids is then less work than going through all entities
        found, place = torch.unique(ids, return_inverse=True)
        return found, place
    met = torch.zeros(n, dtype=torch.bool, device=ids.device)
    met[ids.flatten()] = True
    return torch.nonzero(met).squeeze(1), take(torch.cumsum(met, dim=0) - 1, ids)
