"""What columns added to a risk: many changed records at once say what one at a time would, on wide tables too."""

import dataclasses

import numpy as np
import pytest
from risk_tables import table
from scipy.special import expit

from crm_pipelines.benchmark import occlusion, risk_scores
from crm_pipelines.benchmark.occlusion import SAMPLE, Feature, Typical, added, features_of, steps_of, take
from crm_pipelines.config import ScoringParameters
from crm_pipelines.evaluation.calibration import apply_temperature
from crm_pipelines.records.inputs import RecordInputs


class Weighs:
    """A model that is linear in every cell, missing ones counting 0, and counts what it is asked."""

    def __init__(self, inputs: RecordInputs, weights: np.ndarray | None = None) -> None:
        draw = np.random.default_rng(5)
        self.numeric = draw.normal(size=inputs.numeric.shape[1]) if weights is None else weights
        self.codes = draw.normal(size=inputs.codes.shape[1])
        self.sequence = draw.normal(size=inputs.sequence.shape[1:])
        self.asked: list[int] = []

    def predict_proba(self, inputs: RecordInputs, rows: np.ndarray) -> np.ndarray:
        self.asked.append(len(rows))
        steps = np.nan_to_num(inputs.sequence[rows]) * inputs.sequence_mask[rows, :, None]
        score = np.nan_to_num(inputs.numeric[rows]) @ self.numeric / 50 + inputs.codes[rows] @ self.codes / 5
        positive = expit(score + (steps * self.sequence).sum(axis=(1, 2)) / 5)
        return np.stack([1 - positive, positive], axis=1)


def by_hand(model: Weighs, inputs: RecordInputs, typical: Typical, feature: Feature, temperature: float) -> np.ndarray:
    """What one feature adds, on a copy of the table in which it is typical."""
    numeric, codes, sequence = inputs.numeric.copy(), inputs.codes.copy(), inputs.sequence.copy()
    at = feature.position
    if feature.kind == "numeric":
        numeric[:, at] = typical.numeric[at]
    elif feature.kind == "category":
        codes[:, at] = typical.codes[at]
    elif feature.kind == "channel":
        sequence[:, :, at] = typical.sequence[:, at]
    else:
        sequence[:, at] = typical.sequence[at]
    sequence[~inputs.sequence_mask] = np.nan
    changed = dataclasses.replace(inputs, numeric=numeric, codes=codes, sequence=sequence)
    odds = [
        occlusion.log_odds(apply_temperature(model.predict_proba(each, np.arange(len(each))), temperature)[:, 1])
        for each in (inputs, changed)
    ]
    return odds[0] - odds[1]


@pytest.mark.parametrize("rows", [1, 7, 10_000])
@pytest.mark.parametrize("sequence", [True, False])
def test_all_at_once_is_one_at_a_time(monkeypatch, rows, sequence):
    monkeypatch.setattr(occlusion, "ROWS", rows)
    inputs = table(n=60, sequence=sequence)
    typical, some, model = Typical.of(inputs), take(inputs, inputs.test), Weighs(inputs)
    features = [*features_of(inputs), *steps_of(inputs)]
    assert len({feature.kind for feature in features}) == (4 if sequence else 2)
    risk = apply_temperature(model.predict_proba(some, np.arange(len(some))), 1.3)[:, 1]
    found = added(model, some, risk, features, typical, 1.3, 50)
    expected = np.stack([by_hand(model, some, typical, feature, 1.3) for feature in features], axis=1)
    assert np.abs(expected).max() > 0.1
    np.testing.assert_allclose(found, expected, atol=1e-9)


def test_the_records_themselves_stay_as_they_are():
    inputs = table(n=60)
    before = {name: getattr(inputs, name).copy() for name in ("numeric", "codes", "sequence")}
    some = take(inputs, inputs.test)
    added(Weighs(inputs), some, np.full(len(some), 0.5), features_of(inputs), Typical.of(inputs), 1.0, 50)
    for name, values in before.items():
        np.testing.assert_array_equal(getattr(inputs, name), values)
        np.testing.assert_array_equal(getattr(some, name), values[inputs.test])


def wide(n: int, columns: int) -> RecordInputs:
    """A table of numbers without a sequence."""
    draw = np.random.default_rng(0)
    return dataclasses.replace(
        table(n=n, sequence=False),
        numeric=draw.normal(size=(n, columns)).astype(np.float32),
        numeric_names=tuple(f"c{at}" for at in range(columns)),
    )


class TestWideTables:
    def test_columns_that_matter_to_a_sample_are_asked_of_everybody(self):
        inputs = wide(2_400, 300)
        weights = np.zeros(300)
        weights[[3, 150, 299]] = 50
        model = Weighs(inputs, weights)
        some = take(inputs, np.arange(2_000))
        risk = model.predict_proba(some, np.arange(2_000))[:, 1]
        found = added(model, some, risk, features_of(inputs), Typical.of(inputs), 1.0, 10)
        assert np.isfinite(found[:, [3, 150, 299]]).all()
        assert (np.isfinite(found).sum(axis=1) == 10).sum() == 2_000 - SAMPLE
        assert (np.isfinite(found).sum(axis=1) == 302).sum() == SAMPLE
        assert sum(model.asked) == 2_000 + SAMPLE * 302 + (2_000 - SAMPLE) * 10

    def test_what_is_held_at_once_is_bounded(self, monkeypatch):
        monkeypatch.setattr(occlusion, "CELLS", 50_000)
        inputs = wide(400, 300)
        model = Weighs(inputs)
        some = take(inputs, np.arange(400))
        added(model, some, np.full(400, 0.5), features_of(inputs), Typical.of(inputs), 1.0, 500)
        assert max(model.asked) * 302 <= 50_000

    def test_importance_names_the_column_and_asks_a_bounded_number(self, monkeypatch):
        monkeypatch.setattr(risk_scores, "SHUFFLED", 3_000)
        monkeypatch.setattr(risk_scores, "LEAST_SHUFFLED", 50)
        inputs = wide(2_000, 60)
        weights = np.zeros(60)
        weights[7] = 50
        told = (inputs.numeric[:, 7] > 0).astype(np.int64)
        inputs, model = dataclasses.replace(inputs, labels=told), Weighs(inputs, weights)
        found = risk_scores._importance(model, inputs, np.abs(np.ones((5, 62)) * np.append(weights, [0, 0])))
        assert found["feature"].iloc[0] == "c7"
        assert found["permutation"].iloc[0] > 0.3
        assert found["permutation"].iloc[3:].abs().max() < 0.1
        assert found["n"].unique().tolist() == [50]
        assert sum(model.asked) == 50 + 50 * 62

    def test_attention_is_asked_of_a_bounded_number_at_once(self, monkeypatch):
        monkeypatch.setattr(risk_scores, "ATTENTION_CELLS", 40_000)
        asked = []

        class Attends:
            def attention(self, inputs, rows):
                asked.append(len(rows))
                return risk_scores_attention(inputs, rows)

        def risk_scores_attention(inputs, rows):
            from crm_pipelines.models.risk.qrcnn_lstm import StepWeights

            weights = np.repeat(np.asarray(rows, dtype=np.float64)[:, None, None], 52, axis=1).repeat(52, axis=2)
            return StepWeights(weights, ("q",) * 52, tuple(f"c{at}" for at in range(52)))

        inputs = wide(100, 50)
        found, steps = risk_scores._mean_attention(Attends(), inputs, np.arange(100))
        assert max(asked) * 52 * 52 <= 40_000
        np.testing.assert_allclose(found, np.arange(100)[:, None].repeat(52, axis=1))
        assert len(steps) == 52


def test_shuffled_columns_are_other_records():
    inputs = take(table(n=40), np.arange(40))
    features = features_of(inputs)
    change = occlusion.shuffle(inputs, features, 3)
    for feature in features:
        copies = take(inputs, np.arange(40))
        change(copies, slice(0, 40), feature, np.arange(40))
        name = {"numeric": "numeric", "category": "codes", "channel": "sequence"}[feature.kind]
        before, after = getattr(inputs, name)[..., feature.position], getattr(copies, name)[..., feature.position]
        assert not np.array_equal(before, after, equal_nan=True)
        np.testing.assert_array_equal(np.sort(before, axis=0), np.sort(after, axis=0))
        assert np.array_equal(
            np.delete(getattr(inputs, name), feature.position, axis=-1),
            np.delete(getattr(copies, name), feature.position, axis=-1),
            equal_nan=True,
        )


def test_wide_tables_are_the_exception():
    assert ScoringParameters().columns >= 24  # the widest published table is explained in full
