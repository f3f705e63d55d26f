"""What each customer will do next: the model of behaviours (paper A) applied to everybody as of now.

A query of that model is a customer, an item and a time. The time is one second after the last event of the log. The
item is that of the customer's latest event; for a customer without any, the item gone to most often lately (decision
051). Queries are put behind the log as events
without a class: histories hold what lies strictly before, so no query sees another, and nothing is learnt from them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import ibis
import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from crm_pipelines.columns import BEHAVIOUR, CUSTOMER_ID, ITEM_ID, ROW, TEXT, TIMESTAMP, VALUE, probability
from crm_pipelines.config import SourceSpec
from crm_pipelines.encoding.entities import align
from crm_pipelines.encoding.segments import rfv_table
from crm_pipelines.errors import UserError
from crm_pipelines.evaluation.calibration import apply_temperature
from crm_pipelines.events.codes import encoded, looked_up
from crm_pipelines.events.features import stream_features
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.events.store import EventStore
from crm_pipelines.preparation.encoders import Encoders
from crm_pipelines.scoring.kept import Kept

CONTEXT: Final = "behaviour_item"
BASIS: Final = "behaviour_item_is"
LATEST, POPULAR = "latest", "most popular"
SEGMENT: Final = "segment"
EVENTS: Final = "events"
UNUSUAL: Final = "unusual"
"""Column: share of the model's inputs of a customer that lie outside what the training part held."""
LATELY: Final = 0.1
"""Share of the log, its last part, in which the most popular item is sought."""


@dataclass(frozen=True)
class Log:
    """Today's clean log with the attributes of both sides.

    Attributes:
        events: ``schemas.CleanInteractions``, in (timestamp, row) order. customers, items: attributes.
    """

    events: ibis.Table
    customers: pd.DataFrame
    items: pd.DataFrame

    def customer_ids(self) -> NDArray[np.str_]:
        """Everybody: of the log and of the table of customers, in the order of their ids."""
        in_log = self.events.select(CUSTOMER_ID).distinct().to_pyarrow()[CUSTOMER_ID].to_pylist()
        return np.asarray(sorted({*in_log, *self.customers[CUSTOMER_ID].astype(str)}), dtype=str)


@dataclass(frozen=True)
class Limits:
    """Which past events get features; as in training.

    Attributes:
        everything_up_to: events of a log up to which all of them get features.
        latest: of a longer one so many labelled events, the latest.
        past: whether the model reads features of past events at all, not only of today's queries.
    """

    everything_up_to: int
    latest: int
    past: bool = True


@dataclass(frozen=True)
class Today:
    """Inputs of today's queries.

    Attributes:
        inputs: ``test`` holds the queries, a customer each, in the order of ``customer_ids``.
        customer_ids: (m,). context: (m,) item of each query. basis: (m,) why that item.
        events: (m,) past events of each customer. segment: (m,) name.
        now: UTC seconds of the queries.
    """

    inputs: EventInputs
    customer_ids: NDArray[np.str_]
    context: NDArray[np.object_]
    basis: NDArray[np.object_]
    events: NDArray[np.int64]
    segment: NDArray[np.object_]
    now: int

    def numbers(self, rows: NDArray[np.int64]) -> dict[str, NDArray[np.float32]]:
        """Name -> (k,) values of each input of some queries."""
        values = self.inputs.features(self.inputs.test[rows])
        return {name: values[:, at] for at, name in enumerate(self.inputs.all_feature_names)}


def build_today(
    log: Log,
    customer_ids: NDArray[np.str_],
    encoders: Encoders,
    spec: SourceSpec,
    limits: Limits,
    folder: Path,
    value_scale: tuple[float, float] | None = None,
) -> Today:
    """Queries of some customers as of now.

    Args:
        log: today's.
        customer_ids: of those asked about.
        encoders: of the kept model. spec: the source block. limits: of long logs.
        folder: an empty one, which holds the features as long as the result is used.
        value_scale: of the training part; None takes it from the log.
    """
    # Not sorted by the engine: the store sorts numbers, which take far less memory than ids.
    table = log.events.select(CUSTOMER_ID, ITEM_ID, TIMESTAMP, BEHAVIOUR, VALUE, ROW).to_pyarrow()
    time, rows = table[TIMESTAMP].to_numpy(), table[ROW].to_numpy()
    now = int(time.max()) + 1
    customer, item, behaviour = (encoded(_strings(table[name])) for name in (CUSTOMER_ID, ITEM_ID, BEHAVIOUR))
    value = table[VALUE].to_numpy()
    del table
    context, basis = _contexts(customer, item, np.lexsort((rows, time)), customer_ids)
    m = len(customer_ids)
    nothing = np.full(m, np.nan)
    classes = spec.interactions.classes
    customer = _joined(customer, customer_ids)
    item = _joined(item, context.astype(str))
    category = None
    if spec.items.group_by is not None:
        known = pa.Table.from_pandas(log.items[[ITEM_ID, spec.items.group_by]].astype("str"), preserve_index=False)
        present = pa.array(log.items[spec.items.group_by].notna())
        known = known.filter(present)
        category = looked_up(item, known[ITEM_ID], known[spec.items.group_by])
    store, customers, items = EventStore.build(
        customer,
        item,
        np.concatenate([time, np.full(m, now)]),
        _joined(behaviour, np.full(m, classes[0])),
        np.concatenate([value, nothing]),
        np.concatenate([rows, rows.max(initial=0) + 1 + np.arange(m)]),
        category,
        classes,
        spec.interactions.context,
    )
    store.save(folder / "store")
    store = EventStore.load(folder / "store")  # as long as the log: the system may take mapped pages back
    n = len(store) - m
    del customer, item, behaviour, category, time, rows, value, nothing
    queries = np.arange(n, len(store))
    labels = store.labels
    labels[queries] = -1
    labelled = np.flatnonzero(labels >= 0)
    if len(store) > limits.everything_up_to:
        labels[labelled[: -limits.latest]] = -1
        labelled = labelled[-limits.latest :]
    featured = np.concatenate([labelled, queries]) if limits.past else queries
    offset, unit = spec.interactions.utc_offset_hours, spec.time_unit
    names, streamed = stream_features(store, featured, folder, offset, unit)
    path = folder / "features.npy"
    streamed.save(path)
    features = np.load(path, mmap_mode="r", allow_pickle=False)
    sides = {}
    for side, encoder, attributes, id_column, ids in (
        ("customer", encoders.customer, log.customers, CUSTOMER_ID, customers),
        ("item", encoders.item, log.items, ITEM_ID, items),
    ):
        known_rows = attributes.drop_duplicates(id_column)
        sides[side] = encoder.transform(align(known_rows, id_column, [str(each) for each in ids]))
    text = np.zeros((len(store), 0), dtype=np.float32)
    if encoders.text is not None:
        text = encoders.text.encode(_texts(log.events, store, n), store).features
    history = np.flatnonzero(store.behaviour[:n] < store.n_classes)
    ratings = bool(spec.interactions.rating_classes)
    rfv = rfv_table(store, history, now, unit, ratings=ratings)
    segment = encoders.segments.assign(rfv, store.n_customers)
    inputs = EventInputs(
        protocol="time",
        fold=encoders.fold,
        store=store,
        classes=store.classes,
        labels=labels,
        feature_names=names,
        event_features=features,
        text_features=text,
        customer_static=sides["customer"].matrix,
        item_static=sides["item"].matrix,
        customer_codes=sides["customer"].codes,
        customer_cardinalities=sides["customer"].cardinalities,
        item_codes=sides["item"].codes,
        item_cardinalities=sides["item"].cardinalities,
        customer_segment=segment,
        n_segments=encoders.segments.n_segments,
        train=labelled[store.timestamp[labelled] < encoders.validation_start],
        validation=labelled[:0],
        test=queries,
        time_unit=unit,
        cold={},
        groups={},
        featured=featured,
        value_scale=value_scale,
    )
    of_query = store.customer[queries]
    events = np.bincount(store.customer[:n], minlength=store.n_customers)[of_query]
    return Today(inputs, customer_ids, context, basis, events, encoders.names_of(segment[of_query]), now)


def _strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return column.cast(pa.string())


def _joined(codes: pa.DictionaryArray, more: NDArray[Any]) -> pa.DictionaryArray:
    """Values and more of them behind."""
    return encoded(pa.chunked_array([codes, pa.array(more, pa.string()).dictionary_encode()]))


def _contexts(
    customer: pa.DictionaryArray, item: pa.DictionaryArray, order: NDArray[np.int64], customer_ids: NDArray[np.str_]
) -> tuple[NDArray[np.object_], NDArray[np.object_]]:
    """(m,) item of each customer's query, and why; ``order`` (n) sorts the events by time."""
    people, items = (codes.indices.to_numpy()[order] for codes in (customer, item))
    names = np.asarray(item.dictionary.to_pylist(), dtype=object)
    latest = np.full(len(customer.dictionary) + 1, -1)  # the last entry answers whoever is not in the log
    latest[people] = items  # of several events the last one stays
    lately = np.bincount(items[int(len(items) * (1 - LATELY)) :], minlength=len(names))
    popular = min(names[lately == lately.max()])
    place = pc.index_in(pa.array(customer_ids, pa.string()), value_set=customer.dictionary)
    last = latest[place.fill_null(-1).to_numpy()]
    known = last >= 0
    return np.where(known, names[last], popular), np.where(known, LATEST, POPULAR).astype(object)


def _texts(events: ibis.Table, store: EventStore, n: int) -> NDArray[np.object_]:
    """Text of every event, "" for none and for queries."""
    table = events.filter(events[TEXT].notnull()).select(ROW, TEXT).order_by(ROW).to_pyarrow()
    texts = np.full(len(store), "", dtype=object)
    if len(table):
        rows = table[ROW].to_numpy()
        slot = np.minimum(np.searchsorted(rows, store.row[:n]), len(rows) - 1)
        known = rows[slot] == store.row[:n]
        found = table[TEXT].to_numpy(zero_copy_only=False)
        texts[:n][known] = found[slot[known]]
    return texts


def check_schema(kept: Kept, today: Today) -> None:
    """Refuse a model that was kept with other inputs than today's.

    Raises:
        UserError: naming the first difference.
    """
    wanted, found = list(kept.manifest["inputs"]), list(today.inputs.all_feature_names)
    classes = list(kept.manifest["classes"])
    again = "run --pipelines=coldstart again, so that a model of today's columns is kept"
    if list(today.inputs.classes) != classes:
        raise UserError(
            f"{kept.folder}: the kept model knows the behaviours {', '.join(classes)}, the source block now names "
            f"{', '.join(today.inputs.classes)}; {again}"
        )
    if wanted != found:
        gone, new = [name for name in wanted if name not in found], [name for name in found if name not in wanted]
        what = f"'{gone[0]}' is missing" if gone else f"'{new[0]}' is new" if new else "their order differs"
        raise UserError(
            f"{kept.folder}: the kept model reads {len(wanted)} inputs, the source gives {len(found)}: {what}; {again}"
        )


def score(
    kept: Kept,
    today: Today,
    open_model: Callable[[], Any],
    blocks: Sequence[NDArray[np.int64]],
    run: Callable[[Callable[[NDArray[np.int64]], pd.DataFrame], Sequence[NDArray[np.int64]]], list[pd.DataFrame]],
) -> pd.DataFrame:
    """One row per customer: ``customer_id``, ``p_<class>``, the item asked about, segment, events, `UNUSUAL`.

    Args:
        kept: the model. today: its inputs. open_model: loads it.
        blocks: positions of customers predicted together.
        run: applies a function to every block, in order.
    """
    classes, temperature = list(kept.manifest["classes"]), float(kept.manifest["temperature"])
    low, high = (np.asarray(kept.manifest["range"][end], dtype=np.float64) for end in ("low", "high"))
    model: list[Any] = []

    def one(rows: NDArray[np.int64]) -> pd.DataFrame:
        if not model:
            model.append(open_model())
        queries = today.inputs.test[rows]
        chances = apply_temperature(
            np.asarray(model[0].predict_proba(today.inputs, queries), dtype=np.float64), temperature
        )
        table = pd.DataFrame({CUSTOMER_ID: today.customer_ids[rows]})
        for column, label in enumerate(classes):
            table[probability(label)] = chances[:, column]
        values = today.inputs.features(queries)
        table[UNUSUAL] = ((values < low) | (values > high)).mean(axis=1) if len(low) else 0.0
        return table

    table = pd.concat(run(one, blocks), ignore_index=True)
    table[CONTEXT], table[BASIS] = today.context, today.basis
    table[SEGMENT], table[EVENTS] = today.segment, today.events
    return table
