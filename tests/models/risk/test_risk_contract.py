"""What every risk model must do; models are discovered in the registry."""

from functools import cache
from pathlib import Path

import numpy as np
import pytest
from risk_tables import changed, table
from sklearn.metrics import roc_auc_score

import crm_pipelines
from crm_pipelines.errors import UserError
from crm_pipelines.models.registry import CHURN_MODELS, PURCHASE_MODELS, RISK_MODELS, risk_code_of, risk_model
from crm_pipelines.records.inputs import RecordInputs

RFM = {"recency": "recency_days", "frequency": "days_active", "monetary": "spent"}
SMALL = {
    "random_forest": {"trees": 20},
    "lightgbm": {"rounds": 40, "leaves": 7},
    "xgboost": {"rounds": 40, "depth": 3},
    "logistic_regression": {"penalties": [0.1]},
    "lstm": {"width": 16},
    "cnn": {"maps": 16},
    "qrcnn_lstm": {"channels": 4, "width": 8, "regions": 3},
    "qrcnn_lstm_plus": {
        "channels": 4,
        "width": 8,
        "regions": 3,
        "parts": 2,
        "trees": {"rounds": 30, "leaves": 7},
        "extreme": {"rounds": 30, "depth": 0, "leaves": 7},
        "shallow": {"rounds": 30, "depth": 3},
    },
    "churn_transformer_plus": {
        "parts": 2,
        "trees": {"rounds": 30, "leaves": 7},
        "extreme": {"rounds": 30, "depth": 3},
    },
    "rfm_rules": {"columns": RFM},
    "rfm_logistic": {"columns": RFM},
    "svm": {"costs": [1.0]},
    "hybrid": {"maps": 4, "output_dim": 8},
    "hybrid_plus": {
        "maps": 4,
        "output_dim": 8,
        "parts": 2,
        "trees": {"rounds": 30, "leaves": 7},
        "extreme": {"rounds": 30, "depth": 3},
    },
}
TRAINING = {"epochs": 6, "batch_size": 128, "learning_rate": 5e-3}
NEURAL = {"hidden": [16], "dropout": 0.1, "training": TRAINING}
"""Hyper-parameters that keep these tests quick: of single models, and of all networks."""

BLIND = {"majority"}
"""Models that look at nothing and cannot learn a planted rule."""
LEAST = {"rfm_rules": 0.65}
"""AUC on the planted rule of models that add scores up whether they say anything or not; 0.8 for all others."""
WITHOUT_HISTORY = {"majority", "decision_tree", "random_forest", "bgnbd", "rfm_rules", "svm"}
"""Models that are not fitted step by step."""

MODELS = tuple(dict.fromkeys((*RISK_MODELS, *CHURN_MODELS, *PURCHASE_MODELS)))

models = pytest.mark.parametrize("name", MODELS)


@cache
def records(planted: bool = True, sequence: bool = True) -> RecordInputs:
    return table(planted=planted, sequence=sequence)


def build(name: str, seed: int = 1):
    model = risk_model(name)
    quick = {key: value for key, value in NEURAL.items() if key in model.Config.model_fields}
    return model(model.Config(**quick, **SMALL.get(name, {})), seed)


@cache
def fitted(name: str, planted: bool = True, sequence: bool = True):
    model = build(name)
    return model, model.fit(records(planted, sequence))


def auc(name: str, planted: bool, sequence: bool = True) -> float:
    inputs = records(planted, sequence)
    probabilities = fitted(name, planted, sequence)[0].predict_proba(inputs, inputs.test)
    return float(roc_auc_score(inputs.labels[inputs.test], probabilities[:, 1]))


@models
@pytest.mark.parametrize("size", [0, 1, 7])
@pytest.mark.parametrize("sequence", [True, False])
def test_probabilities_of_any_batch_are_finite_and_sum_to_one(name, size, sequence):
    inputs = records(sequence=sequence)
    probabilities = fitted(name, sequence=sequence)[0].predict_proba(inputs, inputs.test[:size])
    assert probabilities.shape == (size, 2)
    assert np.isfinite(probabilities).all()
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1, atol=1e-6)


@models
def test_one_record_is_predicted_as_in_a_batch(name):
    inputs = records()
    model, _ = fitted(name)
    together = model.predict_proba(inputs, inputs.test[:20])
    alone = np.vstack([model.predict_proba(inputs, inputs.test[i : i + 1]) for i in range(20)])
    np.testing.assert_allclose(alone, together, atol=1e-5)


@models
def test_the_same_seed_gives_the_same_bytes(name):
    inputs = records()
    again = build(name)
    again.fit(inputs)
    first = fitted(name)[0].predict_proba(inputs, inputs.test)
    assert again.predict_proba(inputs, inputs.test).tobytes() == first.tobytes()


@models
def test_a_saved_model_predicts_the_same_and_holds_no_pickle(name, tmp_path):
    inputs = records()
    model, _ = fitted(name)
    model.save(tmp_path / "model")
    loaded = risk_model(name).load(tmp_path / "model")
    expected = model.predict_proba(inputs, inputs.test)
    np.testing.assert_allclose(loaded.predict_proba(inputs, inputs.test), expected, atol=1e-7)
    assert loaded.n_parameters == model.n_parameters > 0
    files = [path for path in (tmp_path / "model").rglob("*") if path.is_file()]
    assert {path.suffix for path in files} <= {".json", ".safetensors", ".txt"}


@models
def test_a_folder_without_a_model_is_named(name, tmp_path):
    with pytest.raises(UserError, match="train it again"):
        risk_model(name).load(tmp_path / "nothing")


@models
@pytest.mark.parametrize("sequence", [True, False])
def test_a_planted_rule_is_learned(name, sequence):
    if name in BLIND:
        assert auc(name, True, sequence) == 0.5
    else:
        assert auc(name, True, sequence) > LEAST.get(name, 0.8)


@models
def test_random_outcomes_stay_at_chance(name):
    assert abs(auc(name, planted=False) - 0.5) < 0.1


@models
def test_the_loss_falls(name):
    history = fitted(name)[1]
    if name not in WITHOUT_HISTORY:
        losses = [row["validation_loss"] for row in history if row.get("part", 0) == 0]
        assert min(losses) <= losses[0]
        assert all(np.isfinite(losses))
    if "training" in risk_model(name).Config.model_fields:
        assert history[-1]["train_loss"] < 0.9 * history[0]["train_loss"]


@models
def test_what_stands_in_steps_that_do_not_exist_changes_nothing(name):
    inputs = records()
    filled = inputs.sequence.copy()
    filled[~inputs.sequence_mask] = 1e6
    model, _ = fitted(name)
    expected = model.predict_proba(inputs, inputs.test)
    found = model.predict_proba(changed(inputs, sequence=filled), inputs.test)
    np.testing.assert_array_equal(found, expected)


@models
def test_missing_columns_and_unseen_categories_are_predicted(name):
    """A column that is present in training may be missing later, and a category may be new (code 0)."""
    inputs = records()
    numeric, codes = inputs.numeric.copy(), inputs.codes.copy()
    numeric[inputs.test, 3:] = np.nan
    codes[inputs.test] = 0
    probabilities = fitted(name)[0].predict_proba(changed(inputs, numeric=numeric, codes=codes), inputs.test)
    assert np.isfinite(probabilities).all()
    if name not in BLIND:
        assert roc_auc_score(inputs.labels[inputs.test], probabilities[:, 1]) > LEAST.get(name, 0.75)


@models
def test_a_column_without_a_value_in_training_says_nothing(name):
    """Nor does a constant one; what the first holds later is not read by whoever has no value of it."""
    inputs = records()
    numeric = inputs.numeric.copy()
    numeric[:, 3], numeric[:, 4] = np.nan, 7.0
    empty = changed(inputs, numeric=numeric)
    model = build(name)
    model.fit(empty)
    expected = model.predict_proba(empty, inputs.test)
    later = numeric.copy()
    later[inputs.test, 3] = 1e6
    found = model.predict_proba(changed(inputs, numeric=later), inputs.test)
    assert np.isfinite(expected).all()
    np.testing.assert_array_equal(found, expected)


@models
def test_neither_later_outcomes_nor_amounts_reach_the_fit_or_the_prediction(name):
    inputs = records()
    labels, amount = inputs.labels.copy(), inputs.amount.copy()
    labels[inputs.test], amount[inputs.test] = 1 - labels[inputs.test], 1e6
    other = changed(inputs, labels=labels, amount=amount)
    model = build(name)
    model.fit(other)
    expected = fitted(name)[0].predict_proba(inputs, inputs.test)
    assert model.predict_proba(other, inputs.test).tobytes() == expected.tobytes()


def test_an_unknown_model_is_answered_with_the_known_ones():
    with pytest.raises(UserError, match="lightgbm"):
        risk_model("lightgbmm")


def test_the_code_of_a_model_is_what_it_imports():
    package = Path(crm_pipelines.__file__).parent
    for name in MODELS:
        assert all((package / part).is_file() for part in risk_code_of(name))
    assert "models/layers/qrcnn.py" in risk_code_of("qrcnn_lstm")
    assert "models/layers/qrcnn.py" not in risk_code_of("logistic_regression")
    assert set(risk_code_of("qrcnn_lstm")) < set(risk_code_of("qrcnn_lstm_plus"))
    assert "training/trainer.py" in risk_code_of("lstm")  # imported by a function only
