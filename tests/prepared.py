"""A small log taken through the whole preparation, as the preprocessing pipeline does it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import ibis
import numpy as np
import pandas as pd

from crm_pipelines.columns import INTERACTION_COLUMNS
from crm_pipelines.config import EncodingParameters, EntitySpec, InteractionsSpec, SourceSpec, SplitParameters
from crm_pipelines.events.features import FeatureBuilder
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.preparation.assembly import FEATURE_NAMES, assemble, sample_cold_start
from crm_pipelines.preparation.fitting import Fitted, fit_views
from crm_pipelines.preparation.views import Views, build_store, build_views

CLASSES = ("view", "cart", "buy")
DAY = 86_400
START = 1_700_000_000

SPEC = SourceSpec(
    title="Small shop",
    reader="tables",
    interactions=InteractionsSpec(file="log.csv", behaviours={name: name for name in CLASSES}, context=("review",)),
    customers=EntitySpec(numeric=("age",), categorical=("city",), sensitive=("gender",)),
    items=EntitySpec(numeric=("price",), categorical=("category",), text=("title",), group_by="category"),
)
ENCODING = EncodingParameters(tfidf_min_df=1, tfidf_max_df=1.0, text_dimensions=3, segments=2, max_categories=3)
SPLIT = SplitParameters(held_out_below=0)
"""The time protocol alone."""

_WORDS = ("good", "bad", "late", "fits", "broke", "blue", "cheap")
_TYPES = {
    "customer_id": "string",
    "item_id": "string",
    "timestamp": "int64",
    "behaviour": "string",
    "value": "float64",
    "text": "string",
    "row": "int64",
}


@dataclass(frozen=True)
class Shop:
    """Clean tables, as ingestion and cleaning leave them."""

    log: pd.DataFrame
    customers: pd.DataFrame
    items: pd.DataFrame

    def change(self, rows: Any, **columns: Any) -> "Shop":
        """The same shop with other values in some rows of the log."""
        log = self.log.copy()
        for name, values in columns.items():
            log.loc[rows, name] = values
        return replace(self, log=log)


def shop(n: int = 700, customers: int = 40, items: int = 25, seed: int = 0) -> Shop:
    """Events drawn at random, one in ten a review with a text; entities arrive over time, many after the cut."""
    draw = np.random.default_rng(seed)
    time = np.sort(draw.integers(0, 30 * DAY, n))
    arrived = 0.3 + 0.7 * time / time[-1]
    review = draw.random(n) < 0.1
    texts = [" ".join(words) for words in draw.choice(_WORDS, (n, 3))]
    log = pd.DataFrame(
        {
            "customer_id": np.char.add("c", (draw.random(n) * customers * arrived).astype(int).astype(str)),
            "item_id": np.char.add("i", (draw.random(n) * items * arrived).astype(int).astype(str)),
            "timestamp": START + time,
            "behaviour": np.where(review, "review", draw.choice(CLASSES, n)),
            "value": draw.integers(1, 100, n).astype(float),
            "text": np.where(review, texts, None),
            "row": np.arange(1, n + 1),
        }
    )
    people = pd.DataFrame(
        {
            "customer_id": [f"c{i}" for i in range(customers)],
            "age": np.where(draw.random(customers) < 0.2, np.nan, draw.integers(18, 80, customers)),
            "city": draw.choice(["north", "south", "east", "west"], customers),
            "gender": draw.choice(["f", "m"], customers),
        }
    )
    products = pd.DataFrame(
        {
            "item_id": [f"i{i}" for i in range(items)],
            "price": draw.integers(1, 50, items).astype(float),
            "category": draw.choice(["toys", "tools"], items),
            "title": draw.choice(_WORDS, items),
        }
    )
    return Shop(log, people, products)


@dataclass(frozen=True)
class Prepared:
    """Everything that preprocessing hands on."""

    views: Views
    features: Mapping[str, np.ndarray]
    fitted: Fitted
    cold: pd.DataFrame

    def inputs(self, protocol: str = "time", scaling: str = "") -> EventInputs:
        """What a model is given, of the last fold."""
        split = [split for split in self.views.splits if split["protocol"] == protocol][-1]
        return assemble(split, self.views.stores, dict(self.features), self.fitted.arrays, self.cold, SPEC, scaling)

    @property
    def test_start(self) -> int:
        """The cut, in seconds."""
        return int(self.views.splits[0]["test_start"])


def prepare(
    tables: Shop,
    split: SplitParameters = SPLIT,
    cuts: list[dict[str, Any]] | None = None,
    encoding: EncodingParameters = ENCODING,
) -> Prepared:
    """Prepare a shop; with ``cuts`` (the splits of another) it is cut where that one was."""
    connection = ibis.duckdb.connect()
    try:
        clean = connection.create_table("log", tables.log[list(INTERACTION_COLUMNS)], schema=ibis.schema(_TYPES))
        items, customers = (connection.create_table(name, getattr(tables, name)) for name in ("items", "customers"))
        store, ids = build_store(clean, items, SPEC)
        views = build_views(store, ids, split)
        if cuts is not None:
            views = views._replace(splits=cuts)
        fitted = fit_views(views.stores, views.ids, views.splits, clean, customers, items, SPEC, encoding)
        fitted = fitted._replace(arrays={name: np.asarray(array) for name, array in fitted.arrays.items()})
    finally:
        connection.disconnect()
    features: dict[str, np.ndarray] = {}
    for protocol, log in views.stores.items():
        builder = FeatureBuilder(log, time_unit=SPEC.time_unit)
        features[f"{protocol}/values"] = builder.events(np.arange(len(log)))
        features[f"{protocol}/{FEATURE_NAMES}"] = np.asarray(builder.names)
    return Prepared(views, features, fitted, sample_cold_start(views.stores, views.splits))
