"""What a model looked at: shares add up, nothing from the future, and a planted preference is found at its place."""

import numpy as np
import pytest
from shops import CLASSES, DAY, prepare, shop_columns

from crm_pipelines.benchmark.attention import attended, by_age, sample
from crm_pipelines.benchmark.embedding import to_plane
from crm_pipelines.benchmark.explanations import (
    ANY_BEHAVIOUR,
    attention_by_day,
    attention_by_feature,
    category_names,
    embedding_map,
    explain_model,
    explanations,
)
from crm_pipelines.benchmark.kept import kept_run
from crm_pipelines.errors import UserError
from crm_pipelines.models.behaviour.tfpnet import TFPNet, TFPNetConfig
from crm_pipelines.runs import StoredRun
from crm_pipelines.training.parameters import TrainingParameters

QUICK = {"width": 8, "neighbours": 6, "hidden": (16,), "training": TrainingParameters(epochs=2, batch_size=256)}
PLANTED_DAY = 25


@pytest.fixture(scope="module")
def inputs():
    return prepare(shop_columns(n=1_200))


@pytest.fixture(scope="module")
def model(inputs):
    fitted = TFPNet(TFPNetConfig(**QUICK), 1)
    fitted.fit(inputs)
    return fitted


@pytest.fixture(scope="module")
def pairs(model, inputs):
    return attended(model, inputs, inputs.test)


class Stub:
    """Attention by a given rule of the past events' times and ages; everything else uniform."""

    def __init__(self, rule, k=6):
        self.rule, self.k = rule, k

    def attention(self, inputs, events, side):
        index = inputs.store.customers if side == "customer" else inputs.store.items
        ids, mask = index.history(events, self.k)
        time = inputs.store.timestamp
        return self.rule(time[ids], time[events][:, None] - time[ids]) * mask, ids

    def predict_proba(self, inputs, events):
        return np.tile([0.2, 0.5, 0.3], (len(events), 1))


def fading(time, age):
    """Events fade by half in a day and a half, whatever they are."""
    return np.exp2(-age / (1.5 * DAY))


class TestPairs:
    def test_each_share_sums_to_one_over_a_query_and_side(self, pairs):
        sums = pairs.groupby(["side", "query"])[["attention", "uniform", "by_age"]].sum()
        np.testing.assert_allclose(sums, 1.0)

    def test_they_are_the_histories_of_the_store_and_lie_before_their_query(self, pairs, inputs):
        store = inputs.store
        assert (store.timestamp[pairs["past_event"]] < store.timestamp[pairs["query"]]).all()
        for side, column in (("customer", store.customer), ("item", store.item)):
            mine = pairs[pairs["side"] == side]
            assert (column[mine["past_event"]] == column[mine["query"]]).all()
        one = pairs[(pairs["side"] == "customer") & (pairs["query"] == inputs.test[-1])]
        ids, mask = store.customers.history(inputs.test[-1:], 6)
        assert one["past_event"].tolist() == ids[mask].tolist()

    def test_attention_that_knows_age_only_is_explained_by_age(self, inputs):
        pairs = attended(Stub(fading), inputs, inputs.test)
        assert np.abs(pairs["attention"] - pairs["by_age"]).mean() < 0.02
        assert np.abs(pairs["attention"] - pairs["uniform"]).mean() > 0.08

    def test_a_crowded_history_does_not_mislead_the_age_rule(self):
        """Recent events are preferred 3 : 1; that one query has five of them must not make them look less wanted."""
        query = np.repeat([0, 1], [6, 2])
        age = np.array([1.0] * 5 + [9.0] + [1.0, 9.0])
        attention = np.array([3.0] * 5 + [1.0] + [3.0, 1.0])
        attention /= np.bincount(query, attention)[query]
        np.testing.assert_allclose(by_age(query, age, attention), attention, atol=1e-6)

    def test_without_attention_there_are_no_pairs_and_empty_tables(self, inputs):
        model = TFPNet(TFPNetConfig(**{**QUICK, "tgat": False}), 1)
        model.fit(inputs)
        tables = explain_model(model, inputs)
        assert tables.by_day.empty
        assert tables.by_feature.empty
        assert tables.events.empty
        assert len(tables.map)
        assert {"day", "weight", "low"} <= set(tables.by_day)


class TestByDay:
    def test_weights_average_to_one_and_shares_sum_to_one(self, pairs, inputs):
        table = attention_by_day(pairs, inputs)
        for rows in (table["behaviour"] == ANY_BEHAVIOUR, table["behaviour"] != ANY_BEHAVIOUR):
            for _, side in table[rows].groupby("side"):
                assert side["share"].sum() == pytest.approx(1)
                for yardstick in ("weight", "same_age"):  # weighted by what the yardstick expects
                    assert np.average(side[yardstick], weights=side["share"] / side[yardstick]) == pytest.approx(1)
        assert table.loc[table["behaviour"] == ANY_BEHAVIOUR, "n"].sum() == len(pairs)

    def test_a_day_the_model_prefers_has_the_highest_weight_also_at_the_same_age(self, inputs):
        day = lambda time: time // DAY == PLANTED_DAY  # noqa: E731
        model = Stub(lambda time, age: np.where(day(time), 4.0, 1.0) * fading(time, age))
        table = attention_by_day(attended(model, inputs, inputs.test), inputs)
        rows = table[(table["side"] == "customer") & (table["behaviour"] == ANY_BEHAVIOUR) & (table["n"] >= 30)]
        best = rows.loc[rows["same_age"].idxmax()]
        assert best["day"] == str(np.datetime64(0, "D") + PLANTED_DAY)
        assert best["low"] > 1
        planted_only = attention_by_day(attended(Stub(lambda t, a: day(t) * 1.0), inputs, inputs.test), inputs)
        top = planted_only.loc[planted_only["weight"].idxmax()]
        assert top["day"] == best["day"]

    def test_without_a_preference_the_same_age_numbers_are_near_one_where_the_weights_are_not(self, inputs):
        table = attention_by_day(attended(Stub(fading), inputs, inputs.test), inputs)
        rows = table[(table["behaviour"] == ANY_BEHAVIOUR) & (table["n"] >= 30)]
        assert rows["same_age"].between(0.8, 1.25).all()
        assert not rows["weight"].between(0.8, 1.25).all()

    def test_days_are_local_and_carry_their_weekday(self, pairs, inputs):
        table = attention_by_day(pairs, inputs, utc_offset_hours=10)
        local = (inputs.store.timestamp[pairs["past_event"]] + 10 * 3600) // DAY
        assert set(table["day"]) == {str(np.datetime64(0, "D") + int(day)) for day in np.unique(local)}
        assert table.loc[table["day"] == "1970-01-05", "weekday"].unique().tolist() in (["Monday"], [])
        assert table.loc[table["day"] == "1970-01-29", "weekday"].unique().tolist() == ["Thursday"]

    @pytest.mark.parametrize(
        ("stretch", "period", "ends"), [(1, "day", ""), (20, "month", "-01"), (400, "year", "-01-01")]
    )
    def test_a_long_log_is_told_by_month_or_year(self, stretch, period, ends):
        columns = shop_columns(n=1_200)
        inputs = prepare({**columns, "timestamp": columns["timestamp"] * stretch})
        table = attention_by_day(attended(Stub(lambda time, age: np.ones(age.shape), 40), inputs, inputs.test), inputs)
        assert set(table["period"]) == {period}
        assert table["day"].str.endswith(ends).all()
        assert table["day"].nunique() <= 62
        assert (table["weekday"] == "").all() == (period != "day")


class TestByFeature:
    def test_yes_and_no_are_counted_by_brute_force(self, pairs, inputs):
        table = attention_by_feature(pairs, inputs).set_index(["feature", "level"])
        store = inputs.store
        mine = pairs[pairs["side"] == "customer"]
        same = [
            store.item[past] == store.item[query] for past, query in zip(mine["past_event"], mine["query"], strict=True)
        ]
        assert table.loc[("same item", "yes"), "n"] == sum(same)
        cut = store.timestamp[inputs.test[0]]
        known = set(store.item[store.timestamp < cut])
        assert table.loc[("new item", "no"), "n"] == sum(store.item[past] in known for past in mine["past_event"])
        for feature in ("same item", "new item", "same customer", "same category"):
            assert table.loc[feature, "share"].sum() == pytest.approx(1)

    def test_the_most_frequent_categories_are_named(self, pairs, inputs):
        names = category_names(inputs, np.array([str(i) for i in range(inputs.store.n_items)]), {"0": "Tents"})
        assert names == {0: "Tents"}  # every item is its own category, in the order of appearance
        table = attention_by_feature(pairs, inputs, dict.fromkeys(range(60), "Tents"))
        rows = table[table["feature"] == "category"]
        assert rows["level"].tolist() == ["Tents"]
        per_category = attention_by_feature(pairs, inputs)
        assert (per_category["feature"] == "category").sum() == 15


class TestMap:
    def test_it_holds_every_prototype_and_each_customer_once(self, model, inputs):
        table = embedding_map(model, inputs, {0: "loyal"})
        prototypes = table[table["kind"] == "prototype"]
        assert sorted(zip(prototypes["behaviour"], prototypes["segment"], strict=True)) == sorted(
            (label, segment) for label in CLASSES for segment in ("loyal", "segment 1")
        )
        people = table[table["kind"] == "customer"]
        assert people["customer"].is_unique
        assert len(people) == inputs.store.n_customers
        assert np.isfinite(table[["x", "y"]]).all(axis=None)
        latest = dict(zip(inputs.store.customer, inputs.labels, strict=True))
        assert people["behaviour"].tolist() == [CLASSES[latest[customer]] for customer in people["customer"]]

    def test_cold_customers_are_those_without_an_event_before_the_cut(self, model):
        columns = shop_columns(n=1_200)
        late = columns["timestamp"] > 27 * DAY
        columns["customer"] = np.where(late & (np.arange(1_200) % 3 == 0), "new", columns["customer"])
        inputs = prepare(columns)
        table = embedding_map(model, inputs)
        cut = inputs.store.timestamp[inputs.test[0]]
        seen = set(inputs.store.customer[inputs.store.timestamp < cut].tolist())
        people = table[table["kind"] == "customer"]
        assert people["cold"].tolist() == [int(customer) not in seen for customer in people["customer"]]
        assert people["cold"].sum() == 1

    def test_the_same_seed_gives_the_same_map_of_a_bounded_sample(self, model, inputs):
        first, second = (embedding_map(model, inputs, most=12, seed=3) for _ in range(2))
        assert first.equals(second)
        assert (first["kind"] == "customer").sum() == 12

    def test_few_or_identical_points_are_no_error(self):
        assert to_plane(np.zeros((40, 3)), 0).tolist() == np.zeros((40, 2)).tolist()
        assert to_plane(np.eye(3), 0).shape == (3, 2)
        assert np.isfinite(to_plane(np.eye(5), 0)).all()


class TestSinglePredictions:
    def test_five_past_events_at_most_in_the_order_of_their_weight(self, model, inputs):
        table = explanations(model, inputs, most=30)
        assert table["event_id"].nunique() == 30
        for _, rows in table.groupby("event_id"):
            assert rows["rank"].tolist() == list(range(1, len(rows) + 1))
            assert len(rows) <= 5
            assert rows["weight"].is_monotonic_decreasing
            assert (rows["days_ago"] > 0).all()
        assert (inputs.store.timestamp[table["past_event"]] < inputs.store.timestamp[table["event_id"]]).all()
        assert set(table["event_id"]) <= set(inputs.test)

    def test_classes_are_explained_equally_often_and_the_probability_is_the_models(self, model, inputs):
        table = explanations(model, inputs, most=30).drop_duplicates("event_id")
        assert table["y_true"].value_counts().to_dict() == dict.fromkeys(CLASSES, 10)
        probabilities = model.predict_proba(inputs, table["event_id"].to_numpy(copy=True))
        np.testing.assert_allclose(table["probability"], probabilities.max(axis=1))
        assert table["predicted"].tolist() == [CLASSES[code] for code in probabilities.argmax(axis=1)]


def test_a_sample_is_bounded_ordered_and_seeded():
    events = np.arange(100, 200)
    drawn = sample(events, 10, 1)
    assert len(drawn) == 10
    assert (np.diff(drawn) > 0).all()
    assert drawn.tolist() == sample(events, 10, 1).tolist()
    assert sample(events, 100, 1).tolist() == events.tolist()


class TestKeptRun:
    def run(self, path, variant="main", protocol="time", fold=0, seed=42, stored=True):
        folder = path / f"{variant}-{protocol}-{fold}-{seed}"
        (folder / "model" if stored else folder).mkdir(parents=True)
        return StoredRun(folder.name, folder, {"variant": variant, "protocol": protocol, "fold": fold, "seed": seed})

    def test_it_is_of_the_last_fold_and_the_first_seed(self, tmp_path):
        runs = [self.run(tmp_path, fold=fold, seed=seed) for fold in (0, 1) for seed in (42, 7)]
        others = [self.run(tmp_path, variant="no_tgat", fold=2), self.run(tmp_path, protocol="held_out", fold=2)]
        run, folder = kept_run([*others, *runs])
        assert (run.manifest["fold"], run.manifest["seed"]) == (1, 42)
        assert folder == run.path / "model"

    def test_without_a_stored_model_it_says_what_to_do(self, tmp_path):
        for runs in ([], [self.run(tmp_path, stored=False)]):
            with pytest.raises(UserError, match="run it again"):
                kept_run(runs)


def test_queries_whose_history_is_too_old_for_any_weight_are_left_out(inputs):
    nothing = attended(Stub(lambda time, age: np.zeros(age.shape)), inputs, inputs.test)
    assert nothing.empty
    assert attention_by_day(nothing, inputs).empty
