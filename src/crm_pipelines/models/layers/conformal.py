"""Intervals that hold: quantile estimates moved apart until they cover what they say, on rows not learnt from.

Romano, Patterson and Candes 2019, "Conformalized quantile regression", arXiv:1905.03222.
"""

from collections.abc import Sequence

import numpy as np


def interval_margins(estimates: np.ndarray, target: np.ndarray, levels: Sequence[float]) -> list[float]:
    """How far each estimate has to move, downwards where negative; 0 for one that is no end of an interval.

    Args:
        estimates: (V, Q) of held-back rows, rising. target: (V,) what came. levels: of the Q quantiles, rising.
    """
    margins = [0.0] * len(levels)
    for low in range(len(levels) // 2 if len(target) else 0):
        high = len(levels) - 1 - low
        if not np.isclose(levels[low] + levels[high], 1):
            continue  # not the two ends of one interval
        outside = np.maximum(estimates[:, low] - target, target - estimates[:, high])
        wanted = np.ceil((len(target) + 1) * (levels[high] - levels[low])) / len(target)
        margin = float(np.quantile(outside, min(1.0, wanted)))
        margins[low], margins[high] = -margin, margin
    return margins
