"""The decision rule: better than plain argmax on rare classes, still where there is nothing to gain."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from crm_pipelines.evaluation.decision import DecisionRule, fit_decision_rule, plain_rule


def macro_f1(true: np.ndarray, decided: np.ndarray) -> float:
    """scikit-learn's macro-F1 over the classes that occur."""
    return float(f1_score(true, decided, labels=np.unique(true), average="macro", zero_division=0))


def unbalanced(n: int, prior: tuple[float, ...], strength: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Probabilities of a model that knows the prior and has a weak signal."""
    random = np.random.default_rng(seed)
    true = random.choice(len(prior), n, p=prior)
    scores = random.normal(size=(n, len(prior))) + np.log(prior)
    scores[np.arange(n), true] += strength
    p = np.exp(scores)
    return p / p.sum(axis=1, keepdims=True), true


def test_rare_classes_gain_on_unseen_rows() -> None:
    p, true = unbalanced(8000, (0.9, 0.06, 0.03, 0.01), 2.0)
    rule = fit_decision_rule(p[:4000], true[:4000])
    plain = macro_f1(true[4000:], p[4000:].argmax(axis=1))
    assert macro_f1(true[4000:], rule.apply(p[4000:])) > plain + 0.05
    assert rule.offsets[0] == 0.0


def test_binary_offset_finds_the_best_threshold_of_an_exhaustive_search() -> None:
    p, true = unbalanced(300, (0.9, 0.1), 1.5)
    rule = fit_decision_rule(p, true)
    thresholds = np.unique(p[:, 1])
    best = max(macro_f1(true, (p[:, 1] >= threshold).astype(int)) for threshold in thresholds)
    # The grid is 0.025 wide in log-odds: it may miss a threshold between two neighbouring rows.
    assert best - 0.01 <= macro_f1(true, rule.apply(p)) <= best + 1e-12


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 60))
def test_offsets_are_zero_when_plain_argmax_is_already_perfect(seed: int, c: int, n: int) -> None:
    p = np.random.default_rng(seed).dirichlet(np.ones(c), n)
    rule = fit_decision_rule(p, p.argmax(axis=1))
    assert rule.offsets == (0.0,) * c


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(2, 5), st.integers(1, 60))
def test_never_worse_than_plain_argmax_on_validation(seed: int, c: int, n: int) -> None:
    random = np.random.default_rng(seed)
    # Rounded, so that exact ties between classes are common.
    p = np.round(random.dirichlet(np.ones(c), n), 1) + 0.01
    p /= p.sum(axis=1, keepdims=True)
    true = random.integers(0, c, n)
    rule = fit_decision_rule(p, true)
    assert macro_f1(true, rule.apply(p)) >= macro_f1(true, plain_rule(c).apply(p)) - 1e-12
    assert rule == fit_decision_rule(p, true)


def test_a_class_without_validation_examples_does_not_move() -> None:
    p, true = unbalanced(400, (0.85, 0.05, 0.1), 1.5)
    rule = fit_decision_rule(p[true != 1], true[true != 1])
    assert np.isfinite(rule.offsets).all()
    assert (rule.apply(p[true != 1]) == 1).mean() < 0.05


def test_scores_along_a_grid_are_those_of_applying_the_rule() -> None:
    from crm_pipelines.evaluation.decision import _Search

    p, true = unbalanced(200, (0.6, 0.3, 0.1), 1.0)
    search = _Search(np.log(p), true, np.array([0.0, 0.4, 1.1]))
    grid = np.linspace(-3, 3, 25)
    for code in range(3):
        along = search.scores_along(code, grid)
        for point, score in zip(grid, along, strict=True):
            offsets = search.offsets.copy()
            offsets[code] = point
            assert score == pytest.approx(macro_f1(true, (np.log(p) + offsets).argmax(axis=1)))


def test_applies_offsets_to_log_probabilities_and_survives_json() -> None:
    rule = DecisionRule((0.0, 1.0))
    np.testing.assert_array_equal(rule.apply(np.array([[0.6, 0.4], [0.9, 0.1], [1.0, 0.0], [0.5, 0.5]])), [1, 0, 0, 1])
    np.testing.assert_array_equal(plain_rule(2).apply(np.array([[0.5, 0.5]])), [0])
    assert DecisionRule.from_dict(rule.to_dict()) == rule


@pytest.mark.parametrize(
    "content", [{}, {"offsets": "0,1"}, {"offsets": [0.0]}, {"offsets": [0.0, float("nan")]}, {"offsets": [0, None]}]
)
def test_a_broken_rule_is_refused(content: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="offset"):
        DecisionRule.from_dict(content)


def test_no_validation_rows_mean_plain_argmax_and_a_wrong_width_is_refused() -> None:
    assert fit_decision_rule(np.empty((0, 3)), np.empty(0, dtype=np.int64)) == plain_rule(3)
    with pytest.raises(ValueError, match="3 offsets do not fit"):
        plain_rule(3).apply(np.ones((5, 2)) / 2)


def test_offsets_are_the_mean_over_resamples_and_steadier_than_those_of_one_set():
    """Between halves of one sample, bagged offsets differ less than those at the best point of each half."""
    random = np.random.default_rng(4)
    true = random.choice(3, 6000, p=(0.93, 0.05, 0.02)).astype(np.int64)
    logits = random.normal(size=(6000, 3)) + np.log([0.93, 0.05, 0.02]) + 1.2 * np.eye(3)[true]
    p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)

    def spread(resamples: int) -> float:
        parts = np.array_split(np.arange(6000), 12)
        offsets = [fit_decision_rule(p[rows], true[rows], resamples).offsets for rows in parts]
        return float(np.std(offsets, axis=0).sum())

    assert spread(25) < spread(0)
