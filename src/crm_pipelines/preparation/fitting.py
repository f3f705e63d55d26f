"""Everything fitted on the training part of one protocol and fold."""

from typing import Any, NamedTuple

import ibis
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from crm_pipelines.columns import CUSTOMER_ID, FOLD, ITEM_ID, PROTOCOL, PROTOCOL_TIME, ROW, TEXT
from crm_pipelines.config import EncodingParameters, SourceSpec
from crm_pipelines.encoding.entities import EntityEncoder, EntityFeatures, align
from crm_pipelines.encoding.segments import RfvSegments, rfv_table
from crm_pipelines.events.inputs import history_groups
from crm_pipelines.events.store import EventStore
from crm_pipelines.preparation.encoders import Encoders
from crm_pipelines.preparation.views import Ids, fold_of, view_key
from crm_pipelines.streamed import StreamedArray
from crm_pipelines.text.tfidf import PastTextEncoder

Arrays = dict[str, NDArray[Any] | StreamedArray]

ENTIRE_SCALING = "entire_scaling"
"""Static attributes once more, with ranges fitted on all data, as paper A does; a leak, kept apart to show its size."""


class Fitted(NamedTuple):
    """Results of fitting every protocol and fold.

    Attributes:
        arrays: ``<protocol>/fold=<f>/<name>`` -> array; the names are those that ``assembly`` reads.
        imputation: what was filled in, with which values.
        segments: customer segments and what distinguishes them.
        encoders: what was fitted on the last fold of the protocol ``time``.
    """

    arrays: Arrays
    imputation: pd.DataFrame
    segments: pd.DataFrame
    encoders: Encoders


def texts_of(clean: ibis.Table, stores: dict[str, EventStore]) -> dict[str, NDArray[np.object_]]:
    """Text of every event ("" for none) per protocol; empty when the source has no text at all."""
    table = clean.filter(clean[TEXT].notnull()).select(ROW, TEXT).order_by(ROW).to_pyarrow()
    if not len(table):
        return {}
    rows, texts = table[ROW].to_numpy(), np.append(table[TEXT].to_numpy(zero_copy_only=False), "")
    found = {}
    for protocol, store in stores.items():
        slot = np.searchsorted(rows, store.row)
        known = (slot < len(rows)) & (rows[np.minimum(slot, len(rows) - 1)] == store.row)
        found[protocol] = texts[np.where(known, slot, len(rows))]
    return found


def fit_views(
    stores: dict[str, EventStore],
    ids: Ids,
    splits: list[dict[str, Any]],
    clean: ibis.Table,
    customers: ibis.Table,
    items: ibis.Table,
    spec: SourceSpec,
    parameters: EncodingParameters,
) -> Fitted:
    """Fit imputation, encoders, text projection and segments of every protocol and fold on its training part.

    On one thread, so that k-means and the projection sum in the same order on every machine.
    """
    with threadpool_limits(1):
        return _fit_views(stores, ids, splits, clean, customers, items, spec, parameters)


def _fit_views(
    stores: dict[str, EventStore],
    ids: Ids,
    splits: list[dict[str, Any]],
    clean: ibis.Table,
    customers: ibis.Table,
    items: ibis.Table,
    spec: SourceSpec,
    parameters: EncodingParameters,
) -> Fitted:
    texts = texts_of(clean, stores)
    leaky = parameters.model_copy(update={"scaling": "entire"})
    last = max(split["fold"] for split in splits)
    tables = {"customer": (customers.to_pandas(), CUSTOMER_ID), "item": (items.to_pandas(), ITEM_ID)}
    arrays: Arrays = {}
    imputations, segments = [], []
    kept: Encoders | None = None
    for split in splits:
        protocol, key = split[PROTOCOL], view_key(split)
        store = stores[protocol]
        train = fold_of(split).parts(store.timestamp)[0]  # context events too: all of it is past
        encoders: dict[str, EntityEncoder] = {}
        labelled = train[store.labels[train] >= 0]
        for side, side_spec, entity in (
            ("customer", spec.customers, store.customer),
            ("item", spec.items, store.item),
        ):
            table, id_column = tables[side]
            attributes = align(table, id_column, ids[f"{protocol}/{side}"].tolist())
            training = np.zeros(len(attributes), dtype=bool)
            training[entity[train]] = True
            encoder = encoders[side] = EntityEncoder.fit(attributes, side_spec, parameters, training)
            _keep_features(arrays, key, side, encoder.transform(attributes))
            if protocol == PROTOCOL_TIME and split["fold"] == last:
                everything = EntityEncoder.fit(attributes, side_spec, leaky, training)
                arrays[f"{key}/{ENTIRE_SCALING}/{side}_static"] = everything.transform(attributes).matrix
            report = encoder.imputer.report(attributes, training, side)
            imputations.append(report.assign(**{PROTOCOL: protocol, FOLD: split["fold"]}))
            if side == "customer":
                for column in side_spec.sensitive:
                    values = attributes[column].astype("object").where(attributes[column].notna(), "unknown")
                    arrays[f"{key}/group/{column}"] = _spread(values.to_numpy(str), store.customer)
        past_texts = PastTextEncoder.fit(texts[protocol], train, parameters) if texts else None
        if past_texts is not None:
            arrays[f"{key}/text_features"] = past_texts.encode(texts[protocol], store).features
        else:
            arrays[f"{key}/text_features"] = np.zeros((len(store), 0), dtype=np.float32)
        ratings = bool(spec.interactions.rating_classes)
        rfv = rfv_table(store, labelled, split["validation_start"], spec.time_unit, ratings=ratings)
        clusters = RfvSegments.fit(rfv, parameters.segments, parameters.seed)
        segment = clusters.assign(rfv, store.n_customers)
        arrays[f"{key}/customer_segment"] = segment
        described = clusters.describe(rfv, segment)
        segments.append(described.assign(**{PROTOCOL: protocol, FOLD: split["fold"]}))
        if protocol == PROTOCOL_TIME and split["fold"] == last:
            kept = Encoders(
                fold=int(split["fold"]),
                validation_start=int(split["validation_start"]),
                customer=encoders["customer"],
                item=encoders["item"],
                text=past_texts,
                segments=clusters,
                segment_names=tuple(str(name) for name in described["name"]),
            )
        for axis, groups in history_groups(store, labelled).items():
            arrays[f"{key}/group/{axis}"] = groups
    assert kept is not None  # there is a last fold of the protocol in time, always
    imputation = pd.concat(imputations, ignore_index=True)
    return Fitted(arrays, imputation, pd.concat(segments, ignore_index=True), kept)


def _spread(values: NDArray[Any], entity: NDArray[np.int32]) -> StreamedArray:
    """(n) value of each event's entity."""
    return StreamedArray.of_rows(entity.shape, values.dtype, lambda part: values[entity[part]])


def _keep_features(arrays: Arrays, key: str, side: str, features: EntityFeatures) -> None:
    arrays[f"{key}/{side}_static"] = features.matrix
    arrays[f"{key}/{side}_codes"] = features.codes
    arrays[f"{key}/{side}_cardinalities"] = np.asarray(features.cardinalities, dtype=np.int64)
    arrays[f"{key}/{side}_names"] = np.asarray(features.names, dtype=str)
