"""The view -> cart/fav -> buy funnel: what one customer does with one item during one visit (a *thread*).

All threads advance together, one step of each at a time, so the loop runs over steps and never over events.
At each step the next behaviour (or the end) is drawn from a softmax whose log-odds depend on

- the segment (mix of behaviours) and the behaviour it favours in the item's category,
- what happened before: views prepare a cart, a cart prepares a buy, two views before the cart make the buy
  likelier than a cart on impulse, an item already chosen in this visit makes the next one less likely,
- quality and price of the item, weighed by the segment,
- the promotion, weighed by the segment and stronger where the category is discounted.

The time to the next behaviour depends on that behaviour: seconds to the next view, minutes to hours from a cart
to the buy. So gaps carry information about the class.
"""

from dataclasses import dataclass, replace

import numpy as np

from crm_pipelines.simulate.config import BUY, CART, FAV, PV, SimulateParameters
from crm_pipelines.simulate.population import Customers, Items
from crm_pipelines.simulate.rhythm import Rhythm
from crm_pipelines.simulate.streams import BoolArray, FloatArray, IntArray, choice_by_row

END = 4
MAX_STEPS = 14
DIRECT = 0.7
"""Lift of cart, fav and buy at the first event: items can be chosen straight from a list, without a view."""

SEGMENT_MIX = np.array([[0.6, 0.0, -0.3], [0.1, -0.3, 0.8], [-0.8, 0.5, -1.0], [-0.1, 0.9, 0.2]])
"""Log-odds of (cart, fav, buy) by segment: bargain hunters fill carts, loyal customers buy, browsers look."""

PRICE_SENSITIVITY = np.array([1.2, 0.3, 0.6, -0.2])
QUALITY_SENSITIVITY = np.array([0.3, 0.9, 0.4, 0.7])
PROMOTION_SENSITIVITY = np.array([1.6, 0.6, 0.8, 1.0])

GAP_SECONDS = {PV: 45.0, CART: 100.0, FAV: 30.0, BUY: 240.0}
"""Median time to the next behaviour; other medians follow a cart (below)."""
PV_AFTER_CART, BUY_AFTER_CART = 480.0, 1500.0


@dataclass(frozen=True)
class Threads:
    """One customer meeting one item in one visit; every array has shape (threads,).

    ``views``, ``carted``, ``faved`` and ``bought`` say what the customer did with the item up to now.
    """

    customer: IntArray
    item: IntArray
    start: FloatArray
    chosen_before: BoolArray
    views: IntArray
    carted: BoolArray
    faved: BoolArray
    bought: BoolArray

    @classmethod
    def fresh(cls, customer: IntArray, item: IntArray, start: FloatArray, chosen_before: BoolArray) -> "Threads":
        """Threads about items that the customer sees for the first time in a while."""
        no = np.zeros(customer.shape[0], dtype=np.bool_)
        return cls(customer, item, start, chosen_before, np.zeros_like(customer), no, no, no)


@dataclass(frozen=True)
class Events:
    """Events in world time: ``thread`` is the position of the event's thread; every array has shape (events,)."""

    thread: IntArray
    behaviour: IntArray
    seconds: FloatArray


def favoured_behaviour(segment: IntArray, category: IntArray) -> IntArray:
    """The behaviour that a segment favours in a category: it rotates through cart, fav and buy (0, 1, 2)."""
    return np.asarray((segment + category) % 3, dtype=np.int64)


def discounted(category: IntArray) -> BoolArray:
    """Categories with a discount on promotion days: every other one."""
    return np.asarray(category % 2 == 0, dtype=np.bool_)


def run_funnel(
    rng: np.random.Generator,
    parameters: SimulateParameters,
    threads: Threads,
    customers: Customers,
    items: Items,
    rhythm: Rhythm,
) -> tuple[Events, Threads]:
    """Let every thread run to its end.

    Returns:
        The events, and the threads as they ended: ``start`` is then the time of their last event.
    """
    leaning = _leaning(parameters, threads, customers, items)  # (threads, 3)
    promotion = _promotion(parameters, threads, customers, items)  # (threads,)
    n = threads.customer.shape[0]
    now, last = threads.start.copy(), np.full(n, END)
    views, carted = threads.views.copy(), threads.carted.copy()
    faved, bought = threads.faved.copy(), threads.bought.copy()
    views_at_cart = np.where(carted, views, 0)
    active = np.arange(n)
    steps: list[Events] = []
    for step in range(MAX_STEPS):
        if active.size == 0:
            break
        a = active
        lift = leaning[a].copy()
        lift[:, [CART - 1, BUY - 1]] += (promotion[a] * rhythm.promoted(now[a]))[:, None]
        logits = _log_odds(parameters, lift, views[a], views_at_cart[a], carted[a], faved[a], bought[a])
        if step == 0:
            logits[:, END] = -np.inf  # a thread has at least one event
            logits[:, CART:END] += DIRECT  # from a list, a link or a memory
        drawn = choice_by_row(rng, np.exp(logits))
        noise = rng.standard_normal(a.size)
        goes_on = drawn != END
        a, drawn, noise = a[goes_on], drawn[goes_on], noise[goes_on]
        if step > 0:
            now[a] += _gap(drawn, carted[a], bought[a], noise)
        views_at_cart[a[drawn == CART]] = views[a[drawn == CART]]
        views[a] += drawn == PV
        carted[a] |= drawn == CART
        faved[a] |= drawn == FAV
        bought[a] |= drawn == BUY
        last[a] = drawn
        steps.append(Events(a, drawn, now[a]))
        active = a
    events = Events(
        np.concatenate([s.thread for s in steps] or [np.zeros(0, dtype=np.int64)]),
        np.concatenate([s.behaviour for s in steps] or [np.zeros(0, dtype=np.int64)]),
        np.concatenate([s.seconds for s in steps] or [np.zeros(0)]),
    )
    return events, replace(threads, start=now, views=views, carted=carted, faved=faved, bought=bought)


def _leaning(p: SimulateParameters, threads: Threads, customers: Customers, items: Items) -> FloatArray:
    """What does not change within a thread: log-odds of (cart, fav, buy), shape (threads, 3)."""
    segment, category = customers.segment[threads.customer], items.category[threads.item]
    favoured = np.arange(3) == favoured_behaviour(segment, category)[:, None]
    leaning = p.segment_strength * SEGMENT_MIX[segment] + p.response_strength * np.where(favoured, 1.0, -0.5)
    value = p.value_strength * (
        QUALITY_SENSITIVITY[segment] * items.quality[threads.item]
        - PRICE_SENSITIVITY[segment] * items.price_z[threads.item]
    )
    leaning[:, [CART - 1, BUY - 1]] += value[:, None]
    leaning[:, [CART - 1, BUY - 1]] -= p.satiation_strength * threads.chosen_before[:, None]
    return np.asarray(leaning, dtype=np.float64)


def _promotion(p: SimulateParameters, threads: Threads, customers: Customers, items: Items) -> FloatArray:
    """Lift of cart and buy while a promotion runs, shape (threads,)."""
    depth = np.where(discounted(items.category[threads.item]), 1.0, 0.5)
    lift = p.promotion_strength * depth * PROMOTION_SENSITIVITY[customers.segment[threads.customer]]
    return np.asarray(lift, dtype=np.float64)


def _log_odds(
    p: SimulateParameters,
    lift: FloatArray,
    views: IntArray,
    views_at_cart: IntArray,
    carted: BoolArray,
    faved: BoolArray,
    bought: BoolArray,
) -> FloatArray:
    """Log-odds of (pv, cart, fav, buy, end), shape (threads, 5); each of cart, fav and buy happens once."""
    looked = np.minimum(views, 3)
    waiting = carted & ~bought
    deliberate = np.where(views_at_cart >= 2, 1.0, np.where(views_at_cart == 0, -1.0, 0.0))
    logits = np.empty((views.shape[0], 5))
    logits[:, PV] = 0.7 - 0.25 * looked - 0.9 * waiting
    logits[:, CART] = -1.9 + p.funnel_strength * (0.6 * looked + 0.4 * faved) + lift[:, 0] - 30.0 * (carted | bought)
    logits[:, FAV] = -2.1 + p.funnel_strength * 0.3 * looked + lift[:, 1] - 30.0 * faved - 0.8 * carted
    logits[:, BUY] = (
        (-3.3 + p.funnel_strength * 3.0 * carted + p.deliberation_strength * deliberate * carted + lift[:, 2])
        + p.purchase_strength
        - 30.0 * bought
    )
    logits[:, END] = 0.1 + 1.8 * bought
    return logits


def _gap(drawn: IntArray, carted: BoolArray, bought: BoolArray, noise: FloatArray) -> FloatArray:
    """Seconds since the thread's last event, log-normal around a median; at least one."""
    median = np.array([GAP_SECONDS[b] for b in (PV, CART, FAV, BUY)])[drawn]
    waiting = carted & ~bought
    median = np.where(waiting & (drawn == PV), PV_AFTER_CART, median)
    median = np.where(waiting & (drawn == BUY), BUY_AFTER_CART, median)
    return np.asarray(np.ceil(median * np.exp(0.9 * noise)), dtype=np.float64)
