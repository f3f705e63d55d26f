"""A clean log as products taken, and the protocols by which recommenders are judged.

`time`: one cut by the time of the predicted events. A list is asked for every customer who takes something afterwards:
once for the rest of the log, or once a calendar month. `leave_last_out`: each customer's last product, from all before
it. `held_out`: of a fifth of the customers nothing is learnt; each shows the first k products and the rest is relevant.

Only products that a customer does not hold and may be offered are ranked. A product taken while it is held is no event.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.feature_extraction.text import HashingVectorizer

from crm_pipelines import columns as c
from crm_pipelines.config import EncodingParameters, EntitySpec, OfferSpec, SequenceParameters, SourceSpec
from crm_pipelines.encoding.entities import EntityEncoder, align
from crm_pipelines.errors import UserError
from crm_pipelines.recommendation.config import OfferParameters
from crm_pipelines.recommendation.eligibility import allowed_groups
from crm_pipelines.recommendation.inputs import Floats, ProductInputs, Queries
from crm_pipelines.runs import fingerprint
from crm_pipelines.sequences import preparation as sequences
from crm_pipelines.sequences.inputs import Histories, Ints

SHOTS: Final = (0, 1, 3, 5)
NEVER: Final = np.iinfo(np.int64).max
MONTH: Final = "month"
Arrays = dict[str, NDArray[Any]]


def build(
    log: pd.DataFrame, customers: pd.Series, items: pd.Series, offers: OfferSpec, where: str
) -> tuple[Arrays, pd.DataFrame]:
    """Products taken, customer by customer in the order of time.

    Args:
        log: ``customer_id, item_id, timestamp, behaviour, row`` in the order of time.
        customers, items: ids of the tables of both sides; those without an event count too.
        offers: which classes take a product and which end it.
        where: the file, for messages.

    Returns:
        Arrays ``items`` (n,), ``start`` (U + 1,), ``timestamp`` (n,), ``until`` (n,) when the holding ended (`NEVER`
        where it did not), ``predicted`` (n,), ``customer_ids`` (U,), ``item_ids`` (I,); and ``step, reason, rows``.

    Raises:
        UserError: no product was taken.
    """
    ending = log[c.BEHAVIOUR].isin(list(offers.ends)).to_numpy()
    taking = log[c.BEHAVIOUR].isin(list(offers.takes)).to_numpy() if offers.takes else ~ending
    counted = [("rows_in", "all", len(log)), ("dropped", "no_product_taken_or_ended", int((~taking & ~ending).sum()))]
    out_of_order = int((np.diff(log.sort_values(c.ROW)[c.TIMESTAMP].to_numpy(dtype=np.int64)) < 0).sum())
    events = log[taking | ending].reset_index(drop=True)
    names = np.unique(np.concatenate([events[c.CUSTOMER_ID].to_numpy(dtype=str), customers.to_numpy(dtype=str)]))
    products = np.unique(np.concatenate([events[c.ITEM_ID].to_numpy(dtype=str), items.to_numpy(dtype=str)]))
    who = np.searchsorted(names, events[c.CUSTOMER_ID].to_numpy(dtype=str))
    what = np.searchsorted(products, events[c.ITEM_ID].to_numpy(dtype=str))
    time = events[c.TIMESTAMP].to_numpy(dtype=np.int64)
    end = events[c.BEHAVIOUR].isin(list(offers.ends)).to_numpy()
    place = np.arange(len(events))
    order = np.lexsort((place, what, who))  # each pair's events, in the order of time
    same = np.zeros(len(order), dtype=bool)
    same[1:] = (who[order][1:] == who[order][:-1]) & (what[order][1:] == what[order][:-1])
    ends = end[order]
    before = np.zeros(len(order), dtype=bool)
    before[1:] = same[1:] & ~ends[:-1]  # held when the event comes
    again = ~ends & before if not offers.repeats else np.zeros(len(order), dtype=bool)
    idle = ends & ~before
    until = np.full(len(order), NEVER)
    closing = np.flatnonzero(ends & before)
    opened = np.maximum.accumulate(np.where(~ends & ~again, np.arange(len(order)), 0))
    until[opened[closing]] = time[order][closing]
    kept = np.empty(len(order), dtype=bool)
    kept[order] = ~ends & ~again
    ended = np.empty(len(order), dtype=np.int64)
    ended[order] = until
    rows = np.flatnonzero(kept)
    rows = rows[np.argsort(who[rows], kind="stable")]
    if not len(rows):
        raise UserError(f"{where}: no product was taken by anybody; check 'offers.takes' and the file")
    predicted = np.ones(len(events), dtype=bool)
    if offers.predicted:
        predicted = events[c.BEHAVIOUR].isin(list(offers.predicted)).to_numpy()
    counts = np.bincount(who[rows], minlength=len(names))
    sold = np.bincount(what[rows], minlength=len(products))
    counted += [
        ("dropped", "taken_while_held", int(again.sum())),
        ("dropped", "end_of_a_holding", int((ends & before).sum())),
        ("dropped", "end_without_a_holding", int(idle.sum())),
        ("rows_out", "valid", len(rows)),
        ("rows_in_file", "earlier_than_the_row_before", out_of_order),
        ("customers", "with_a_product", int((counts > 0).sum())),
        ("customers", "without_a_product", int((counts == 0).sum())),
        ("customers", "holding_every_product", int((counts >= len(products)).sum())),
        ("products", "sold", int((sold > 0).sum())),
        ("products", "never_sold", int((sold == 0).sum())),
    ]
    arrays: Arrays = {
        "items": what[rows].astype(np.int64),
        "start": np.concatenate([[0], np.cumsum(counts)]).astype(np.int64),
        "timestamp": time[rows],
        "until": ended[rows],
        "predicted": predicted[rows],
        "customer_ids": names.astype(str),
        "item_ids": products.astype(str),
    }
    return arrays, pd.DataFrame(counted, columns=["step", "reason", "rows"])


def protocols(spec: SourceSpec) -> tuple[str, ...]:
    """The protocols of a source, the first of them that of variants and latencies."""
    if spec.offers.protocols:
        return spec.offers.protocols
    timeless = (c.PROTOCOL_LAST_OUT, c.PROTOCOL_HELD_OUT)
    return timeless if spec.interactions.in_order else (c.PROTOCOL_TIME, *timeless)


def split(
    arrays: Mapping[str, NDArray[Any]],
    customers: pd.DataFrame,
    items: pd.DataFrame,
    spec: SourceSpec,
    protocol: str,
    parameters: OfferParameters,
) -> ProductInputs:
    """The inputs of one protocol; everything fitted sees the part to learn from only.

    Args:
        arrays: of `build`.
        customers, items: tables of attributes, by ``customer_id`` and ``item_id``.
        spec: the source block.
        protocol: one of `protocols`.
        parameters: shares and seed.

    Raises:
        UserError: too few events for the protocol, or a rule of eligibility that cannot be read.
    """
    if protocol == c.PROTOCOL_TIME:
        known, validated = _by_time(arrays, spec, parameters)
    else:
        known, validated = (_last_out if protocol == c.PROTOCOL_LAST_OUT else _held_out)(arrays, parameters)
    inputs = made(arrays, protocol, known, validated)
    inputs = described(inputs, arrays, customers, items, spec, parameters)
    asking = {c.PROTOCOL_LAST_OUT: _ask_last, c.PROTOCOL_HELD_OUT: _ask_held_out, c.PROTOCOL_TIME: _ask_by_time}
    validating, asked = asking[protocol](inputs, arrays, validated, spec)
    if not asked or not any(len(queries) for queries in asked.values()):
        raise UserError(
            f"{spec.interactions.file}: protocol '{protocol}' has nobody to test on; give a longer log, or other "
            "protocols under 'offers' in the source block"
        )
    return replace(inputs, validating=validating, asked=asked)


def described(
    inputs: ProductInputs,
    arrays: Mapping[str, NDArray[Any]],
    customers: pd.DataFrame,
    items: pd.DataFrame,
    spec: SourceSpec,
    parameters: OfferParameters,
) -> ProductInputs:
    """The same inputs with encoded attributes of both sides, and who may be offered what."""
    people = align(customers, c.CUSTOMER_ID, list(arrays["customer_ids"]))
    goods = align(items, c.ITEM_ID, list(arrays["item_ids"]))
    known = inputs.known
    learnt = np.diff(known.start) > 0
    popularity = np.bincount(known.items, minlength=inputs.n_items)
    profiles, _ = _encoded(people, spec.customers, learnt, parameters)
    texts = spec.items.model_copy(update={"text": (), "group_by": None})
    static, names = _encoded(goods, texts, popularity > 0, parameters)
    words = _words(goods, spec.items.text, parameters.words)
    share = np.log1p(popularity) / max(float(np.log1p(popularity.max(initial=0))), 1e-9)
    group, allowed = allowed_groups(
        people, list(arrays["item_ids"]), spec.offers.eligible, spec.customers, f"source '{spec.title}'"
    )
    unknown = [name for name in spec.offers.withdrawn if name not in set(arrays["item_ids"])]
    if unknown:
        raise UserError(f"source '{spec.title}': 'offers.withdrawn' names a product '{unknown[0]}' that is not known")
    allowed[:, np.isin(arrays["item_ids"], list(spec.offers.withdrawn))] = False
    ones = np.ones((len(people), 1), dtype=np.float32)
    return replace(
        inputs,
        profiles=np.hstack([ones, profiles]),
        products=np.hstack([share[:, None], static, words]).astype(np.float32),
        product_names=("popularity", *names, *(f"word {number}" for number in range(words.shape[1]))),
        group=group,
        allowed=allowed,
        times=np.zeros(0, np.int64) if spec.interactions.in_order else np.asarray(arrays["timestamp"], dtype=np.int64),
    )


def _encoded(
    table: pd.DataFrame, spec: EntitySpec, training: NDArray[np.bool_], parameters: OfferParameters
) -> tuple[Floats, tuple[str, ...]]:
    """Encoded attributes (N, F) fitted on the training entities, and which were missing; width 0 without any."""
    declared = (*spec.numeric, *spec.categorical, *spec.text)
    if not declared or not training.any():
        return np.empty((len(table), 0), dtype=np.float32), ()
    encoding = EncodingParameters(max_categories=parameters.max_categories, seed=parameters.seed)
    found = EntityEncoder.fit(table, spec, encoding, training).transform(table)
    absent = table[list(declared)].isna()
    some = [name for name in declared if absent[name].any() and absent.loc[training, name].any()]
    matrix = np.hstack([found.matrix, absent[some].to_numpy(dtype=np.float32)])
    return np.clip(matrix, -3, 3).astype(np.float32), (*found.names, *(f"{name} missing" for name in some))


def _words(table: pd.DataFrame, columns: Sequence[str], width: int) -> Floats:
    """Hashed words of the text columns (N, width), rows of unit length; width 0 without text."""
    if not columns:
        return np.empty((len(table), 0), dtype=np.float32)
    texts = table[list(columns)].fillna("").agg(" ".join, axis=1)
    hashing = HashingVectorizer(n_features=width, alternate_sign=False, dtype=np.float32)
    return np.asarray(hashing.transform(texts).toarray(), dtype=np.float32)


# -- what may be learnt from ---------------------------------------------------------------------------------------


def made(arrays: Mapping[str, NDArray[Any]], protocol: str, known: Ints, validated: Ints) -> ProductInputs:
    """Inputs of which customer u is known until ``known[u]`` and validated on until ``validated[u]``."""
    items, start = np.asarray(arrays["items"]), np.asarray(arrays["start"])
    owner = np.repeat(np.arange(len(start) - 1), np.diff(start))
    position = np.arange(len(items))
    follows = position > start[:-1][owner]
    none = np.empty(0, dtype=np.int64)
    n_items = len(arrays["item_ids"])
    learnt = position < known[owner]
    pairs = owner[learnt] * np.int64(max(n_items, 1)) + items[learnt]
    return ProductInputs(
        protocol=protocol,
        fold=0,
        items=items,
        start=start,
        known_until=known,
        train=position[follows & learnt],
        validation=position[follows & ~learnt & (position < validated[owner])],
        test=position[follows & (position >= validated[owner])],
        plans=none,
        n_items=n_items,
        no_repeats=len(np.unique(pairs)) == len(pairs),
        catalogue=fingerprint({"items": np.asarray(arrays["item_ids"], dtype=str).tolist()}),
    )


def _last_out(arrays: Mapping[str, NDArray[Any]], parameters: OfferParameters) -> tuple[Ints, Ints]:
    """Ends (U,) of the parts that are known and validated on."""
    shares = SequenceParameters(validation_share=parameters.validation_share, validation_events=1, seed=parameters.seed)
    base = sequences.split(arrays, c.PROTOCOL_LAST_OUT, shares)
    end = base.start[1:]
    validated = np.where(np.diff(base.start) > 1, end - 1, end)
    return base.known_until, validated


def _held_out(arrays: Mapping[str, NDArray[Any]], parameters: OfferParameters) -> tuple[Ints, Ints]:
    start = np.asarray(arrays["start"])
    begin, end = start[:-1], start[1:]
    draw = np.random.default_rng(parameters.seed)
    active = draw.permutation(np.flatnonzero(end > begin))
    tested = round(parameters.held_out_share * len(active))
    chosen = round(parameters.validation_share * (len(active) - tested))
    known, validated = end.copy(), end.copy()
    for rows in (active[:tested], active[tested : tested + chosen]):
        known[rows] = begin[rows]
    validated[active[:tested]] = begin[active[:tested]]
    return known, validated


def _by_time(arrays: Mapping[str, NDArray[Any]], spec: SourceSpec, parameters: OfferParameters) -> tuple[Ints, Ints]:
    start, time = np.asarray(arrays["start"]), np.asarray(arrays["timestamp"])
    owner = np.repeat(np.arange(len(start) - 1), np.diff(start))
    ends = [
        start[:-1] + np.bincount(owner[time < cut], minlength=len(start) - 1) for cut in cuts(arrays, spec, parameters)
    ]
    return ends[0], ends[1]


def cuts(arrays: Mapping[str, NDArray[Any]], spec: SourceSpec, parameters: OfferParameters) -> tuple[int, int]:
    """Times at which validation and test begin; by month, both are the first moment of a month.

    Raises:
        UserError: the predicted events leave nothing to learn from or to validate on.
    """
    time = np.sort(np.asarray(arrays["timestamp"])[np.asarray(arrays["predicted"])])
    if len(time) < 3:
        raise UserError(f"{spec.interactions.file}: {len(time)} events to predict are too few for a cut in time")
    if spec.offers.period == MONTH:
        time = _month_start(time)
    history = round(len(time) * parameters.history_share)
    second = int(time[min(history, len(time) - 1)])
    first = int(time[min(round(history * (1 - parameters.time_validation_share)), len(time) - 1)])
    if first >= second:  # a month is not divided: the one before the test validates
        earlier = time[time < second]
        if not len(earlier):
            raise UserError(
                f"{spec.interactions.file}: all events to predict are of one moment, so there is no cut in time; "
                "choose other protocols under 'offers' in the source block"
            )
        first = int(earlier[-1])
    return first, second


def period_end(moment: int, spec: SourceSpec) -> int:
    """When the period that begins at ``moment`` ends: the month, or ``horizon_days``."""
    if spec.offers.period == MONTH:
        month = np.array([moment]).astype("datetime64[s]").astype("datetime64[M]") + 1
        return int(month.astype("datetime64[s]").astype(np.int64)[0])
    return moment + round(spec.horizon_days * 86_400)


def _month_start(time: Ints) -> Ints:
    """The first second of the calendar month (UTC) of each time."""
    months = time.astype("datetime64[s]").astype("datetime64[M]")
    return np.asarray(months.astype("datetime64[s]").astype(np.int64))


# -- what is asked -------------------------------------------------------------------------------------------------


def make_queries(
    inputs: ProductInputs,
    arrays: Mapping[str, NDArray[Any]],
    customer: Ints,
    end: Ints,
    first: Ints,
    last: Ints,
    spec: SourceSpec,
    moment: int | None = None,
) -> Queries:
    """Queries of customers whose history ends before ``end`` and whose relevant products are taken in [first, last).

    Relevant are predicted events of products that are not held at that time and that the customer may be offered,
    each once. Queries without any are left out, unless a ``moment`` is given at which all of them are asked.
    """
    items, start = inputs.items, inputs.start
    predicted, until, time = (np.asarray(arrays[name]) for name in ("predicted", "until", "timestamp"))
    lengths = end - start[customer]
    q = np.repeat(np.arange(len(customer)), lengths)
    p = start[customer][q] + np.arange(len(q)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    asked_at = np.where(first < start[1:][customer], time[np.minimum(first, len(items) - 1)], NEVER)
    if moment is not None:
        asked_at = np.full(len(customer), moment)
    held = np.zeros(len(p), dtype=bool) if spec.offers.repeats else until[p] >= asked_at[q]
    held_pairs = np.unique(q[held] * np.int64(inputs.n_items) + items[p[held]])
    count = np.maximum(last - first, 0)
    r = np.repeat(np.arange(len(customer)), count)
    at = first[r] + np.arange(len(r)) - np.repeat(np.cumsum(count) - count, count)
    wanted = np.unique((r * np.int64(inputs.n_items) + items[at])[predicted[at]]) if len(at) else np.empty(0, np.int64)
    wanted = np.setdiff1d(wanted, held_pairs, assume_unique=True)
    row, product = np.divmod(wanted, max(inputs.n_items, 1))
    fine = inputs.allowed[inputs.group[customer[row]], product] if len(row) else np.zeros(0, dtype=bool)
    relevant = _grouped(row[fine], product[fine], len(customer))
    rows, codes = np.divmod(held_pairs, max(inputs.n_items, 1))
    moments = asked_at if inputs.timed else None
    found = Queries(customer, end, relevant, _grouped(rows, codes, len(customer)), moments)
    if moment is not None:
        return found
    return found.of(np.flatnonzero(np.diff(relevant.start) > 0))


def _grouped(row: Ints, items: Ints, n: int) -> Histories:
    counts = np.bincount(row, minlength=n)
    return Histories(items.astype(np.int64), np.concatenate([[0], np.cumsum(counts)]).astype(np.int64))


def _shots(
    inputs: ProductInputs,
    arrays: Mapping[str, NDArray[Any]],
    spec: SourceSpec,
    customers: Ints,
    begin: Ints,
    end: Ints,
    fewest: int = 1,
) -> dict[str, Queries]:
    """k-shot queries of customers who begin at ``begin``: k products are shown, the rest before ``end`` is relevant."""
    found = {}
    for k in SHOTS:
        enough = end - begin > k
        who, at = customers[enough], begin[enough] + k
        queries = make_queries(inputs, arrays, who, at, at, end[enough], spec)
        found[c.cold_slice(c.CUSTOMER, k)] = queries.of(np.flatnonzero(np.diff(queries.relevant.start) >= fewest))
    return found


Asked = tuple[dict[str, Queries], dict[str, Queries]]
"""Queries to choose on and of the test, by slice."""


def _ask_last(inputs: ProductInputs, arrays: Mapping[str, NDArray[Any]], validated: Ints, spec: SourceSpec) -> Asked:
    anything = {**arrays, "predicted": np.ones(len(inputs.items), dtype=bool)}
    found = []
    for begin, end in ((inputs.known_until, validated), (validated, inputs.start[1:])):
        rows = np.flatnonzero((end > begin) & (begin > inputs.start[:-1]))
        found.append(make_queries(inputs, anything, rows, begin[rows], begin[rows], end[rows], spec))
    return {c.SLICE_ALL: found[0]}, {c.SLICE_ALL: found[1]}


def _ask_held_out(
    inputs: ProductInputs, arrays: Mapping[str, NDArray[Any]], validated: Ints, spec: SourceSpec
) -> Asked:
    anything = {**arrays, "predicted": np.ones(len(inputs.items), dtype=bool)}
    begin, end = inputs.start[:-1], inputs.start[1:]
    parts = []
    for rows in (np.flatnonzero(validated > inputs.known_until), np.flatnonzero(end > validated)):
        shots = _shots(inputs, anything, spec, rows, begin[rows], end[rows], spec.offers.fewest_relevant)
        parts.append({c.SLICE_ALL: shots[c.cold_slice(c.CUSTOMER, 1)], **shots})
    return parts[0], parts[1]


def _ask_by_time(inputs: ProductInputs, arrays: Mapping[str, NDArray[Any]], validated: Ints, spec: SourceSpec) -> Asked:
    validating = _window(inputs, arrays, spec, inputs.known_until, validated)
    asked = _window(inputs, arrays, spec, validated, inputs.start[1:])
    before = np.arange(len(inputs.items)) < validated[inputs.customer]
    sold = np.bincount(inputs.items[before], minlength=inputs.n_items) > 0
    queries = asked[c.SLICE_ALL]
    fresh = ~sold[queries.relevant.items]
    only = _grouped(queries.relevant.owner[fresh], queries.relevant.items[fresh], len(queries))
    cold = replace(queries, relevant=only)
    asked[c.cold_slice(c.ITEM, 0)] = cold.of(np.flatnonzero(np.diff(only.start) > 0))
    return validating, asked


def _window(
    inputs: ProductInputs, arrays: Mapping[str, NDArray[Any]], spec: SourceSpec, begin: Ints, end: Ints
) -> dict[str, Queries]:
    """Queries of the events between two positions of each customer, as a whole or month by month."""
    start = inputs.start[:-1]
    having = np.flatnonzero(end > begin)
    customer, first, last = having, begin[having], end[having]
    if spec.offers.period == MONTH:
        lengths = last - first
        owner = np.repeat(np.arange(len(having)), lengths)
        at = first[owner] + np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        month = _month_start(np.asarray(arrays["timestamp"])[at])
        fresh = np.ones(len(at), dtype=bool)
        fresh[1:] = (owner[1:] != owner[:-1]) | (month[1:] != month[:-1])
        cut = np.flatnonzero(fresh)
        customer, first = having[owner[cut]], at[cut]
        last = np.append(at[cut[1:] - 1], at[-1:]) + 1 if len(cut) else first
    everyone = make_queries(inputs, arrays, customer, first, first, last, spec)
    warm = everyone.of(np.flatnonzero(everyone.end > start[everyone.customer]))
    found = {c.SLICE_ALL: everyone, c.SLICE_WARM: warm}
    if not spec.offers.repeats:
        new = having[begin[having] == start[having]]
        found |= _shots(inputs, arrays, spec, new, start[new], end[new])
    return found
