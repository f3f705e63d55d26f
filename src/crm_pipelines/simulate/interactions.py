"""The event log of the whole world, drawn in blocks of customers so that memory stays bounded."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pandas as pd

from crm_pipelines.simulate.config import BEHAVIOURS, BUY, SimulateParameters
from crm_pipelines.simulate.population import Customers, Items
from crm_pipelines.simulate.rhythm import Rhythm
from crm_pipelines.simulate.sheets import Sheet
from crm_pipelines.simulate.streams import FloatArray, IntArray, choice, stream
from crm_pipelines.simulate.visits import draw_events

BLOCK_EVENTS = 1_000_000
"""Events drawn at once (about): 1 GB of working memory at most, whatever the size of the world."""
PILOT_VISITS = 10_000
LONGEST_SHIFT = 300 * 86_400
"""Seconds by which a faulty timestamp lies outside the period at most."""


@dataclass(frozen=True)
class EventLog:
    """Events ordered by customer and time; every array has shape (events,).

    ``customer`` and ``item`` are positions in the population, ``seconds`` is world time (whole seconds).
    """

    customer: npt.NDArray[np.int32]
    item: npt.NDArray[np.int32]
    behaviour: npt.NDArray[np.int8]
    seconds: npt.NDArray[np.int32]

    def purchases(self) -> IntArray:
        """Positions of the buys."""
        return np.flatnonzero(self.behaviour == BUY)


def draw_event_log(parameters: SimulateParameters, customers: Customers, items: Items, rhythm: Rhythm) -> EventLog:
    """All events, without the faults that the published file has."""
    visits = _visits(parameters, customers, items, rhythm)
    expected = np.cumsum(visits) * (parameters.interactions / max(int(visits.sum()), 1))
    block = (expected // BLOCK_EVENTS).astype(np.int64)  # non-decreasing: blocks are ranges of customers
    parts: list[EventLog] = []
    for number in range(int(block[-1]) + 1):
        rng = stream(parameters.seed, "interactions", number)
        columns = draw_events(rng, parameters, np.where(block == number, visits, 0), customers, items, rhythm)
        parts.append(_compact(*columns))
    log = EventLog(
        np.concatenate([part.customer for part in parts]),
        np.concatenate([part.item for part in parts]),
        np.concatenate([part.behaviour for part in parts]),
        np.concatenate([part.seconds for part in parts]),
    )
    return log if parameters.most_purchases is None else _limited(log, parameters.most_purchases)


def _limited(log: EventLog, most: int) -> EventLog:
    """The log without the buys of a customer after the first ``most``."""
    buys = log.purchases()
    begins = np.searchsorted(log.customer[buys], log.customer[buys])
    kept = np.ones(len(log.customer), dtype=np.bool_)
    kept[buys[np.arange(len(buys)) - begins >= most]] = False
    return EventLog(log.customer[kept], log.item[kept], log.behaviour[kept], log.seconds[kept])


def published_interactions(parameters: SimulateParameters, log: EventLog, customers: Customers, items: Items) -> Sheet:
    """``UserBehavior.csv``: the log with public ids, in UTC seconds, with the published file's faults.

    Faults: ``fault_share`` of the timestamps (at least four) lie weeks to months outside the period, most before
    it; ``duplicate_share`` of the rows are written twice. Rows are ordered by user, then time.
    """
    rng = stream(parameters.seed, "faults")
    n = log.customer.shape[0]
    seconds = log.seconds.copy()
    faults = max(4, round(n * parameters.fault_share)) if parameters.fault_share > 0 else 0
    faulty = rng.permutation(n)[:faults]
    shift = rng.integers(30 * 86_400, LONGEST_SHIFT, faults)
    ahead = rng.random(faults) < 0.25
    seconds[faulty] += np.where(ahead, parameters.horizon + shift, -parameters.horizon - shift).astype(np.int32)
    # Nearly in order already, which a stable sort on one key makes use of.
    key = log.customer * np.int64(4 * (parameters.horizon + LONGEST_SHIFT)) + seconds
    order = np.argsort(key, kind="stable").astype(np.int32)
    del key
    copies = np.ones(n, dtype=np.int8)
    copies[rng.permutation(n)[: round(n * parameters.duplicate_share)]] = 2
    order = np.repeat(order, copies)

    def part(rows: slice) -> pd.DataFrame:
        events = order[rows]
        item = log.item[events]
        kinds = pd.CategoricalDtype(list(BEHAVIOURS))
        return pd.DataFrame(
            {
                "user_id": customers.identifier[log.customer[events]],
                "item_id": items.identifier[item],
                "category_id": items.category_identifier[items.category[item]],
                "behavior_type": pd.Categorical.from_codes(log.behaviour[events], dtype=kinds),
                "timestamp": seconds[events].astype(np.int64) + parameters.epoch,
            }
        )

    return Sheet(len(order), part)


def _visits(parameters: SimulateParameters, customers: Customers, items: Items, rhythm: Rhythm) -> IntArray:
    """Number of visits of each customer (at least one), so that about ``interactions`` events follow."""
    rng = stream(parameters.seed, "visits")
    weight = customers.activity * rhythm.share_before(customers.leave)
    weight -= customers.activity * rhythm.share_before(customers.arrival)
    # Newcomers look around: their visits make up their planted share of the events, in a short time.
    share = parameters.late_customer_event_share
    late = weight * customers.late
    if late.sum() > 0 and share > 0:
        early = weight - late
        weight = early / early.sum() * (1 - share) + late / late.sum() * share
    weight /= weight.sum()
    total = parameters.interactions / _events_per_visit(parameters, weight, customers, items, rhythm)
    mean = weight * _scale(weight, total)
    return np.maximum(rng.poisson(mean), 1).astype(np.int64)


def _events_per_visit(
    parameters: SimulateParameters, weight: FloatArray, customers: Customers, items: Items, rhythm: Rhythm
) -> float:
    """Mean events of a visit, measured on a small draft that is thrown away."""
    rng = stream(parameters.seed, "pilot")
    chosen = choice(rng, weight, PILOT_VISITS)
    visits = np.bincount(chosen, minlength=customers.size).astype(np.int64)
    events = draw_events(rng, parameters, visits, customers, items, rhythm)[0]
    return float(max(events.shape[0], 1) / int(visits.sum()))


def _scale(weight: FloatArray, total: float) -> float:
    """Scale at which visits max(1, Poisson(scale * weight)) have the mean ``total``: mean + exp(-mean) summed."""
    low, high = 0.0, total * 2
    for _ in range(50):
        middle = (low + high) / 2
        mean = weight * middle
        low, high = (middle, high) if float((mean + np.exp(-mean)).sum()) < total else (low, middle)
    return (low + high) / 2


def _compact(customer: IntArray, item: IntArray, behaviour: IntArray, seconds: FloatArray) -> EventLog:
    """The same events in 13 bytes each."""
    return EventLog(
        customer.astype(np.int32), item.astype(np.int32), behaviour.astype(np.int8), seconds.astype(np.int32)
    )
