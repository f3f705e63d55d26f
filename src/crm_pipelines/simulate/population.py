"""Who lives in the demo world and what it sells: customers and items with their latent traits.

Planted here: segments with their own tastes, arrival late in the period (cold start), churn by a hazard that
depends on segment and satisfaction, and items whose quality, price and popularity differ.
Times inside the world are float seconds since local midnight of ``start_date``.
"""

from dataclasses import dataclass

import numpy as np

from crm_pipelines.simulate.config import SEGMENTS, SimulateParameters
from crm_pipelines.simulate.rhythm import Rhythm
from crm_pipelines.simulate.streams import BoolArray, FloatArray, IntArray, choice, stream

CHURN_PER_30_DAYS = np.array([0.22, 0.06, 0.38, 0.25])
"""Share of each segment (bargain, loyal, browser, gift) that has left after 30 days at average satisfaction."""

SATISFACTION_HAZARD = 0.6
"""One standard deviation more satisfaction divides the churn hazard by exp(0.6)."""

FADING = 1.4
"""Visits of a customer who will churn are placed at u**FADING of his time: they thin out before he leaves."""

GENDERS = ("F", "M", "X")
AGE_BY_SEGMENT = np.array([36.0, 48.0, 29.0, 42.0])
"""Mean age: what a stranger's attributes tell of his segment."""

BRAND_QUALITY = 0.6
"""Correlation of an item's quality with its brand's: what makes a new item predictable from its brand."""


@dataclass(frozen=True)
class Customers:
    """Latent traits, one entry a customer, ordered by id.

    Attributes:
        identifier: public id, all with the same number of digits (so text order is number order).
        segment: index into :data:`SEGMENTS`.
        activity: mean 1, relative number of visits in equal time.
        satisfaction, stress: standard normal; satisfaction moves churn, ratings, tickets and surveys,
            stress (financial) moves the bills and default.
        arrival, leave: first and last possible visit, seconds; ``leave`` is the horizon for those who stay.
        late: arrived in the last part of the events.
        favourite: category the customer likes beyond his segment's taste.
        tenure_days: days between sign-up and ``start_date``; negative for late customers.
        age: 18 to ``oldest``; gender: index into :data:`GENDERS`.
    """

    identifier: IntArray
    segment: IntArray
    activity: FloatArray
    satisfaction: FloatArray
    stress: FloatArray
    arrival: FloatArray
    leave: FloatArray
    late: BoolArray
    favourite: IntArray
    tenure_days: IntArray
    age: IntArray
    gender: IntArray

    @property
    def size(self) -> int:
        """Number of customers."""
        return int(self.identifier.shape[0])

    def churned(self, horizon: float) -> BoolArray:
        """Who stopped before the end of the period."""
        return np.asarray(self.leave < horizon, dtype=np.bool_)


@dataclass(frozen=True)
class Items:
    """Items ordered by (category, launch), with the running sum of popularity that weighted choice needs.

    Attributes:
        identifier: public id.
        category: 0..categories-1.
        category_identifier: public id of each category, shape (categories,).
        brand, adjective, noun: indices into the vocabulary.
        price: in dollars; price_z: log price, standardised within the category.
        quality: standard normal, shared in part by the items of a brand.
        launch: seconds; negative for items on sale from the start.
        first: position of each category's first item, shape (categories + 1,).
        established: number of items of each category on sale from the start, shape (categories,).
        cumulative: running sum of popularity over items, late items with weight 0.
    """

    identifier: IntArray
    category: IntArray
    category_identifier: IntArray
    brand: IntArray
    adjective: IntArray
    noun: IntArray
    price: FloatArray
    price_z: FloatArray
    quality: FloatArray
    launch: FloatArray
    first: IntArray
    established: IntArray
    cumulative: FloatArray

    @property
    def size(self) -> int:
        """Number of items."""
        return int(self.identifier.shape[0])


def draw_customers(parameters: SimulateParameters, rhythm: Rhythm) -> tuple[Customers, float]:
    """Customers, and the time (seconds) from which late customers arrive and late items are launched."""
    rng = stream(parameters.seed, "customers")
    n = parameters.customers
    segment = choice(rng, np.array(parameters.segment_shares), n)
    activity = rng.gamma(1.5, 1 / 1.5, n) + 0.05
    satisfaction, stress = rng.standard_normal(n), rng.standard_normal(n)
    late = np.zeros(n, dtype=np.bool_)
    late[rng.permutation(n)[: round(n * parameters.late_customer_share)]] = True
    hazard = -np.log1p(-CHURN_PER_30_DAYS[segment]) / 30 * np.exp(-SATISFACTION_HAZARD * satisfaction)
    stay = rng.exponential(1.0, n) / np.maximum(hazard * parameters.churn_strength, 1e-12) * 86_400

    late_from = _late_from(parameters, rhythm, np.minimum(stay, parameters.horizon)[~late], activity[~late])
    # In intensity time, so that arrivals follow the day's rhythm; the rest of the window is left to visit in.
    begin, end = rhythm.share_before(np.array([late_from, float(parameters.horizon)]))
    arrival = np.where(late, rhythm.time_at(begin + (end - begin) * 0.6 * rng.random(n)), 0.0)
    leave = np.minimum(arrival + np.maximum(stay, 86_400.0), parameters.horizon)
    tenure = rng.integers(200, 1800, n) + np.where(segment == SEGMENTS.index("loyal"), 400, 0)
    tenure = np.where(late, -(arrival // 86_400).astype(np.int64), tenure)
    customers = Customers(
        identifier=_identifiers(rng, n, lead=1),
        segment=segment,
        activity=activity / activity.mean(),
        satisfaction=satisfaction,
        stress=stress,
        arrival=arrival,
        leave=leave,
        late=late,
        favourite=rng.integers(0, parameters.categories, n),
        tenure_days=tenure.astype(np.int64),
        age=np.clip(np.round(rng.normal(AGE_BY_SEGMENT[segment], 11.0)), 18, parameters.oldest).astype(np.int64),
        gender=choice(rng, np.array([0.52, 0.46, 0.02]), n),
    )
    return customers, late_from


def draw_items(parameters: SimulateParameters, rhythm: Rhythm, late_from: float, vocabulary: tuple[int, int]) -> Items:
    """Items; ``vocabulary`` holds the numbers of brands and adjectives to choose from."""
    rng = stream(parameters.seed, "items")
    n, categories = parameters.items, parameters.categories
    # One item of each category from the start, so that a visit always finds one.
    category = np.concatenate([np.arange(categories), rng.integers(0, categories, n - categories)])
    late = np.zeros(n, dtype=np.bool_)
    late[categories + rng.permutation(n - categories)[: round(n * parameters.late_item_share)]] = True
    begin, end = rhythm.share_before(np.array([late_from, float(parameters.horizon)]))
    launch = np.where(late, rhythm.time_at(begin + (end - begin) * 0.6 * rng.random(n)), -1.0)
    order = np.lexsort((launch, category))
    category, launch, late = category[order], launch[order], late[order]
    price_z = rng.standard_normal(n)
    base = np.exp(rng.normal(3.2, 0.6, categories))  # a typical price for each category
    popularity = np.where(late, 0.0, (1.0 + rng.permutation(n)) ** -0.6)
    counts = np.bincount(category, minlength=categories)
    brand = rng.integers(0, vocabulary[0], n)
    by_brand = rng.standard_normal(vocabulary[0])
    price = np.round(base[category] * np.exp(0.5 * price_z), 2)
    return Items(
        identifier=rng.permutation(_identifiers(rng, n, lead=2)),
        category=category,
        category_identifier=_identifiers(rng, categories, lead=4),
        brand=brand,
        adjective=rng.integers(0, vocabulary[1], n),
        noun=rng.integers(0, 4, n),
        price=price if parameters.prices is None else np.clip(price, *parameters.prices),
        price_z=price_z,
        quality=BRAND_QUALITY * by_brand[brand] + np.sqrt(1 - BRAND_QUALITY**2) * rng.standard_normal(n),
        launch=launch,
        first=np.concatenate([[0], np.cumsum(counts)]),
        established=np.bincount(category[~late], minlength=categories),
        cumulative=np.cumsum(popularity),
    )


def _late_from(parameters: SimulateParameters, rhythm: Rhythm, leave: FloatArray, activity: FloatArray) -> float:
    """Time after which ``late_event_share`` of all events is expected, late customers' events included."""
    leave, activity = leave[:2000], activity[:2000]  # the share is a mean: 2,000 customers fix it well enough
    grid = np.linspace(0.0, parameters.horizon, 1000)
    lived = np.minimum(rhythm.share_before(grid)[:, None] / rhythm.share_before(leave), 1.0)  # (1000, customers)
    lived = np.where(leave < parameters.horizon, lived ** (1 / FADING), lived)
    weight = activity * rhythm.share_before(leave)
    before = (lived * weight).sum(axis=1) / weight.sum()
    late = parameters.late_customer_event_share if parameters.late_customer_share > 0 else 0.0
    wanted = 1.0 - (parameters.late_event_share - late) / (1.0 - late)
    return float(np.interp(wanted, before, grid))


def _identifiers(rng: np.random.Generator, n: int, lead: int) -> IntArray:
    """Ascending ids with gaps, all beginning with ``lead`` and of the same number of digits."""
    digits = max(5, len(str(8 * n)))
    return np.asarray(lead * 10**digits + np.cumsum(rng.integers(1, 8, n)), dtype=np.int64)
