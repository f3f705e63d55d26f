"""Item-kNN: items are near that the same customers chose.

Sarwar et al. 2001, "Item-based collaborative filtering recommendation algorithms", WWW 2001: cosine between columns of
the customer-item matrix, the nearest neighbours of each item kept; a history's scores are the sum over its items.
"""

from typing import ClassVar

from pydantic import Field
from scipy.sparse import csr_matrix

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.item_scores import cosines
from crm_pipelines.models.layers.linear_items import LinearItemModel


class ItemKNNConfig(Parameters):
    """How near counts.

    Attributes:
        neighbours: kept for each item.
        shrinkage: added to the norm, so that two items met once by one customer are not the nearest of all.
    """

    neighbours: int = Field(default=100, ge=1)
    shrinkage: float = Field(default=10.0, ge=0)


class ItemKNN(LinearItemModel):
    """The similarities as the contract has them."""

    name: ClassVar[str] = "item_knn"
    Config: ClassVar[type[Parameters]] = ItemKNNConfig
    config: ItemKNNConfig

    def matrix(self, held: csr_matrix) -> csr_matrix:
        """Shrunken cosines, the largest of each row."""
        return cosines(held, self.config.neighbours, self.config.shrinkage)
