"""Who visits when, and which items he meets: visits, their items, and the visits that come back to an item.

Planted here: the daily and weekly rhythm, more visits on promotion days, tastes by segment and customer, visits
that stay within a category, popularity, newly launched items, and returns to items left in the cart (some of
them on the next promotion day).
"""

from dataclasses import replace

import numpy as np

from crm_pipelines.simulate.config import SEGMENTS, SimulateParameters
from crm_pipelines.simulate.funnel import Events, Threads, run_funnel
from crm_pipelines.simulate.population import FADING, Customers, Items
from crm_pipelines.simulate.rhythm import Rhythm
from crm_pipelines.simulate.streams import BoolArray, FloatArray, IntArray, pick

MAX_ITEMS_PER_VISIT = 6
MEAN_FURTHER_ITEMS = 0.9
FOCUS_SHARE = 0.8
"""Items of a visit that belong to the category the visit began with."""
FAVOURITE_SHARE = 0.35
"""Visits that begin with the customer's own favourite category rather than by his segment's taste."""

RETURN_CARTED, RETURN_FAVED, RETURN_VIEWED, RETURN_BOUGHT = 0.45, 0.3, 0.07, 0.12
"""How often a customer comes back to an item he left in the cart, among favourites, only viewed, or bought."""
RETURN_DAYS = (1.0, 2.0, 1.5, 5.0)
"""Median days until then, in the same order."""
PROMOTION_RETURN = 0.5
"""Share of carts left within ten days before a promotion whose owner comes back on that day."""


def segment_taste(parameters: SimulateParameters) -> FloatArray:
    """Weight of each category by segment, shape (segments, categories): neighbouring categories weigh alike."""
    angle = np.arange(parameters.categories) / parameters.categories - np.arange(len(SEGMENTS))[:, None] / len(SEGMENTS)
    return np.asarray(np.exp(parameters.taste_strength * np.cos(2 * np.pi * angle)), dtype=np.float64)


def draw_events(
    rng: np.random.Generator,
    parameters: SimulateParameters,
    visits: IntArray,
    customers: Customers,
    items: Items,
    rhythm: Rhythm,
) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """All events of some customers.

    Args:
        visits: number of visits of each customer (0 for those outside this block), shape (customers,).

    Returns:
        customer, item, behaviour and second of each event, ordered by customer and time.
    """
    customer = np.repeat(np.arange(customers.size), visits)
    start = _visit_times(rng, customer, customers, rhythm, parameters.horizon)
    focus = _focus(rng, parameters, customer, customers)
    length = 1 + np.minimum(rng.poisson(MEAN_FURTHER_ITEMS, customer.shape[0]), MAX_ITEMS_PER_VISIT - 1)
    chosen = np.zeros(customer.shape[0], dtype=np.bool_)
    done: list[tuple[Threads, Events]] = []
    ended: list[Threads] = []
    begin = start.copy()
    for order in range(MAX_ITEMS_PER_VISIT):
        v = np.flatnonzero((length > order) & (begin < customers.leave[customer]))
        stays = rng.random(v.shape[0]) < FOCUS_SHARE
        category = np.where(stays, focus[v], rng.integers(0, parameters.categories, v.shape[0]))
        item = _items_on_sale(rng, parameters, category, begin[v], items)
        threads = Threads.fresh(customer[v], item, begin[v], chosen[v] & (category == focus[v]))
        events, end = run_funnel(rng, parameters, threads, customers, items, rhythm)
        done.append((threads, events))
        ended.append(end)
        chosen[v] |= (end.carted | end.bought) & (category == focus[v])
        begin += np.ceil(rng.exponential(150.0, begin.shape[0])) + 20.0
    back = _returns(rng, _joined(ended), customers, parameters, rhythm)
    events, _ = run_funnel(rng, parameters, back, customers, items, rhythm)
    done.append((back, events))
    return _in_order(done, customers)


def _visit_times(
    rng: np.random.Generator, customer: IntArray, customers: Customers, rhythm: Rhythm, horizon: float
) -> FloatArray:
    """Start of each visit, by the shop's rhythm within the customer's time."""
    low, high = rhythm.share_before(customers.arrival)[customer], rhythm.share_before(customers.leave)[customer]
    drawn = rng.random(customer.shape[0])
    u = np.where(customers.churned(horizon)[customer], drawn**FADING, drawn)
    return np.floor(rhythm.time_at(low + (high - low) * u))


def _focus(
    rng: np.random.Generator, parameters: SimulateParameters, customer: IntArray, customers: Customers
) -> IntArray:
    """Category with which each visit begins."""
    cumulative = np.cumsum(segment_taste(parameters).ravel())
    edges = np.concatenate([[0.0], cumulative])
    row = customers.segment[customer] * parameters.categories
    drawn = pick(rng, cumulative, edges[row], edges[row + parameters.categories]) - row
    favours = rng.random(customer.shape[0]) < FAVOURITE_SHARE
    return np.where(favours, customers.favourite[customer], np.clip(drawn, 0, parameters.categories - 1))


def _items_on_sale(
    rng: np.random.Generator, parameters: SimulateParameters, category: IntArray, seconds: FloatArray, items: Items
) -> IntArray:
    """One item of each category: by popularity among the established, or a new one already launched by then."""
    edges = np.concatenate([[0.0], items.cumulative])
    first = items.first[category]
    established = items.established[category]
    item = pick(rng, items.cumulative, edges[first], edges[first + established])
    item = np.clip(item, first, first + established - 1)
    # Items lie by (category, launch): the launched ones are a contiguous range, found on one combined key.
    width = float(parameters.horizon + 2)
    keys = items.category * width + np.maximum(items.launch, 0.0)
    launched = np.searchsorted(keys, category * width + seconds, side="left") - first
    new = launched - established
    wanted = rng.random(category.shape[0]) < parameters.novelty_share
    offset = np.floor(rng.random(category.shape[0]) * np.maximum(new, 1)).astype(np.int64)
    return np.asarray(np.where(wanted & (new > 0), first + established + offset, item), dtype=np.int64)


def _returns(
    rng: np.random.Generator, ended: Threads, customers: Customers, parameters: SimulateParameters, rhythm: Rhythm
) -> Threads:
    """Later threads on the same item, which remember the views, the cart and the favourite of the first."""
    n = ended.customer.shape[0]
    left = ended.carted & ~ended.bought
    case = np.select([ended.bought, left, ended.faved], [3, 0, 1], default=2)
    probability = np.array([RETURN_CARTED, RETURN_FAVED, RETURN_VIEWED, RETURN_BOUGHT])[case]
    comes = rng.random(n) < probability
    gap = np.array(RETURN_DAYS)[case] * 86_400 * np.exp(0.8 * rng.standard_normal(n))
    start: FloatArray = np.floor(ended.start + np.maximum(gap, 1800.0))
    waits = rng.random(n) < PROMOTION_RETURN
    inside = rng.random(n)
    for day in np.flatnonzero(rhythm.promotion):
        midnight = day * 86_400.0
        near = left & waits & (ended.start < midnight) & (ended.start >= midnight - 10 * 86_400)
        low, high = rhythm.share_before(np.array([midnight, midnight + 86_400]))
        start = np.where(near, np.floor(rhythm.time_at(low + (high - low) * inside)), start)
        comes |= near
    keep = comes & (start < customers.leave[ended.customer])
    again = ~ended.bought  # who bought starts the funnel anew
    chosen_before = np.zeros(n, dtype=np.bool_)
    state = replace(
        ended, start=start, chosen_before=chosen_before, views=ended.views * again,
        carted=ended.carted & again, faved=ended.faved & again, bought=chosen_before,
    )  # fmt: skip
    return _subset(state, keep)


def _subset(threads: Threads, keep: BoolArray) -> Threads:
    """The threads where ``keep``."""
    return Threads(**{name: values[keep] for name, values in vars(threads).items()})


def _joined(parts: list[Threads]) -> Threads:
    """Threads one after another."""
    return Threads(**{name: np.concatenate([vars(part)[name] for part in parts]) for name in vars(parts[0])})


def _in_order(
    done: list[tuple[Threads, Events]], customers: Customers
) -> tuple[IntArray, IntArray, IntArray, FloatArray]:
    """Columns of all events before their customer leaves, by customer and time; ties keep the order of drawing."""
    customer = np.concatenate([threads.customer[events.thread] for threads, events in done])
    item = np.concatenate([threads.item[events.thread] for threads, events in done])
    behaviour = np.concatenate([events.behaviour for _, events in done])
    seconds = np.concatenate([events.seconds for _, events in done])
    keep = seconds < customers.leave[customer]
    customer, item, behaviour, seconds = customer[keep], item[keep], behaviour[keep], seconds[keep]
    width = float(seconds.max(initial=0.0)) + 1.0
    order = np.argsort((customer * width + seconds).astype(np.int64), kind="stable")
    return customer[order], item[order], behaviour[order], seconds[order]
