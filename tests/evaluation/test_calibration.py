"""Temperature, calibration error, Brier score and log-loss, against hand-worked numbers and scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from crm_pipelines.evaluation.calibration import (
    apply_temperature,
    brier_score,
    classwise_calibration_error,
    expected_calibration_error,
    fit_temperature,
    log_loss,
    one_against_rest,
    reliability_table,
)
from crm_pipelines.evaluation.scores import Scores


def calibrated_sample(n: int = 4000, c: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities, and labels drawn from exactly those probabilities."""
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.full(c, 0.8), n)
    true = (random.random(n)[:, None] > p.cumsum(axis=1)).sum(axis=1).clip(0, c - 1)
    return p, true


def test_temperature_undoes_overconfidence_and_leaves_good_probabilities_alone() -> None:
    p, true = calibrated_sample()
    assert fit_temperature(p, true) == pytest.approx(1.0, abs=0.06)
    overconfident = apply_temperature(p, 0.5)
    temperature = fit_temperature(overconfident, true)
    assert temperature == pytest.approx(2.0, rel=0.06)
    repaired = apply_temperature(overconfident, temperature)
    assert log_loss(repaired, true) < log_loss(overconfident, true) - 0.05
    assert expected_calibration_error(repaired, true) < expected_calibration_error(overconfident, true) / 3


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 40))
def test_fitted_temperature_never_raises_the_loss_it_was_fitted_on(seed: int, c: int, n: int) -> None:
    random = np.random.default_rng(seed)
    p = random.dirichlet(np.full(c, 0.3), n)
    true = random.integers(0, c, n)
    scaled = apply_temperature(p, fit_temperature(p, true))
    np.testing.assert_allclose(scaled.sum(axis=1), 1.0)
    assert log_loss(scaled, true) <= log_loss(p, true) + 1e-9


def test_temperature_survives_zeros_and_nothing_to_fit_on() -> None:
    certain = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0]])
    assert np.isfinite(fit_temperature(certain, np.array([0, 1, 1])))
    assert np.isfinite(apply_temperature(certain, 3.0)).all()
    assert fit_temperature(np.empty((0, 2)), np.empty(0, dtype=np.int64)) == 1.0


def test_ece_worked_by_hand() -> None:
    # Two bins of two rows. Confidence .6 and .7 (mean .65), one right of two; .9 and .9, both right.
    p = np.array([[0.6, 0.4], [0.3, 0.7], [0.9, 0.1], [0.1, 0.9]])
    true = np.array([0, 0, 0, 1])
    assert expected_calibration_error(p, true, bins=2) == pytest.approx(0.5 * 0.15 + 0.5 * 0.10)


def test_equal_confidences_share_a_bin_so_the_order_of_rows_is_irrelevant() -> None:
    confidence = np.array([0.5, 0.9, 0.5, 0.5, 0.7, 0.9])
    table = Scores.of(confidence, confidence > 0.6).bins(3)
    assert table.to_dict("list") == {
        "bin": [0, 1, 2],
        "confidence": [0.5, 0.7, 0.9],
        "accuracy": [0, 1, 1],
        "n": [3, 1, 2],
    }
    # A model that always answers with the base rate is calibrated; ties cut into bins would say otherwise.
    true = np.random.default_rng(0).permutation(np.repeat([0, 1], [80, 20]))
    constant = np.tile([0.8, 0.2], (100, 1))
    assert expected_calibration_error(constant, true) == pytest.approx(0.0, abs=1e-12)
    assert classwise_calibration_error(constant, true) == pytest.approx(0.0, abs=1e-12)


def test_bins_hold_equally_many_rows() -> None:
    drawn = np.random.default_rng(0).random(1500)
    np.testing.assert_array_equal(Scores.of(drawn, drawn > 0.5).bins(15)["n"], np.full(15, 100))


def test_reliability_table_has_the_points_of_each_class() -> None:
    p, true = calibrated_sample(n=600, c=3)
    table = reliability_table(one_against_rest(p, true), ("a", "b", "c"), bins=5)
    assert list(table.columns) == ["class", "bin", "confidence", "accuracy", "n"]
    assert table.groupby("class")["n"].sum().to_dict() == {"a": 600, "b": 600, "c": 600}
    share = (table["accuracy"] * table["n"]).groupby(table["class"]).sum() / 600
    np.testing.assert_allclose(share.to_numpy(), np.bincount(true) / 600)


def test_losses_agree_with_scikit_learn() -> None:
    p, true = calibrated_sample(n=300)
    assert log_loss(p, true) == pytest.approx(sk.log_loss(true, p, labels=range(4)))
    assert brier_score(p, true) == pytest.approx(sk.brier_score_loss(true, p, labels=range(4), scale_by_half=False))
    # Brier's form counts both classes of two: twice the one-column form.
    two, binary = calibrated_sample(n=300, c=2)
    assert brier_score(two, binary) == pytest.approx(2 * sk.brier_score_loss(binary, two[:, 1]))


def test_a_certain_mistake_costs_a_finite_loss() -> None:
    assert log_loss(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(-np.log(1e-15))
    assert brier_score(np.array([[1.0, 0.0]]), np.array([1])) == pytest.approx(2.0)
