"""Features are what was known strictly before: equal to brute force, blind to ties and the future."""

import numpy as np
import pytest
from event_logs import CLASSES, Log, logs, quick
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.events.features import FeatureBuilder, ladder, stream_features
from crm_pipelines.events.states import NEVER, decayed_sums

MINUTE, HOUR, DAY = 60, 3_600, 86_400


def table(builder):
    """Feature name -> column of every event."""
    return dict(zip(builder.names, builder.events(np.arange(len(builder.store))).T, strict=True))


class Past:
    """The events of one log strictly before event ``e``, by plain Python."""

    def __init__(self, store, e):
        self.store, self.e, self.t = store, e, int(store.timestamp[e])
        self.ids = [i for i in range(len(store)) if store.timestamp[i] < self.t]

    def of(self, *columns, behaviour=None, within=None):
        s, known = self.store, all(getattr(self.store, c)[self.e] >= 0 for c in columns)
        return [
            i
            for i in self.ids
            if known
            and all(getattr(s, c)[i] == getattr(s, c)[self.e] for c in columns)
            and (behaviour is None or s.behaviours[s.behaviour[i]] == behaviour)
            and (within is None or self.t - s.timestamp[i] <= within)
        ]

    def since(self, ids):
        return np.log1p(self.t - max(self.store.timestamp[i] for i in ids)) if ids else NEVER

    def decayed(self, ids, tau):
        return np.log1p(sum(np.exp((self.store.timestamp[i] - self.t) / tau) for i in ids))

    def rate(self, label):
        counts = [len([i for i in self.ids if self.store.behaviour[i] == c]) for c in range(len(CLASSES))]
        return (counts[CLASSES.index(label)] + 1) / (sum(counts) + len(CLASSES))

    def values(self, ids):
        return [float(self.store.value[i]) for i in ids if np.isfinite(self.store.value[i])]


def expected(store, e):
    """A handful of features of each kind, by brute force."""
    past, result = Past(store, e), {}
    groupings = {
        "customer": ("customer",),
        "item": ("item",),
        "category": ("category",),
        "pair": ("customer", "item"),
        "customer_category": ("customer", "category"),
    }
    if not store.n_categories:
        del groupings["category"], groupings["customer_category"]
    for name, columns in groupings.items():
        own = past.of(*columns)
        classes = [i for i in own if store.behaviour[i] < len(CLASSES)]
        result[f"{name}_count"] = np.log1p(len(own))
        result[f"{name}_count_search"] = np.log1p(len(past.of(*columns, behaviour="search")))
        buys = past.of(*columns, behaviour="buy")
        result[f"{name}_share_buy"] = (len(buys) + 3 * past.rate("buy")) / (len(classes) + 3)
        result[f"{name}_since"] = past.since(own)
        result[f"{name}_since_buy"] = past.since(buys)
        result[f"{name}_age"] = np.log1p(past.t - min(store.timestamp[i] for i in own)) if own else NEVER
        result[f"{name}_decayed_view_1d"] = past.decayed(past.of(*columns, behaviour="view"), DAY)
    result["customer_decayed_buy_10m"] = past.decayed(past.of("customer", behaviour="buy"), 600)
    result["customer_within_1m"] = np.log1p(len(past.of("customer", within=MINUTE)))
    result["pair_within_1d"] = np.log1p(len(past.of("customer", "item", within=DAY)))
    own = past.of("customer")
    for i in (1, 2, 10):
        event = own[-i] if len(own) >= i else None
        some = event is not None
        if i > 1:  # the latest is customer_since
            result[f"customer_last_since_{i}"] = past.since([event] if some else [])
        result[f"customer_last_behaviour_{i}"] = store.behaviour[event] + 1 if some else 0
        if i <= 5:
            result[f"customer_last_same_item_{i}"] = some and store.item[event] == store.item[e]
    result["customer_last_is_cart_1"] = bool(own) and store.behaviours[store.behaviour[own[-1]]] == "cart"
    fellow = past.of("item")
    result["item_last_same_customer_1"] = bool(fellow) and store.customer[fellow[-1]] == store.customer[e]
    result["customer_distinct_item"] = np.log1p(len({int(store.item[i]) for i in own}))
    session, t = [], past.t
    for i in reversed(own):
        if t - store.timestamp[i] > 1_800:
            break
        session.append(i)
        t = store.timestamp[i]
    result["session_events"] = np.log1p(len(session))
    result["session_seconds"] = np.log1p(past.t - t)
    result["session_pair_events"] = np.log1p(len([i for i in session if store.item[i] == store.item[e]]))
    result["log_share_buy"] = past.rate("buy")
    before = [Past(store, i) for i in own]  # each past event had a situation of its own
    here = past.of("customer")[-1:]
    kind = [store.behaviour[i] for i in here]
    alike = [p.e for p in before if [store.behaviour[i] for i in p.of("customer")[-1:]] == kind]
    classes = [i for i in alike if store.behaviour[i] < len(CLASSES)]
    bought = len([i for i in alike if store.behaviours[store.behaviour[i]] == "buy"])
    result["habit_before_share_buy"] = (bought + 3 * result["customer_share_buy"]) / (len(classes) + 3)
    if np.isfinite(store.value).any():
        mean = lambda values, other: sum(values) / len(values) if values else other  # noqa: E731
        overall, values = mean(past.values(past.ids), 0.0), past.values(fellow)
        result["item_value_mean"] = mean(values, overall)
        result["item_value_shrunk"] = (sum(values) + 3 * overall) / (len(values) + 3)
    return result


@quick
@given(st.one_of(logs(max_size=25), logs(max_size=25, categories=False, values=False)))
def test_features_equal_brute_force(log):
    store = log.store()
    found = table(FeatureBuilder(store))
    for e in range(len(store)):
        for name, value in expected(store, e).items():
            assert found[name][e] == pytest.approx(float(value), rel=1e-5, abs=1e-6), f"{name} of event {e}"


@quick
@given(logs())
def test_queries_of_past_times_give_the_bytes_of_the_log(log):
    store = log.store()
    builder, ids = FeatureBuilder(store, 8.0), np.arange(len(store))
    asked = builder.queries(store.customer, store.item, store.category, store.timestamp)
    assert asked.tobytes() == builder.events(ids).tobytes()


@quick
@given(logs(), logs(start=10_000_000))
def test_later_events_change_no_byte_of_earlier_features(past, future):
    """Only which columns exist depends on the whole log (categories and values at all), so shared ones are compared."""
    before, after = table(FeatureBuilder(past.store())), table(FeatureBuilder((past + future).store()))
    n = len(past.customer)
    for name in set(before) & set(after):
        assert before[name].tobytes() == after[name][:n].tobytes(), name


@quick
@given(logs(min_size=5), st.data())
def test_an_events_own_behaviour_value_and_peers_at_its_second_are_never_read(log, data):
    store = log.store()
    e = data.draw(st.integers(0, len(store) - 1))
    builder = FeatureBuilder(store)
    rows = [int(r) - 1 for r in store.row[store.timestamp == store.timestamp[e]]]
    changed = log.behaviour.copy(), log.value.copy()
    for row in rows:
        changed[0][row], changed[1][row] = "buy", 9.0
    other = FeatureBuilder(type(log)(log.customer, log.item, log.timestamp, *changed, log.category).store())
    a, b = table(builder), table(other)
    assert all(a[name][e].tobytes() == b[name][e].tobytes() for name in set(a) & set(b))


@quick
@given(logs())
def test_nothing_is_ever_missing_or_infinite(log):
    builder = FeatureBuilder(log.store())
    far = builder.queries(np.array([-1, 0, 99]), np.array([0, -1, 99]), np.array([-1, 7, 0]), np.array([0, 10**11, 5]))
    assert np.isfinite(far).all()
    assert np.isfinite(builder.events(np.arange(len(builder.store)))).all()
    assert len(set(builder.names)) == len(builder.names) == far.shape[1]


def test_a_log_without_categories_or_values_has_no_such_features():
    rng = np.random.default_rng(0)
    n = 30
    columns = [rng.choice(list(options), n).tolist() for options in ("ab", "xy")]
    bare = Log(*columns, list(range(n)), ["view"] * n, [None] * n, [None] * n)
    names = FeatureBuilder(bare.store()).names
    assert not [name for name in names if "category" in name or "value" in name]
    rich = Log(*columns, list(range(n)), ["view"] * n, [1.0] * n, ["k"] * n)
    assert {"item_value_mean", "category_count", "customer_category_since"} <= set(FeatureBuilder(rich.store()).names)


@quick
@given(logs(max_size=8))
def test_an_empty_batch_and_an_empty_log_have_the_right_width(log):
    store = log.store()
    builder = FeatureBuilder(store)
    none = np.array([], dtype=np.int64)
    assert builder.events(none).shape == builder.queries(none, none, none, none).shape == (0, len(builder.names))
    empty = FeatureBuilder(store.subset(np.zeros(len(store), dtype=bool))[0])
    assert np.isfinite(empty.queries(np.array([0]), np.array([0]), np.array([0]), np.array([5]))).all()


@quick
@given(logs())
def test_features_streamed_by_block_equal_those_computed_at_once(tmp_path_factory, log):
    builder = FeatureBuilder(log.store())
    for ids in (np.arange(len(builder.store)), np.arange(0, len(builder.store), 3), np.array([], dtype=np.int64)):
        names, streamed = stream_features(builder.store, ids, tmp_path_factory.mktemp("blocks"), chunk=7)
        assert names == builder.names
        assert np.asarray(streamed).tobytes() == builder.events(ids).tobytes()


def test_local_time_decides_the_hour_and_the_weekday():
    log = Log(["a"], ["x"], [1_511_625_600], ["view"], [None], [None])  # Saturday 2017-11-25 16:00 UTC
    utc, china = (table(FeatureBuilder(log.store(), offset)) for offset in (0.0, 8.0))
    assert (utc["hour"][0], utc["weekday"][0]) == (16, 5)
    assert (china["hour"][0], china["weekday"][0]) == (0, 6)


@pytest.mark.parametrize(
    ("unit", "steps"), [(DAY, (600, HOUR, DAY, 10 * DAY)), (30 * DAY, (HOUR, DAY, 30 * DAY, 300 * DAY))]
)
def test_slow_sources_get_longer_windows(unit, steps):
    assert ladder(600, unit) == steps


@quick
@given(
    st.lists(st.tuples(st.integers(0, 2), st.integers(0, 500)), min_size=1, max_size=40), st.sampled_from([5.0, np.inf])
)
def test_the_doubling_scan_equals_a_running_sum(events, tau):
    ordered = sorted(events)
    group, time = np.asarray(ordered, dtype=np.int64).T
    position = np.array([list(group[:i]).count(g) for i, g in enumerate(group)])
    amounts = np.linspace(1, 2, len(group))[:, None]
    found = decayed_sums(amounts, time, position, tau)[:, 0]
    for i in range(len(group)):
        own = np.flatnonzero((group == group[i]) & (np.arange(len(group)) <= i))
        assert found[i] == pytest.approx((amounts[own, 0] * np.exp((time[own] - time[i]) / tau)).sum())
