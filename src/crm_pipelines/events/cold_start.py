"""Cold-start queries, and the held-out protocol for logs in which too few arise by themselves."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.columns import CUSTOMER, SHOTS, SIDES
from crm_pipelines.config import SplitParameters
from crm_pipelines.events.index import EventIndex
from crm_pipelines.events.split import Fold
from crm_pipelines.events.store import EventStore

Table = dict[str, NDArray[Any]]

SIDE: Final = "side"
K: Final = "k"
ENTITY: Final = "entity"
QUERY_EVENT: Final = "query_event"
SUPPORT: Final = "support"


def _index(store: EventStore, side: str) -> EventIndex:
    return store.customers if side == CUSTOMER else store.items


def cold_entities(store: EventStore, fold: Fold, side: str) -> NDArray[np.bool_]:
    """(n_entities) true for entities that have events but none, of any behaviour, before the fold's test part."""
    index = _index(store, side)
    seen = index.indptr[:-1] < index.indptr[1:]
    cold = np.zeros(index.n_groups, dtype=bool)
    cold[seen] = index.time[index.indptr[:-1][seen]] >= fold.test_start
    return cold


def cold_start_sets(store: EventStore, labels: NDArray[np.int64], fold: Fold, shots: Sequence[int] = SHOTS) -> Table:
    """Every k-shot query of the fold: a cold entity's (k+1)-th labelled event, with its first k as support.

    Events are counted in (time, row) order; the query must lie in the fold's test window. A support event may share
    its query's second, and is then no part of the query's history, which is strictly before it.

    Args:
        labels: (n) class index, -1 for context events (never support nor query).
        shots: the numbers of support events k.

    Returns:
        Columns of m queries, ordered by side, k and event: ``side`` (object), ``k``, ``entity`` (dense id),
        ``query_event`` (int64), and ``support`` (m, max(shots)) int64 event ids, earliest first, padded with -1.
    """
    width = max(shots, default=0)
    parts: list[Table] = []
    for side in SIDES:
        index, cold = _index(store, side), cold_entities(store, fold, side)
        labelled = index.events[labels[index.events] >= 0].astype(np.int64)  # by (entity, time, row)
        counts = np.bincount(index.group[labelled], minlength=index.n_groups)
        first = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        for k in shots:
            entity = np.flatnonzero(cold & (counts > k))
            query = labelled[first[entity] + k]
            if fold.test_end is not None:
                inside = store.timestamp[query] < fold.test_end
                entity, query = entity[inside], query[inside]
            order = np.argsort(query)
            entity, query = entity[order], query[order]
            support = np.full((len(entity), width), -1, dtype=np.int64)
            support[:, :k] = labelled[first[entity][:, None] + np.arange(k)] if len(entity) else -1
            names = np.full(len(entity), side, dtype=object)
            parts.append(
                {SIDE: names, K: np.full(len(entity), k), ENTITY: entity, QUERY_EVENT: query, SUPPORT: support}
            )
    return {name: np.concatenate([part[name] for part in parts]) for name in (SIDE, K, ENTITY, QUERY_EVENT, SUPPORT)}


def held_out_view(
    store: EventStore,
    labels: NDArray[np.int64],
    fold: Fold,
    parameters: SplitParameters,
    shots: Sequence[int] = SHOTS,
) -> NDArray[np.bool_]:
    """Events of a log in which some entities arrive only at the cut, for the ``held_out`` protocol.

    On each side where that lifts any number of shots from fewer to at least ``held_out_below`` queries,
    ``held_out_share`` of the entities are drawn, and all their events before the test part are dropped. What remains
    is a log of its own, to be rebuilt with `EventStore.subset` and taken through the same code: no event is moved, so
    the split stays honest in time, and the drawn entities are cold in the full sense: nothing fitted, no history and
    no neighbour knows their past. Events of others with a drawn entity vanish with it.

    Returns:
        (n) true for events to keep; all true where withholding would help neither side.
    """
    before = store.timestamp < fold.test_start
    counted = ~before & (labels >= 0)
    keep = np.ones(len(store), dtype=bool)
    for number, side in enumerate(SIDES):
        index = _index(store, side)
        # One stream per side: withholding customers does not change which items are drawn.
        draw = np.random.default_rng([parameters.seed, number])
        size = round(parameters.held_out_share * index.n_groups)
        withheld = np.zeros(index.n_groups, dtype=bool)
        withheld[draw.choice(index.n_groups, size=size, replace=False)] = True
        later = np.bincount(index.group[counted], minlength=index.n_groups)
        cold = cold_entities(store, fold, side)
        least = parameters.held_out_below
        gains = [(cold & (later > k)).sum() < least <= ((cold | withheld) & (later > k)).sum() for k in shots]
        if any(gains):
            keep &= ~(before & withheld[index.group])
    return keep
