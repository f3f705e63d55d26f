"""A clean log as sequences of items, and the protocols by which models of the next item are judged.

`leave_last_out`: each customer's last item is the test, as in most of the literature. `leave_last_three`: the last
three are, predicted together as a plan. `time`: one global cut; every later event is predicted from all before it.
The first two let a model learn from other customers' later events, as any system that is fitted today would; only the
third is free of it.

Validation: of a share of the customers the last known events, a tenth of their own and at least one, are held back.
All other customers are learnt from up to the test.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.config import SequenceParameters
from crm_pipelines.errors import UserError
from crm_pipelines.sequences.inputs import Ints, SequenceInputs

LEAVE_LAST_OUT: Final = c.PROTOCOL_LAST_OUT
LEAVE_LAST_THREE: Final = c.PROTOCOL_LAST_THREE
STEPS: Final = 3
"""Of a plan (paper B)."""

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Sequences:
    """Sequences of a log, before any split.

    Attributes:
        arrays: ``items``, ``start`` (see `SequenceInputs`), ``timestamp`` (n,) int64, ``customer_ids`` (U,),
            ``item_ids`` (I,) text.
        report: ``step, reason, rows``: events in, dropped by reason, events out; then customers, counted.
    """

    arrays: Arrays
    report: pd.DataFrame


def build(log: pd.DataFrame, customers: pd.Series, where: str, alone: bool = False) -> Sequences:
    """Sequences of a clean log.

    An item that directly follows itself is one event: a loop tells no more than its first turn.

    Args:
        log: ``customer_id, item_id, timestamp`` in the order of the events.
        customers: ids of the table of customers, in any order.
        where: the file, for messages.
        alone: customers with a single event are enough, since nothing is learnt.

    Raises:
        UserError: no customer has two events, so that there is nothing to predict.
    """
    customer, names = pd.factorize(log[c.CUSTOMER_ID].astype("str"), sort=True)
    item, item_names = pd.factorize(log[c.ITEM_ID].astype("str"), sort=True)
    order = np.argsort(customer, kind="stable")
    customer, item, time = customer[order], item[order], log[c.TIMESTAMP].to_numpy(dtype=np.int64)[order]
    again = np.zeros(len(item), dtype=bool)
    again[1:] = (item[1:] == item[:-1]) & (customer[1:] == customer[:-1])
    customer, item, time = customer[~again], item[~again], time[~again]
    counts = np.bincount(customer, minlength=len(names))
    if not (alone or (counts > 1).any()):
        raise UserError(
            f"{where}: no customer has two events with different items, so there is no next item to learn; "
            "check the columns of customer and item"
        )
    known = set(customers.astype(str))
    both = sum(name in known for name in names)
    report = [
        ("rows_in", "all", len(log)),
        ("dropped", "item_repeats_itself", int(again.sum())),
        ("rows_out", "valid", len(item)),
        ("customers", "with_several_events", int((counts > 1).sum())),
        ("customers", "with_a_single_event", int((counts == 1).sum())),
        ("customers", "in_the_log_without_a_profile", len(names) - both),
        ("customers", "with_a_profile_but_not_in_the_log", len(known) - both),
    ]
    arrays: Arrays = {
        "items": item.astype(np.int64),
        "start": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "timestamp": time,
        "customer_ids": names.to_numpy(dtype=str),
        "item_ids": item_names.to_numpy(dtype=str),
    }
    return Sequences(arrays, pd.DataFrame(report, columns=["step", "reason", "rows"]))


def split(arrays: Mapping[str, NDArray[Any]], protocol: str, parameters: SequenceParameters) -> SequenceInputs:
    """The inputs of one protocol.

    Args:
        arrays: of `Sequences`.
        protocol: `LEAVE_LAST_OUT`, `LEAVE_LAST_THREE` or `columns.PROTOCOL_TIME`.
        parameters: shares and seed.
    """
    items, start = np.asarray(arrays["items"]), np.asarray(arrays["start"])
    begin, end = start[:-1], start[1:]
    position = np.arange(len(items))
    owner = np.repeat(np.arange(len(begin)), end - begin)
    if protocol == c.PROTOCOL_TIME:
        known, validated = _by_time(np.asarray(arrays["timestamp"]), begin, owner, parameters)
    else:
        kept = STEPS if protocol == LEAVE_LAST_THREE else 1
        # Whoever has no history beside the test is learnt from and not tested.
        validated = np.where(end - begin > kept, end - kept, end)
        known = _before_validation(begin, validated, parameters)
    follows = position > begin[owner]
    train = position[follows & (position < known[owner])]
    validation = position[follows & (position >= known[owner]) & (position < validated[owner])]
    rest = position[follows & (position >= validated[owner])]
    first = np.maximum(validated, begin + 1)
    test, plans = rest, first[first + STEPS <= end]
    if protocol == LEAVE_LAST_THREE:
        test = plans
    if len(plans) > parameters.most_plans:
        draw = np.random.default_rng(parameters.seed)
        plans = np.sort(draw.choice(plans, parameters.most_plans, replace=False))
    learnt = position < known[owner]
    pairs = owner[learnt] * np.int64(max(len(arrays["item_ids"]), 1)) + items[learnt]
    return SequenceInputs(
        protocol=protocol,
        fold=0,
        items=items,
        start=start,
        known_until=known,
        train=train,
        validation=validation,
        test=test,
        plans=plans if protocol != LEAVE_LAST_OUT else plans[:0],
        n_items=len(arrays["item_ids"]),
        no_repeats=len(np.unique(pairs)) == len(pairs),
    )


def _by_time(time: Ints, begin: Ints, owner: Ints, parameters: SequenceParameters) -> tuple[Ints, Ints]:
    """Ends (U,) of each customer's training and validation part by one global cut; ties go to the later side."""
    ordered = np.sort(time)
    history = round(len(time) * parameters.history_share)
    cuts = (round(history * (1 - parameters.time_validation_share)), history)
    ends = []
    for cut in cuts:
        before = time < ordered[min(cut, len(time) - 1)]
        ends.append(begin + np.bincount(owner[before], minlength=len(begin)))
    return ends[0], ends[1]


def _before_validation(begin: Ints, end: Ints, parameters: SequenceParameters) -> Ints:
    """Ends (U,) of the part to learn from: before the last events of a share of the customers."""
    length = end - begin
    able = np.flatnonzero(length > 2)  # something to learn from and a history are left
    draw = np.random.default_rng(parameters.seed)
    chosen = draw.permutation(able)[: max(1, round(parameters.validation_share * len(able)))]
    known = end.copy()
    known[chosen] -= np.clip(length[chosen] // 10, 1, parameters.validation_events)
    return known


def protocols(in_order: bool) -> tuple[str, ...]:
    """The protocols of a source; without times there is no cut in time."""
    return (LEAVE_LAST_OUT, LEAVE_LAST_THREE) if in_order else (LEAVE_LAST_OUT, LEAVE_LAST_THREE, c.PROTOCOL_TIME)
