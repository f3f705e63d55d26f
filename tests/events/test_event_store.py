"""The store keeps every event, in (timestamp, row) order, under ids that later events do not change."""

import json

import numpy as np
import pyarrow as pa
import pytest
from event_logs import CLASSES, CONTEXT, logs, quick
from hypothesis import given

from crm_pipelines.errors import UserError
from crm_pipelines.events.store import EventStore

ARRAYS = ("customer", "item", "timestamp", "behaviour", "value", "category", "row")


def small(**changes):
    columns = {
        "customer_ids": ["b", "a", "b", "c"],
        "item_ids": ["x", "y", "y", "x"],
        "timestamp": [30, 10, 10, 20],
        "behaviour": ["buy", "view", "search", "cart"],
        "value": [2.5, None, None, 1.0],
        "row": [1, 3, 2, 4],
        "category_of_event": ["k", None, "l", "k"],
        "classes": CLASSES,
        "context": CONTEXT,
    }
    return EventStore.build(**{**columns, **changes})


def same(a, b):
    return all(getattr(a, name).tobytes() == getattr(b, name).tobytes() for name in ARRAYS)


def test_events_are_ordered_by_time_then_row_and_ids_by_first_appearance():
    store, customers, items = small()
    assert store.row.tolist() == [2, 3, 4, 1]
    assert customers.tolist() == ["b", "a", "c"]
    assert items.tolist() == ["y", "x"]
    assert store.customer.tolist() == [0, 1, 2, 0]
    assert store.item.tolist() == [0, 0, 1, 1]
    assert store.category.tolist() == [0, -1, 1, 1]
    assert store.item_categories().tolist() == [0, 1]


def test_context_behaviours_come_after_the_classes_and_carry_no_label():
    store, _, _ = small()
    assert store.behaviours == ("view", "cart", "buy", "search")
    assert store.behaviour.tolist() == [3, 0, 1, 2]
    assert store.labels.tolist() == [-1, 0, 1, 2]


@pytest.mark.parametrize("convert", [np.asarray, pa.array, lambda x: pa.array(x).dictionary_encode()])
def test_columns_may_be_numpy_or_arrow(convert):
    strings = {name: convert(small_column) for name, small_column in _strings().items()}
    store, customers, _ = small(**strings)
    assert same(store, small()[0])
    assert customers.tolist() == ["b", "a", "c"]


def test_chunked_dictionary_columns_are_read_across_chunks():
    chunks = pa.chunked_array([pa.array(["b", "a"]).dictionary_encode(), pa.array(["b", "c"]).dictionary_encode()])
    assert same(small(customer_ids=chunks)[0], small()[0])


def _strings():
    return {"customer_ids": ["b", "a", "b", "c"], "item_ids": ["x", "y", "y", "x"]}


def test_an_unknown_behaviour_is_named_with_its_row():
    with pytest.raises(UserError, match=r"'share' \(row 4\).*known are view, cart, buy, search"):
        small(behaviour=["buy", "view", "search", "share"])


def test_a_missing_id_is_named_with_its_row():
    with pytest.raises(UserError, match=r"customer_id is missing in 1 events \(first: row 2\)"):
        small(customer_ids=["b", "a", None, "c"])


@quick
@given(logs(), logs(start=10_000_000))
def test_later_events_change_no_earlier_column(past, future):
    short, long = past.store(), (past + future).store()
    for name in ARRAYS:
        assert getattr(short, name).tobytes() == getattr(long, name)[: len(short)].tobytes()


@quick
@given(logs(min_size=2))
def test_a_subset_equals_a_store_built_from_the_kept_rows(log):
    store = log.store()
    keep = np.arange(len(store)) % 2 == 0
    part, customers, items = store.subset(keep)
    rows = store.row[keep] - 1
    columns = [[column[i] for i in rows] for column in vars(log).values()]
    expected, _, _ = EventStore.build(*columns[:5], rows + 1, columns[5], CLASSES, CONTEXT)
    assert same(part, expected)
    assert (customers[part.customer] == store.customer[keep]).all()
    assert (items[part.item] == store.item[keep]).all()


@pytest.mark.parametrize("mmap", [True, False])
def test_saved_and_loaded_stores_are_equal(tmp_path, mmap):
    store, _, _ = small()
    store.save(tmp_path / "store")
    store.save(tmp_path / "store")  # replaces the first
    loaded = EventStore.load(tmp_path / "store", mmap)
    assert same(store, loaded)
    assert (loaded.classes, loaded.behaviours, loaded.n_items) == (store.classes, store.behaviours, store.n_items)
    assert loaded.customers.history(np.arange(4), 2)[0].tolist() == store.customers.history(np.arange(4), 2)[0].tolist()
    assert [path.name for path in tmp_path.iterdir()] == ["store"], "nothing temporary is left"


def test_an_empty_store_can_be_saved_and_loaded(tmp_path):
    empty = small()[0].subset(np.zeros(4, dtype=bool))[0]
    empty.save(tmp_path / "store")
    assert len(EventStore.load(tmp_path / "store")) == 0


def test_a_failed_save_leaves_the_old_store(tmp_path, monkeypatch):
    store, _, _ = small()
    store.save(tmp_path / "store")
    monkeypatch.setattr(json, "dumps", lambda *_, **__: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        store.subset(np.zeros(4, dtype=bool))[0].save(tmp_path / "store")
    assert same(EventStore.load(tmp_path / "store"), store)
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


def test_a_folder_that_is_no_whole_store_is_refused(tmp_path):
    store, _, _ = small()
    store.save(tmp_path / "store")
    np.save(tmp_path / "store" / "item.npy", store.item[:2])
    with pytest.raises(UserError, match=r"item\.npy has another length"):
        EventStore.load(tmp_path / "store")
    (tmp_path / "store" / "item.npy").unlink()
    with pytest.raises(UserError, match="not a complete event store"):
        EventStore.load(tmp_path / "store")


def test_objects_in_a_store_are_never_unpickled(tmp_path):
    store, _, _ = small()
    store.save(tmp_path / "store")
    np.save(tmp_path / "store" / "item.npy", np.array([{}, {}, {}, {}], dtype=object), allow_pickle=True)
    with pytest.raises(UserError, match="not a complete event store"):
        EventStore.load(tmp_path / "store")
