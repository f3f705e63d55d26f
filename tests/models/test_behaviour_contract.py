"""What every behaviour model must do; models are discovered in the registry."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from shops import CLASSES, prepare, shop_columns

from crm_pipelines.errors import UserError
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.registry import BEHAVIOUR_MODELS, behaviour_model, reads_past_features

SMALL = {
    "tfpnet": {"width": 16, "neighbours": 6, "factors": 4},
    "tfpnet_plus": {
        "width": 16,
        "neighbours": 6,
        "factors": 4,
        "members": 2,
        "tree_members": 1,
        "trees": {"rounds": 40, "leaves": 7},
    },
    "dgn_jbp": {"snapshots": 6, "width": 8},
    "qrcnn_lstm": {"neighbours": 6, "channels": 8, "regions": 3, "width": 16},
    "gru": {"neighbours": 6, "width": 16},
    "lightgbm": {"rounds": 40, "leaves": 7, "threads": 1},
}
NEURAL = {
    "hidden": [32],
    "dropout": 0.1,
    "training": {"epochs": 6, "batch_size": 128, "learning_rate": 5e-3},
}
"""Hyper-parameters that keep these tests quick: of single models, and of all networks."""

BLIND = {"majority"}
"""Models that look at nothing and cannot learn a planted rule."""

models = pytest.mark.parametrize("name", BEHAVIOUR_MODELS)


@cache
def shop(planted: bool = True) -> EventInputs:
    return prepare(shop_columns(planted=planted))


def build(name: str, seed: int = 1):
    model = behaviour_model(name)
    quick = NEURAL if "training" in model.Config.model_fields else {}
    return model(model.Config(**quick, **SMALL.get(name, {})), seed)


@cache
def fitted(name: str, planted: bool = True):
    model = build(name)
    model.fit(shop(planted))
    return model


def accuracy(name: str, planted: bool) -> float:
    inputs = shop(planted)
    return float(
        (fitted(name, planted).predict_proba(inputs, inputs.test).argmax(1) == inputs.labels[inputs.test]).mean()
    )


@models
@pytest.mark.parametrize("size", [0, 1, 7])
def test_probabilities_of_any_batch_are_finite_and_sum_to_one(name, size):
    inputs = shop()
    probabilities = fitted(name).predict_proba(inputs, inputs.test[:size])
    assert probabilities.shape == (size, len(CLASSES))
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@models
def test_one_event_is_predicted_as_in_a_batch(name):
    inputs = shop()
    together = fitted(name).predict_proba(inputs, inputs.test[:40])
    alone = np.vstack([fitted(name).predict_proba(inputs, inputs.test[i : i + 1]) for i in range(40)])
    np.testing.assert_allclose(alone, together, atol=1e-5)


@models
def test_shards_of_customers_are_predicted_as_the_whole(name):
    """Scoring may be split by customer over processes or machines; last digits of sums of 32-bit numbers may differ."""
    inputs = shop()
    whole = fitted(name).predict_proba(inputs, inputs.test)
    shard = inputs.store.customer[inputs.test] % 3
    for number in range(3):
        found = fitted(name).predict_proba(inputs, inputs.test[shard == number])
        np.testing.assert_allclose(found, whole[shard == number], atol=1e-5)


@models
def test_a_prediction_needs_no_features_of_past_events_unless_the_registry_says_so(name):
    """Scoring computes features of today's queries alone for models that read no others."""
    inputs = shop()
    lean = replace(inputs, featured=inputs.test, event_features=inputs.event_features[inputs.test])
    found = fitted(name).predict_proba(lean, inputs.test)
    same = np.allclose(found, fitted(name).predict_proba(inputs, inputs.test), atol=1e-6)
    assert same != reads_past_features(name)


@models
def test_the_same_seed_gives_the_same_bytes(name):
    inputs = shop()
    again = build(name)
    again.fit(inputs)
    first = fitted(name).predict_proba(inputs, inputs.test)
    assert again.predict_proba(inputs, inputs.test).tobytes() == first.tobytes()


@models
def test_a_saved_model_predicts_the_same(name, tmp_path):
    inputs = shop()
    fitted(name).save(tmp_path / "model")
    loaded = behaviour_model(name).load(tmp_path / "model")
    expected = fitted(name).predict_proba(inputs, inputs.test)
    np.testing.assert_allclose(loaded.predict_proba(inputs, inputs.test), expected, atol=1e-7)
    assert loaded.n_parameters == fitted(name).n_parameters > 0


@models
def test_nothing_is_saved_by_pickle(name, tmp_path):
    fitted(name).save(tmp_path / "model")
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".txt"}


@models
def test_a_folder_without_a_model_is_named(name, tmp_path):
    with pytest.raises(UserError, match="train it again"):
        behaviour_model(name).load(tmp_path / "nothing")


@models
def test_a_planted_rule_is_learned(name):
    if name in BLIND:
        assert accuracy(name, planted=True) < 0.5
    else:
        assert accuracy(name, planted=True) > 0.75


@models
def test_random_labels_stay_at_chance(name):
    assert abs(accuracy(name, planted=False) - 1 / len(CLASSES)) < 0.09


@models
def test_later_events_change_no_earlier_prediction(name):
    """The same log with another fifth of events appended: predictions of the first part must not move."""
    columns = shop_columns()
    n = len(columns["customer"])
    tail = {key: values[: n // 5] for key, values in shop_columns(seed=9, planted=False).items()}
    tail["timestamp"] = columns["timestamp"][-1] + 1 + tail["timestamp"]
    longer = prepare({key: np.concatenate([columns[key], tail[key]]) for key in columns}, cut_after=n)
    events = shop().test
    before = fitted(name).predict_proba(shop(), events)
    after = fitted(name).predict_proba(longer, events)
    np.testing.assert_allclose(after, before, atol=1e-5)


@models
def test_labels_after_the_training_part_do_not_reach_the_fit(name):
    """Changing every label after the cut leaves the fitted model as it is."""
    inputs = shop()
    columns = shop_columns()
    late = inputs.test[0]
    columns["behaviour"] = columns["behaviour"].copy()
    columns["behaviour"][late:] = "view"
    other = prepare(columns)
    model = build(name)
    model.fit(other)
    early = inputs.validation
    expected = fitted(name).predict_proba(inputs, early)
    assert model.predict_proba(other, early).tobytes() == expected.tobytes()


def test_an_unknown_model_is_answered_with_the_known_ones():
    with pytest.raises(UserError, match="tfpnet"):
        behaviour_model("tfpnett")
