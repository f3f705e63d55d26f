"""Parts of training rows, for members that are fitted on all parts but one."""

from collections.abc import Iterator

import numpy as np
from sklearn.model_selection import StratifiedKFold


def stratified_parts(labels: np.ndarray, most: int, seed: int) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Positions of all other parts and of each part; fewer than ``most`` parts where a class has fewer rows."""
    present = np.bincount(labels)
    count = max(2, min(most, int(present[present > 0].min())))
    parts: Iterator[tuple[np.ndarray, np.ndarray]] = StratifiedKFold(count, shuffle=True, random_state=seed).split(
        labels, labels
    )
    return parts
