"""A tiny shop with a planted rule, prepared like any log, for tests of behaviour models."""

import numpy as np

from crm_pipelines.config import SplitParameters
from crm_pipelines.events.features import FeatureBuilder
from crm_pipelines.events.inputs import EventInputs, history_groups
from crm_pipelines.events.split import time_split
from crm_pipelines.events.store import EventStore

CLASSES = ("view", "cart", "buy")
DAY = 86_400


def shop_columns(n: int = 2_400, seed: int = 0, planted: bool = True) -> dict[str, np.ndarray]:
    """Columns of a log in which a customer's next behaviour follows from the last: view -> cart -> buy -> view.

    One event in ten breaks the rule. Without ``planted`` every class is drawn at random.
    """
    draw = np.random.default_rng(seed)
    customer = draw.integers(0, 40, n)
    behaviour = draw.integers(0, len(CLASSES), n)
    if planted:
        state = draw.integers(0, len(CLASSES), 40)
        noise = draw.random(n) < 0.1
        for event in range(n):
            if not noise[event]:
                behaviour[event] = (state[customer[event]] + 1) % len(CLASSES)
            state[customer[event]] = behaviour[event]
    return {
        "customer": customer.astype(str),
        "item": draw.integers(0, 60, n).astype(str),
        "timestamp": np.sort(draw.integers(0, 30 * DAY, n)),
        "behaviour": np.asarray(CLASSES, dtype=object)[behaviour],
    }


def prepare(columns: dict[str, np.ndarray], cut_after: int | None = None) -> EventInputs:
    """Inputs of the last fold; with ``cut_after`` the split is that of the first so many events."""
    n = len(columns["customer"])
    store, _, _ = EventStore.build(
        columns["customer"],
        columns["item"],
        columns["timestamp"],
        columns["behaviour"],
        np.full(n, np.nan),
        np.arange(1, n + 1),
        columns["item"],  # every item is its own category
        CLASSES,
    )
    labels = store.labels
    head = slice(cut_after)
    (fold,) = time_split(store.timestamp[head], labels[head] >= 0, SplitParameters())
    train, validation, test = fold.parts(store.timestamp)
    builder = FeatureBuilder(store)
    codes = np.arange(1, store.n_items + 1, dtype=np.int32)[:, None] % 7
    return EventInputs(
        protocol="time",
        fold=0,
        store=store,
        classes=CLASSES,
        labels=labels,
        feature_names=builder.names,
        event_features=builder.events(np.arange(n)),
        text_features=np.zeros((n, 0), dtype=np.float32),
        customer_static=np.zeros((store.n_customers, 0), dtype=np.float32),
        item_static=np.linspace(0, 1, store.n_items, dtype=np.float32)[:, None],
        customer_codes=np.zeros((store.n_customers, 0), dtype=np.int32),
        customer_cardinalities=(),
        item_codes=codes,
        item_cardinalities=(7,),
        customer_segment=(np.arange(store.n_customers) % 2).astype(np.int32),
        n_segments=2,
        train=train,
        validation=validation,
        test=test,
        time_unit=float(DAY),
        cold={},
        groups=history_groups(store, train),
    )
