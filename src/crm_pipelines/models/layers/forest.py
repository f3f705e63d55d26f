"""Decision trees of scikit-learn as plain arrays: saved without pickle, predicted for all rows and trees at once.

Breiman 2001, "Random forests", Machine Learning 45(1).
"""

from typing import Any

import numpy as np
import torch
from torch import Tensor

LEAF = -1
"""Child of a leaf."""
CELLS = 4_000_000
"""Rows times trees that are walked at once, which bounds the memory."""


class TreeArrays:
    """The nodes of all trees, one after another; predictions are the mean of the leaves' class shares.

    Attributes:
        root: (trees,) node where each tree begins.
        left, right: (nodes,) children, `LEAF` for a leaf. feature: (nodes,) column asked.
        threshold: (nodes,) float64; values up to it go left. missing_left: (nodes,) so do missing values.
        share: (nodes, C) class shares of the training rows that reached the node.
    """

    NAMES = ("root", "left", "right", "feature", "threshold", "missing_left", "share")

    def __init__(self, arrays: dict[str, np.ndarray]) -> None:
        self.root, self.left, self.right, self.feature = (arrays[name] for name in self.NAMES[:4])
        self.threshold, self.missing_left, self.share = (arrays[name] for name in self.NAMES[4:])

    @classmethod
    def of(cls, estimators: list[Any], classes: np.ndarray, n_classes: int) -> "TreeArrays":
        """Take the arrays of fitted estimators.

        Args:
            estimators: with a ``tree_``. classes: of the columns of their values. n_classes: C; absent classes get 0.
        """
        trees = [estimator.tree_ for estimator in estimators]
        sizes = np.array([tree.node_count for tree in trees])
        root = np.concatenate([[0], np.cumsum(sizes)[:-1]])

        def children(name: str) -> np.ndarray:
            parts = [getattr(tree, name) for tree in trees]
            return np.concatenate(
                [np.where(part == LEAF, LEAF, part + start) for part, start in zip(parts, root, strict=True)]
            )

        value = np.concatenate([tree.value[:, 0, :] for tree in trees])
        share = np.zeros((len(value), n_classes))
        share[:, classes] = value / value.sum(axis=1, keepdims=True)
        return cls(
            {
                "root": root,
                "left": children("children_left"),
                "right": children("children_right"),
                "feature": np.concatenate([np.maximum(tree.feature, 0) for tree in trees]),
                "threshold": np.concatenate([tree.threshold for tree in trees]),
                "missing_left": np.concatenate([tree.missing_go_to_left.astype(bool) for tree in trees]),
                "share": share,
            }
        )

    def predict_proba(self, x: np.ndarray) -> np.ndarray:
        """Class shares (B, C) of rows (B, F), nan where missing; B may be 0."""
        chunk = max(1, CELLS // len(self.root))
        parts = [self._chunk(x[start : start + chunk]) for start in range(0, len(x), chunk)]
        return np.concatenate(parts) if parts else np.zeros((0, self.share.shape[1]))

    def _chunk(self, x: np.ndarray) -> np.ndarray:
        rows = np.asarray(x, dtype=np.float32)
        trees = len(self.root)
        node = np.repeat(self.root[None, :], len(rows), axis=0).ravel()  # (B * trees)
        walking = np.arange(len(node))
        while len(walking):
            here = node[walking]
            walking, here = walking[self.left[here] != LEAF], here[self.left[here] != LEAF]
            value = rows[walking // trees, self.feature[here]]
            goes_left = np.where(np.isnan(value), self.missing_left[here], value <= self.threshold[here])
            node[walking] = np.where(goes_left, self.left[here], self.right[here])
        mean: np.ndarray = self.share[node].reshape(len(rows), trees, -1).mean(axis=1)
        return mean

    @property
    def n_parameters(self) -> int:
        """Thresholds and leaf values."""
        return len(self.left)

    def state(self) -> dict[str, Tensor]:
        """The arrays, to be saved."""
        return {name: torch.from_numpy(np.ascontiguousarray(getattr(self, name))) for name in self.NAMES}

    @classmethod
    def restore(cls, state: dict[str, Tensor]) -> "TreeArrays":
        """From what :meth:`state` gave."""
        return cls({name: state[name].numpy() for name in cls.NAMES})
