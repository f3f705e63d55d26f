"""What a fitted model looked at (paper A, Figures 3 and 4) and which past events drove single predictions.

Everything is computed for events of the test part, whose histories lie strictly before them. Attention tells where
a prediction took its information from; it is no proof of cause.
"""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.benchmark.attention import (
    PAST,
    QUERY,
    SIDE,
    WEIGHT,
    AttentiveModel,
    attended,
    given,
    preferences,
    sample,
)
from crm_pipelines.benchmark.embedding import embedding_map
from crm_pipelines.columns import (
    CUSTOMER,
    EVENT_ID,
    ITEM,
    Y_TRUE,
)
from crm_pipelines.events.inputs import EventInputs

QUERIES: Final = 5_000
EXPLAINED: Final = 200
MOST_PAST: Final = 5
TOP_CATEGORIES: Final = 15
MOST_PERIODS: Final = 62
"""Attention is told by local day, by month or year where a log is longer than this many days or months."""

ANY_BEHAVIOUR: Final = "(all)"
WEEKDAYS: Final = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")

_PERIODS: Final = (("day", "D"), ("month", "M"), ("year", "Y"))

Ints = NDArray[np.int64]


class Explanations(NamedTuple):
    """The four tables; columns are described at the function of the same name.

    Attributes:
        by_day: from `attention_by_day`. by_feature: from `attention_by_feature`.
        map: from `embedding_map`. events: from `explanations`.
    """

    by_day: pd.DataFrame
    by_feature: pd.DataFrame
    map: pd.DataFrame
    events: pd.DataFrame


def explain_model(
    model: AttentiveModel,
    inputs: EventInputs,
    utc_offset_hours: float = 0.0,
    segment_names: Mapping[int, str] | None = None,
    category_names: Mapping[int, str] | None = None,
    seed: int = 42,
) -> Explanations:
    """Every table, from one pass over a sample of the test events.

    Args:
        model: fitted on ``inputs``.
        inputs: prepared inputs of one protocol and fold.
        utc_offset_hours: of the source, for local days.
        segment_names, category_names: names by dense number; numbers are shown where there is none.
        seed: of every sample.
    """
    pairs = attended(model, inputs, sample(inputs.test, QUERIES, seed))
    return Explanations(
        attention_by_day(pairs, inputs, utc_offset_hours),
        attention_by_feature(pairs, inputs, category_names),
        embedding_map(model, inputs, segment_names, seed=seed),
        explanations(model, inputs, seed=seed),
    )


def category_names(inputs: EventInputs, item_ids: NDArray[Any], categories: Mapping[str, str]) -> dict[int, str]:
    """Name of each dense category, from the items that have it.

    Args:
        inputs: for the category of each dense item.
        item_ids: (n_items,) id by dense id. categories: category by item id.
    """
    codes, first = np.unique(inputs.store.item_categories(), return_index=True)
    names = {int(code): categories.get(str(item_ids[item])) for code, item in zip(codes, first, strict=True)}
    return {code: str(name) for code, name in names.items() if code >= 0 and name is not None}


def attention_by_day(pairs: pd.DataFrame, inputs: EventInputs, utc_offset_hours: float = 0.0) -> pd.DataFrame:
    """Attention to what happened when (Figure 3a).

    Args:
        pairs: from `attention.attended`.
        inputs: what they were computed from.
        utc_offset_hours: of the source.

    Returns:
        A row per side, local day and behaviour, and one for all behaviours of the day together: ``side``, ``period``
        (``day``; ``month`` or ``year`` in a long log), ``day`` (its first), ``weekday`` (empty for longer periods),
        ``behaviour``, and the numbers of `attention.preferences`.
    """
    past = pairs[PAST].to_numpy()
    seconds = inputs.store.timestamp[past] + round(3600 * utc_offset_hours)
    period, start = _periods(seconds.astype("datetime64[s]"))
    named = pairs.assign(day=start.astype("datetime64[D]").astype(str), behaviour=_behaviours(inputs, past))
    total, together = given(pairs), named.assign(behaviour=ANY_BEHAVIOUR)
    table = pd.concat(
        [preferences(each, [SIDE, "day", "behaviour"], inputs, total) for each in (named, together)], ignore_index=True
    )
    order = {name: position for position, name in enumerate((*inputs.store.behaviours, ANY_BEHAVIOUR))}
    table = table.sort_values(
        [SIDE, "day", "behaviour"], key=lambda column: column.map(order) if column.name == "behaviour" else column
    )
    days = table["day"].to_numpy().astype("datetime64[D]")
    weekday = np.asarray(WEEKDAYS, dtype=object)[(days.astype(np.int64) + 3) % 7]  # 1970-01-01 was a Thursday
    table.insert(1, "period", period)
    table.insert(3, "weekday", weekday if period == "day" else "")
    return table.reset_index(drop=True)


def _periods(times: NDArray[np.datetime64]) -> tuple[str, NDArray[np.datetime64]]:
    """The finest period of which at most `MOST_PERIODS` cover the times, and the one each time lies in."""
    for name, unit in _PERIODS[:-1]:
        starts = times.astype(f"datetime64[{unit}]")
        if not len(starts) or np.ptp(starts.astype(np.int64)) < MOST_PERIODS:
            return name, starts
    name, unit = _PERIODS[-1]
    return name, times.astype(f"datetime64[{unit}]")


def _behaviours(inputs: EventInputs, events: Ints) -> NDArray[np.object_]:
    return np.asarray(inputs.store.behaviours, dtype=object)[inputs.store.behaviour[events]]


def attention_by_feature(
    pairs: pd.DataFrame, inputs: EventInputs, category_names: Mapping[int, str] | None = None
) -> pd.DataFrame:
    """Attention to which products (Figure 3b).

    Args:
        pairs: from `attention.attended`.
        inputs: what they were computed from.
        category_names: names of dense categories.

    Returns:
        A row per ``side``, ``feature`` and ``level``, with the numbers of `attention.preferences`. Features of a
        customer's past events: ``category`` (the most frequent of the log), ``same category`` and ``same item`` as
        the query's, ``new item`` (without an event before the test part). Of an item's: ``same customer``.
    """
    store = inputs.store
    past, query = pairs[PAST].to_numpy(), pairs[QUERY].to_numpy()
    of_customer = (pairs[SIDE] == CUSTOMER).to_numpy()
    cut = store.timestamp[inputs.test[0]]
    first = store.items.time[store.items.indptr[store.item[past]]]
    category = store.category[past]
    flags = {
        "same item": (of_customer, store.item[past] == store.item[query]),
        "new item": (of_customer, first >= cut),
        "same customer": (~of_customer, store.customer[past] == store.customer[query]),
    }
    tables = []
    if store.n_categories:
        flags["same category"] = (of_customer, (category == store.category[query]) & (category >= 0))
        frequent = np.argsort(-np.bincount(store.category[store.category >= 0]), kind="stable")[:TOP_CATEGORIES]
        names = {int(code): (category_names or {}).get(int(code), f"category {code}") for code in frequent}
        shown = of_customer & np.isin(category, frequent)
        tables.append(pairs[shown].assign(feature="category", level=pd.Series(category[shown]).map(names).to_numpy()))
    for name, (rows, flag) in flags.items():
        tables.append(pairs[rows].assign(feature=name, level=np.where(flag[rows], "yes", "no")))
    total = given(pairs)
    return pd.concat(
        [preferences(table, [SIDE, "feature", "level"], inputs, total) for table in tables], ignore_index=True
    )


def explanations(
    model: AttentiveModel, inputs: EventInputs, most: int = EXPLAINED, top: int = MOST_PAST, seed: int = 42
) -> pd.DataFrame:
    """Which past events drove single predictions.

    Args:
        model: fitted on ``inputs``. inputs: prepared inputs.
        most: test events explained, as many of each class as there are, without those that have no history.
        top: past events named for each, of both sides together. seed: draws the events.

    Returns:
        A row per explained event and past event: ``event_id``, ``customer`` and ``item`` (dense ids), ``y_true``,
        ``predicted`` (the most probable class) with its ``probability``, ``rank`` from 1, ``side`` whose history the
        past event is from, ``past_event``, ``past_item``, ``past_behaviour``, ``days_ago`` and the ``weight`` of its
        token in that side's embedding.
    """
    store = inputs.store
    events = _spread(inputs, most, seed)
    pairs = attended(model, inputs, events)[[SIDE, QUERY, PAST, WEIGHT]]
    pairs = pairs.sort_values([QUERY, WEIGHT, PAST], ascending=[True, False, False], kind="stable")
    pairs["rank"] = pairs.groupby(QUERY).cumcount() + 1
    pairs = pairs[pairs["rank"] <= top]
    query, past = pairs[QUERY].to_numpy(), pairs[PAST].to_numpy()
    probabilities = model.predict_proba(inputs, events)[np.searchsorted(events, query)]
    classes = np.asarray(inputs.classes, dtype=object)
    return pd.DataFrame(
        {
            EVENT_ID: query,
            CUSTOMER: store.customer[query],
            ITEM: store.item[query],
            Y_TRUE: classes[inputs.labels[query]],
            "predicted": classes[probabilities.argmax(axis=1)],
            "probability": probabilities.max(axis=1, initial=0.0),
            "rank": pairs["rank"].to_numpy(),
            SIDE: pairs[SIDE].to_numpy(),
            PAST: past,
            "past_item": store.item[past],
            "past_behaviour": _behaviours(inputs, past),
            "days_ago": (store.timestamp[query] - store.timestamp[past]) / 86_400,
            WEIGHT: pairs[WEIGHT].to_numpy(),
        }
    )


def _spread(inputs: EventInputs, most: int, seed: int) -> Ints:
    """Test events with a history, ascending, drawn so that every class has as equal a part as it can have."""
    histories = (inputs.store.customers, inputs.store.items)
    known = np.any([np.less(*index.spans(inputs.test)) for index in histories], axis=0)
    drawn = np.random.default_rng(seed).permutation(inputs.test[known])
    turn = pd.Series(drawn).groupby(inputs.labels[drawn]).cumcount().to_numpy()
    return np.sort(drawn[np.argsort(turn, kind="stable")[:most]]).astype(np.int64)
