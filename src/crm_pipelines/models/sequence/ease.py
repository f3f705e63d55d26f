"""EASE: a linear auto-encoder over items in closed form.

Steck 2019, "Embarrassingly shallow autoencoders for sparse data", WWW 2019 (arXiv:1905.03375): with P the inverse of
X'X + lambda I, the weight of item i for item j is -P_ij / P_jj, and none for an item itself.
"""

from typing import ClassVar

import numpy as np
from pydantic import Field
from scipy.linalg.lapack import spotrf, spotri
from scipy.sparse import csr_matrix

from crm_pipelines.config import Parameters
from crm_pipelines.models.layers.item_scores import largest
from crm_pipelines.models.layers.linear_items import LinearItemModel

AT_ONCE = 1024


class EASEConfig(Parameters):
    """The one number of the method, and what is kept.

    Attributes:
        penalty: lambda.
        kept: weights kept for each item, those of largest size; a whole matrix of 12,000 items is 600 MB.
    """

    penalty: float = Field(default=200.0, gt=0)
    kept: int = Field(default=500, ge=1)


class EASE(LinearItemModel):
    """The weights as the contract has them."""

    name: ClassVar[str] = "ease"
    Config: ClassVar[type[Parameters]] = EASEConfig
    config: EASEConfig

    def matrix(self, held: csr_matrix) -> csr_matrix:
        """The closed form."""
        gram = (held.T @ held).toarray(order="F").astype(np.float32, copy=False)
        gram[np.diag_indices_from(gram)] += self.config.penalty
        # It is positive definite, so Cholesky's factor does in half the steps of an inverse; one triangle comes back.
        factor, _ = spotrf(gram, overwrite_a=True, clean=False)
        weights, _ = spotri(factor, overwrite_c=True)
        for first in range(0, len(weights), AT_ONCE):
            rows = slice(first, first + AT_ONCE)
            weights[rows, :first] = weights[:first, rows].T
            block = weights[rows, rows]
            block[np.tril_indices_from(block, -1)] = block.T[np.tril_indices_from(block, -1)]
        weights /= -np.diag(weights).copy()  # (I, I): column j divided by -P_jj
        np.fill_diagonal(weights, 0.0)
        return largest(weights, self.config.kept)
