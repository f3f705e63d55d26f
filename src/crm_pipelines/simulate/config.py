"""Parameters of the demo world: its sizes, its clock and the strength of everything planted in it."""

from datetime import date, datetime, timedelta, timezone
from typing import Self

from pydantic import Field, model_validator

from crm_pipelines.config import Parameters

SEGMENTS = ("bargain", "loyal", "browser", "gift")
"""Latent customer segments; never written to a file."""

BEHAVIOURS = ("pv", "cart", "fav", "buy")
"""Behaviour types of the Taobao layout, in the order of their integer codes here."""

PV, CART, FAV, BUY = range(4)

LARGEST_CUSTOMERS = 50_000_000
LARGEST_INTERACTIONS = 1_000_000_000


class SimulateParameters(Parameters):
    """What the demo world is like. The defaults are the world committed in ``data/01_raw/demo``.

    Strengths are differences of log-odds unless said otherwise; 0 switches the planted effect off.

    Attributes:
        customers, items, categories: sizes of the world.
        interactions: rows of ``UserBehavior.csv`` to aim at (met within a few per cent).
        seed: draws everything; each table has its own child stream.
        start_date, days: the period of the events, in local days.
        utc_offset_hours: zone of the shop's clock; timestamps are written in UTC seconds.
        segment_shares: share of each of :data:`SEGMENTS`.
        late_customer_share, late_item_share: entities that first appear in the last part of the events.
        late_event_share: how much of the events that last part holds (below 0.2: after the 80 % cut).
        late_customer_event_share: share of all events that the late customers make.
        novelty_share: share of item choices that go to a newly launched item, where the category has one.
        promotion_days: days, from 0, on which the shop runs a promotion in every other category.
        promotion_traffic: how many times more visits start on a promotion day.
        promotion_strength: lift of cart and buy on promotion days, times the segment's own sensitivity;
            a half of it in categories without a discount.
        segment_strength: how far segments differ in their mix of behaviours (a factor).
        response_strength: lift of the one behaviour that a segment favours in a category.
        taste_strength: how far segments differ in the categories they visit.
        funnel_strength: how much a view prepares a cart and a cart a buy (a factor).
        deliberation_strength: lift of buy when two views preceded the cart, and its fall when none did.
        satiation_strength: fall of cart and buy once an item of the category is chosen in the same visit.
        purchase_strength: lift of buy at every step; a large one makes a log of purchases, with hardly a click.
        value_strength: effect of an item's quality and price, by segment sensitivity (a factor).
        churn_strength: multiplies every segment's churn hazard.
        review_share: reviews for each buy.
        ticket_share: support tickets for each customer.
        survey_share: customers who answered a survey.
        mention_share: mentions of the shop and its products for each customer; without any no file of them is written.
        text_noise: share of sentences whose sentiment does not follow the rating.
        holding_months: months of bank product holdings before ``start_date``.
        fault_share: share of timestamps put outside the period; duplicate_share: of rows written twice.
        missing_share: share of customer attributes left blank.
        prices: lowest and highest price of an item in dollars; none where empty.
        oldest: highest age.
        most_purchases: buys of a customer beyond which none are written; all where empty.
        loyalty_numbers: loyalty is written as 1 to 5 instead of four names.
        tables: which tables are written; all where empty.
    """

    customers: int = Field(default=600, ge=20, le=LARGEST_CUSTOMERS)
    items: int = Field(default=420, ge=32)
    categories: int = Field(default=16, ge=4)
    interactions: int = Field(default=24_000, ge=200, le=LARGEST_INTERACTIONS)
    seed: int = Field(default=42, ge=0)
    start_date: date = date(2024, 11, 1)
    days: int = Field(default=30, ge=7, le=3650)
    utc_offset_hours: float = Field(default=0.0, ge=-14, le=14)

    segment_shares: tuple[float, float, float, float] = (0.3, 0.25, 0.3, 0.15)
    late_customer_share: float = Field(default=0.2, ge=0, lt=0.9)
    late_item_share: float = Field(default=0.28, ge=0, lt=0.9)
    late_event_share: float = Field(default=0.175, gt=0, lt=0.5)
    late_customer_event_share: float = Field(default=0.085, ge=0, lt=0.5)
    novelty_share: float = Field(default=0.45, ge=0, le=1)

    promotion_days: tuple[int, ...] = (10, 28)
    promotion_traffic: float = Field(default=1.7, gt=0)
    promotion_strength: float = 1.0

    segment_strength: float = 1.4
    response_strength: float = 2.0
    taste_strength: float = 1.0
    funnel_strength: float = 1.2
    deliberation_strength: float = 1.0
    satiation_strength: float = 1.2
    purchase_strength: float = 0.0
    value_strength: float = 0.5
    churn_strength: float = Field(default=1.0, ge=0)

    review_share: float = Field(default=0.5, ge=0)
    ticket_share: float = Field(default=0.5, ge=0)
    survey_share: float = Field(default=0.5, ge=0, le=1)
    mention_share: float = Field(default=0.0, ge=0)
    text_noise: float = Field(default=0.08, ge=0, le=1)
    holding_months: int = Field(default=5, ge=2, le=24)

    fault_share: float = Field(default=0.0005, ge=0, le=0.1)
    duplicate_share: float = Field(default=0.002, ge=0, le=0.1)
    missing_share: float = Field(default=0.03, ge=0, le=0.5)
    prices: tuple[float, float] | None = None
    oldest: int = Field(default=90, ge=18)
    most_purchases: int | None = Field(default=None, ge=1)
    loyalty_numbers: bool = False
    tables: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.items < 2 * self.categories:
            raise ValueError(f"'items: {self.items}' must be at least twice 'categories: {self.categories}'")
        if self.interactions < 8 * self.customers:
            raise ValueError(
                f"'interactions: {self.interactions}' must be at least 8 for each of the {self.customers} customers: "
                "raise 'interactions' or lower 'customers'"
            )
        if any(not 0 <= day < self.days for day in self.promotion_days):
            raise ValueError(f"'promotion_days: {list(self.promotion_days)}' must lie in 0..{self.days - 1}")
        if min(self.segment_shares) < 0 or abs(sum(self.segment_shares) - 1) > 1e-9:
            raise ValueError(f"'segment_shares: {list(self.segment_shares)}' must be shares that add up to 1")
        if self.late_customer_event_share >= self.late_event_share:
            raise ValueError("'late_customer_event_share' must be below 'late_event_share', of which it is a part")
        return self

    @property
    def horizon(self) -> int:
        """Length of the period in seconds."""
        return self.days * 86_400

    @property
    def epoch(self) -> int:
        """UTC seconds of local midnight of ``start_date``: added to every time inside the world."""
        zone = timezone(timedelta(hours=self.utc_offset_hours))
        return int(datetime(self.start_date.year, self.start_date.month, self.start_date.day, tzinfo=zone).timestamp())
