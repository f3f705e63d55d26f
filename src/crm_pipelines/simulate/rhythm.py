"""When the shop is busy: hours, weekdays and promotion days as one intensity over the period."""

from dataclasses import dataclass

import numpy as np

from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.streams import BoolArray, FloatArray

HOURS = np.array([30, 18, 10, 6, 5, 8, 15, 28, 42, 52, 58, 60, 62, 58, 56, 55, 56, 60, 68, 82, 100, 105, 88, 55.0])
"""Relative number of visits by local hour: a rise over the day and a peak at 20 to 22 h."""

WEEKDAYS = np.array([1.0, 0.95, 0.95, 1.0, 1.1, 1.35, 1.3])
"""Relative number of visits from Monday to Sunday."""


@dataclass(frozen=True)
class Rhythm:
    """Share of the period's visits that start before a time, and back.

    Attributes:
        edges: whole hours of the period, seconds, shape (24 * days + 1,).
        share: share of visits before each edge, rising from 0 to 1.
        promotion: by day, whether the shop runs a promotion.
    """

    edges: FloatArray
    share: FloatArray
    promotion: BoolArray

    def share_before(self, seconds: FloatArray) -> FloatArray:
        """Share of the period's visits that start before each time."""
        return np.interp(seconds, self.edges, self.share)

    def time_at(self, share: FloatArray) -> FloatArray:
        """Inverse of :meth:`share_before`: uniform shares give times that follow the rhythm."""
        return np.interp(share, self.share, self.edges)

    def promoted(self, seconds: FloatArray) -> BoolArray:
        """Whether each time lies on a promotion day (times outside the period count as its nearest day)."""
        day = np.clip(seconds // 86_400, 0, self.promotion.shape[0] - 1).astype(np.int64)
        return np.asarray(self.promotion[day], dtype=np.bool_)


def draw_rhythm(parameters: SimulateParameters) -> Rhythm:
    """The intensity of visits; nothing random in it."""
    promotion = np.zeros(parameters.days, dtype=np.bool_)
    promotion[list(parameters.promotion_days)] = True
    weekday = (parameters.start_date.weekday() + np.arange(parameters.days)) % 7
    by_day = WEEKDAYS[weekday] * np.where(promotion, parameters.promotion_traffic, 1.0)
    intensity = (by_day[:, None] * HOURS).ravel()
    share = np.concatenate([[0.0], np.cumsum(intensity)]) / intensity.sum()
    return Rhythm(edges=np.arange(share.shape[0]) * 3600.0, share=share, promotion=promotion)
