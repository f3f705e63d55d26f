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

    def forward(self, static: Tensor, codes: Tensor) -> Tensor:
        """(..., static), (..., columns) -> (..., width)."""
        if self.training and self.unknown > 0 and codes.numel():
            codes = codes * (torch.rand(codes.shape, device=codes.device) >= self.unknown)
        out: Tensor = static.new_zeros(*static.shape[:-1], self.width) if self.project is None else self.project(static)
        for column, table in enumerate(self.tables):
            out = out + take(table.weight, codes[..., column])  # type: ignore[arg-type]
        return out
