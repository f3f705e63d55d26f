"""What models are given: nothing of it may know what comes after the cut, or the event it belongs to."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression

from crm_pipelines.config import FeatureParameters, SplitParameters
from crm_pipelines.errors import UserError
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.graph.adjacency import customer_item_adjacency
from crm_pipelines.preparation.assembly import event_features, featured_events, sample_cold_start
from crm_pipelines.preparation.fitting import ENTIRE_SCALING
from crm_pipelines.preparation.views import build_views, fold_of, overview, view_key
from prepared import CLASSES, DAY, SPEC, START, Prepared, Shop, prepare, shop

HELD_OUT = SplitParameters(held_out_below=8, held_out_share=0.25, minimum={"train": 100, "validation": 10, "test": 30})
"""Both sides get the ``held_out`` protocol."""
LIMITS = FeatureParameters(everything_up_to=10, training_events=50)
"""Makes any log a long one."""


@pytest.fixture(scope="module")
def tables() -> Shop:
    return shop()


@pytest.fixture(scope="module")
def prepared(tables) -> Prepared:
    return prepare(tables)


@pytest.fixture(scope="module")
def limited(prepared) -> Prepared:
    arrays = event_features("time", prepared.views.stores["time"], prepared.views.splits, SPEC, LIMITS)
    return replace(prepared, features={name: np.asarray(array) for name, array in arrays.items()})


@pytest.fixture(scope="module")
def held_out(tables) -> Prepared:
    return prepare(tables, HELD_OUT)


def bytes_of(array: np.ndarray, rows: int) -> tuple[str, tuple[int, ...], bytes]:
    part = np.ascontiguousarray(array[:rows])
    return part.dtype.str, part.shape, part.tobytes()


def past(prepared: Prepared, events: int, customers: int, items: int) -> dict[str, object]:
    """Everything the first so many events and entities are given, and everything fitted.

    Left out is what shows paper A's leak, see `test_the_labelled_leak_does_see_the_future`.
    """
    of_entity = {"customer": customers, "item": items}
    found: dict[str, object] = {}
    for name, array in prepared.fitted.arrays.items():
        kind = name.split("/", 2)[2]
        if kind.startswith(f"{ENTIRE_SCALING}/"):
            continue
        if kind.endswith(("_names", "_cardinalities")):
            rows = len(array)
        else:
            rows = next((n for side, n in of_entity.items() if kind.startswith(f"{side}_")), events)
        # The names of groups are as wide as the longest in the log.
        found[name] = array[:rows].tolist() if kind.startswith("group/") else bytes_of(array, rows)
    found |= {name: bytes_of(array, events) for name, array in prepared.features.items() if name.endswith("/values")}
    found["imputed"] = prepared.fitted.imputation[["side", "column", "value", "missing_in_training"]].to_dict("list")
    found["segments"] = prepared.fitted.segments.to_dict("list")
    return found


def sizes_before(prepared: Prepared, time: int) -> tuple[int, int, int]:
    """Events before a time, and customers and items that have any (their dense ids come first)."""
    store = prepared.views.stores["time"]
    n = int(np.searchsorted(store.timestamp, time))
    return n, int(store.customer[:n].max()) + 1, int(store.item[:n].max()) + 1


class TestTheFutureIsUnknown:
    def test_changing_every_row_after_the_cut_changes_nothing_before_it(self, tables, prepared):
        draw = np.random.default_rng(1)
        after = tables.log["timestamp"] >= prepared.test_start
        n = int(after.sum())
        labelled = tables.log.loc[after, "behaviour"] != "review"  # as many labelled events: the same cut
        times = np.sort(draw.integers(prepared.test_start, prepared.test_start + 90 * DAY, n))
        times[0] = prepared.test_start  # where the test part begins
        other = tables.change(
            after,
            customer_id=draw.choice([*(f"c{i}" for i in range(40)), "new1", "new2"], n),
            item_id=draw.choice([*(f"i{i}" for i in range(25)), "other"], n),
            timestamp=times,
            behaviour=np.where(labelled, draw.choice(CLASSES, n), "review"),
            value=draw.normal(1e6, 1e3, n),
            text=np.where(labelled, None, "words never seen before"),
        )
        # New entities bring attributes that would move every mean, mode, range and vocabulary.
        people = pd.DataFrame({"customer_id": ["new1", "new2"], "age": [900.0, 999.0], "city": "mars", "gender": "x"})
        products = pd.DataFrame({"item_id": ["other"], "price": [1e9], "category": ["moons"], "title": ["new words"]})
        other = replace(
            other,
            customers=pd.concat([other.customers, people]),
            items=pd.concat([other.items, products]),
        )
        changed = prepare(other)
        assert changed.test_start == prepared.test_start
        assert changed.views.stores["time"].n_customers != prepared.views.stores["time"].n_customers
        sizes = sizes_before(prepared, prepared.test_start)
        assert past(changed, *sizes) == past(prepared, *sizes)

    def test_the_labelled_leak_does_see_the_future(self, tables, prepared):
        """Ranges of the whole data set, as paper A fits them: kept under a name of their own, and for one variant."""
        late = ~tables.items["item_id"].isin(tables.log.loc[tables.log["timestamp"] < prepared.test_start, "item_id"])
        assert late.any()
        dear = tables.items.assign(price=tables.items["price"].where(~late, 1e6))
        changed = prepare(replace(tables, items=dear))
        sizes = sizes_before(prepared, prepared.test_start)
        assert past(changed, *sizes) == past(prepared, *sizes)
        known = sizes[2]
        both = [each.inputs(scaling=ENTIRE_SCALING).item_static[:known] for each in (prepared, changed)]
        assert not np.array_equal(*both)
        assert not np.array_equal(both[1], changed.inputs().item_static[:known])

    def test_the_graph_too_is_of_the_training_part(self, tables, prepared):
        after = tables.log["timestamp"] >= prepared.test_start
        changed = prepare(tables.change(after, item_id="i0", behaviour="view"), cuts=prepared.views.splits)
        _, customers, items = sizes_before(prepared, prepared.test_start)
        graphs = [
            customer_item_adjacency(store, fold_of(prepared.views.splits[0]).parts(store.timestamp)[0])
            for store in (prepared.views.stores["time"], changed.views.stores["time"])
        ]
        one, other = (graph.toarray()[:customers, :items] for graph in graphs)
        assert one.any()
        assert (one == other).all()

    def test_appended_events_change_no_earlier_input(self, tables, prepared):
        """The cuts stay, so that only looking ahead could change anything."""
        more = shop(n=80, seed=9).log
        more = more.assign(timestamp=more["timestamp"] + 31 * DAY, row=more["row"] + len(tables.log))
        longer = prepare(replace(tables, log=pd.concat([tables.log, more])), cuts=prepared.views.splits)
        sizes = sizes_before(prepared, START + 31 * DAY)
        assert sizes[0] == len(tables.log)
        assert past(longer, *sizes) == past(prepared, *sizes)
        pd.testing.assert_frame_equal(longer.cold, prepared.cold)

    def test_what_is_before_the_cut_does_matter(self, tables, prepared):
        """The tests above can fail: the same change before the cut is seen."""
        sizes = sizes_before(prepared, prepared.test_start)
        for column, value in {"value": 1e6, "behaviour": "buy", "customer_id": "c0"}.items():
            other = prepare(tables.change(tables.log.index[:50], **{column: value}), cuts=prepared.views.splits)
            assert past(other, *sizes) != past(prepared, *sizes), column


class TestAnEventIsUnknownToItself:
    @pytest.fixture(scope="class")
    @staticmethod
    def event(prepared: Prepared) -> int:
        """A labelled test event whose customer comes back later."""
        inputs, store = prepared.inputs(), prepared.views.stores["time"]
        return next(int(e) for e in inputs.test if (store.customer[e + 1 :] == store.customer[e]).any())

    @pytest.mark.parametrize(
        ("column", "planted"), [("value", 12_345.0), ("text", "buy buy buy"), ("behaviour", "other class")]
    )
    def test_its_own_value_text_and_label_are_no_inputs(self, tables, prepared, event, column, planted):
        inputs, store = prepared.inputs(), prepared.views.stores["time"]
        if column == "behaviour":
            planted = next(name for name in CLASSES if name != CLASSES[inputs.labels[event]])
        changed = prepare(tables.change(int(store.row[event]) - 1, **{column: planted}), cuts=prepared.views.splits)
        own = np.array([event])
        assert changed.inputs().features(own).tobytes() == inputs.features(own).tobytes()
        later = np.flatnonzero(store.customer == store.customer[event])
        later = later[later > event]
        assert (changed.inputs().features(later) != inputs.features(later)).any()  # but it is history from then on

    def test_a_column_that_holds_the_label_cannot_be_learnt_from(self):
        """Labels at random, and every column of the log gives them away: only a leak could do better than chance."""
        plain = shop(n=1_500, seed=3)
        labelled = plain.log["behaviour"] != "review"
        leaking = plain.change(
            labelled,
            value=plain.log.loc[labelled, "behaviour"].map({name: float(i) for i, name in enumerate(CLASSES)}),
            text=plain.log.loc[labelled, "behaviour"],
        )
        leaking = replace(leaking, log=leaking.log.assign(answer=leaking.log["behaviour"]))
        inputs = prepare(leaking).inputs()
        assert inputs.text_features.shape[1] > 0
        assert hit_rate(inputs, lambda events: inputs.features(events)) < 0.45
        value = inputs.store.value[:, None]
        assert hit_rate(inputs, lambda events: np.hstack([inputs.features(events), value[events]])) > 0.95


def hit_rate(inputs: EventInputs, rows_of) -> float:
    """Share of test labels that a linear model of some rows gets right."""
    train, test = rows_of(inputs.train), rows_of(inputs.test)
    mean, scale = train.mean(axis=0), train.std(axis=0) + 1e-6
    model = LogisticRegression(C=0.1, max_iter=200).fit((train - mean) / scale, inputs.labels[inputs.train])
    return float(model.score((test - mean) / scale, inputs.labels[inputs.test]))


class TestColdStart:
    @pytest.mark.parametrize("protocol", ["time", "held_out"])
    def test_support_is_the_first_k_events_and_the_query_the_next(self, held_out, protocol):
        store = held_out.views.stores[protocol]
        rows = held_out.cold[held_out.cold["protocol"] == protocol]
        assert set(rows["k"]) >= {0, 1, 5}
        for side, k, entity, query, support in rows[["side", "k", "entity", "query_event", "support"]].itertuples(
            index=False
        ):
            own = np.flatnonzero((getattr(store, side) == entity) & (store.labels >= 0))
            assert [*support, query] == own[: k + 1].tolist()  # ascending, disjoint, of this entity
            assert store.timestamp[own[0]] >= held_out.test_start

    def test_withheld_entities_have_no_past(self, held_out):
        whole, rest = held_out.views.stores["time"], held_out.views.stores["held_out"]
        ids = held_out.views.ids
        before, kept = whole.timestamp < held_out.test_start, rest.timestamp < held_out.test_start
        # No event is moved, and none is dropped after the cut.
        assert rest.row[~kept].tolist() == whole.row[~before].tolist()
        assert set(rest.row[kept]) < set(whole.row[before])
        for side in ("customer", "item"):
            names = ids[f"held_out/{side}"]
            had = set(ids[f"time/{side}"][getattr(whole, side)[before]])
            have = set(names[getattr(rest, side)[kept]])
            withheld = had - have
            assert len(withheld) >= 0.2 * len(had)
            asked = set(names[getattr(rest, side)[~kept & (rest.labels >= 0)]])
            cold = held_out.cold.query("protocol == 'held_out' and side == @side and k == 0")["entity"]
            assert withheld & asked
            assert withheld & asked <= set(names[cold])
        segment = held_out.inputs("held_out").customer_segment
        never = np.setdiff1d(np.arange(rest.n_customers), rest.customer[kept])
        assert (segment[never] == -1).all()

    def test_attributes_of_withheld_customers_are_not_fitted_on(self, tables, held_out):
        ids, rest = held_out.views.ids["held_out/customer"], held_out.views.stores["held_out"]
        known = set(ids[rest.customer[rest.timestamp < held_out.test_start]])
        people = tables.customers
        strange = people.assign(age=people["age"].where(people["customer_id"].isin(known), 1e6))
        other = prepare(replace(tables, customers=strange), HELD_OUT)
        rows = [i for i, name in enumerate(ids) if name in known]
        name = "held_out/fold=0/customer_static"
        assert (strange["age"] == 1e6).any()
        assert other.fitted.arrays[name][rows].tobytes() == held_out.fitted.arrays[name][rows].tobytes()

    def test_where_too_little_would_be_left_the_protocol_is_left_out(self, tables):
        enough = build(tables, HELD_OUT)
        starved = build(tables, HELD_OUT.model_copy(update={"minimum": {"train": 400, "validation": 30, "test": 30}}))
        assert set(enough.stores) == {"time", "held_out"}
        assert set(starved.stores) == {"time"}
        assert [split["protocol"] for split in starved.splits] == ["time"]


def build(tables: Shop, parameters: SplitParameters):
    prepared = prepare(tables)
    ids = {side: prepared.views.ids[f"time/{side}"] for side in ("customer", "item")}
    return build_views(prepared.views.stores["time"], ids, parameters)


class TestViews:
    def test_several_folds_are_views_of_one_log_and_only_the_last_is_held_out(self, tables):
        prepared = prepare(tables, HELD_OUT.model_copy(update={"folds": 2}))
        assert [view_key(split) for split in prepared.views.splits] == [
            "time/fold=0",
            "time/fold=1",
            "held_out/fold=1",
        ]
        first, last = prepared.views.splits[:2]
        assert first["test_end"] == last["test_start"]
        store = prepared.views.stores["time"]
        for split in prepared.views.splits[:2]:
            train, validation, test = fold_of(split).parts(store.timestamp, store.labels >= 0)
            assert [len(train), len(validation), len(test)] == [split[part] for part in ("train", "validation", "test")]
            assert store.timestamp[validation[-1]] < split["test_start"] <= store.timestamp[test[0]]
        assert set(prepared.cold["fold"]) <= {0, 1}

    def test_too_short_a_log_is_refused_with_the_numbers(self):
        with pytest.raises(UserError, match="at least 375 are needed"):
            prepare(shop(n=120))

    def test_the_overview_counts_every_event_once(self, tables, prepared):
        found = overview(prepared.views.stores["time"], SPEC)
        assert sum(found["class_counts"].values()) == found["events"] == len(tables.log)
        assert found["class_counts"]["review"] == int((tables.log["behaviour"] == "review").sum())
        assert (found["start"], found["end"]) == (tables.log["timestamp"].min(), tables.log["timestamp"].max())

    def test_without_texts_the_inputs_have_none(self, tables):
        silent = prepare(tables.change(tables.log.index, text=None)).inputs()
        assert silent.text_features.shape == (len(tables.log), 0)
        assert np.isfinite(silent.features(silent.test)).all()

    def test_reading_and_assembling_give_the_same_inputs_twice(self, tables, prepared):
        again = prepare(tables).inputs()
        once = prepared.inputs()
        events = np.arange(len(once.store))
        assert again.features(events).tobytes() == once.features(events).tobytes()
        assert {name: ids.tolist() for name, ids in again.cold.items()} == {
            name: ids.tolist() for name, ids in once.cold.items()
        }
        assert sample_cold_start(prepared.views.stores, prepared.views.splits).equals(prepared.cold)

    def test_sensitive_columns_form_groups_and_are_no_inputs(self, tables, prepared):
        flipped = replace(
            tables, customers=tables.customers.assign(gender=tables.customers["gender"].map({"f": "m", "m": "f"}))
        )
        other, inputs = prepare(flipped).inputs(), prepared.inputs()
        events = np.arange(len(inputs.store))
        assert other.features(events).tobytes() == inputs.features(events).tobytes()
        assert other.customer_codes.tobytes() == inputs.customer_codes.tobytes()
        assert set(inputs.groups) == {"gender", "tenure", "frequency"}
        assert (inputs.groups["gender"] != other.groups["gender"]).all()


def test_the_default_shop_has_what_these_tests_need(prepared):
    """Entities that are new after the cut, of both kinds."""
    assert {"cold_customer@0", "cold_item@0"} <= set(prepared.inputs().cold)


class TestLongLogs:
    """Above a size only the events that are asked for get features; the rest is history."""

    def test_training_ends_with_the_latest_events_and_evaluation_is_whole(self, prepared, limited):
        whole, part = prepared.inputs(), limited.inputs()
        assert part.train.tolist() == whole.train[-50:].tolist()
        assert part.validation.tolist() == whole.validation.tolist()
        assert part.test.tolist() == whole.test.tolist()

    def test_an_event_has_the_features_it_has_in_a_short_log(self, prepared, limited):
        whole, part = prepared.inputs(), limited.inputs()
        assert len(part.event_features) < len(whole.event_features)
        for ids in (part.train, part.validation, part.test[::-1], *part.cold.values()):
            assert part.features(ids).tobytes() == whole.features(ids).tobytes()

    def test_an_event_without_features_is_refused(self, limited):
        part = limited.inputs()
        missing = np.setdiff1d(np.arange(len(part.store)), part.featured)
        with pytest.raises(ValueError, match="have no features"):
            part.features(np.append(part.test, missing[-1]))

    def test_every_fold_keeps_its_own(self, prepared):
        store, folds = prepared.views.stores["time"], [fold_of(split) for split in prepared.views.splits]
        earlier = replace(folds[-1], validation_start=folds[-1].validation_start - 5 * 86_400)
        ids = featured_events(store, [earlier, folds[-1]], LIMITS)
        for fold in (earlier, folds[-1]):
            train, validation, test = fold.parts(store.timestamp, store.labels >= 0)
            assert set(np.concatenate([train[-50:], validation, test])) <= set(ids)
        assert featured_events(store, folds, FeatureParameters()) is None
