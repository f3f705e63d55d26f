"""The corrected paired t-test: by hand, at its edges, and over the folds of results."""

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from crm_pipelines.evaluation.resampled_t import compare_over_folds, corrected_t_test

DIFFERENCES = [0.02, 0.05, 0.01, 0.04, 0.03]


def test_without_shared_training_it_is_the_plain_test():
    mean, low, high, t, p = corrected_t_test(DIFFERENCES, 0.0)
    plain = stats.ttest_1samp(DIFFERENCES, 0)
    assert (mean, t, p) == pytest.approx((0.03, plain.statistic, plain.pvalue))
    interval = plain.confidence_interval()
    assert (low, high) == pytest.approx((interval.low, interval.high))


def test_five_folds_more_than_double_the_variance():
    """1/5 becomes 1/5 + (1/5)/(4/5): intervals grow by the root of 2.25."""
    _, low, high, t, p = corrected_t_test(DIFFERENCES, 0.25)
    _, plain_low, plain_high, plain_t, plain_p = corrected_t_test(DIFFERENCES, 0.0)
    assert (high - low) / (plain_high - plain_low) == pytest.approx(1.5)
    assert plain_t / t == pytest.approx(1.5)
    assert p > plain_p


def test_edges():
    assert np.isnan(corrected_t_test([0.1], 0.25)[1:]).all()
    assert corrected_t_test([0.0, 0.0], 0.25)[4] == 1
    assert corrected_t_test([0.1, 0.1], 0.25)[:3] == (0.1, 0.1, 0.1)


def test_equal_models_are_called_different_as_rarely_as_promised():
    """Random halves of one data set, scored by chance alone: the plain test errs far more often than 5 %."""
    draw = np.random.default_rng(0)
    corrected = plain = 0
    for _ in range(200):
        shared = draw.normal()  # what all folds learn from the same cases
        differences = 0.5 * shared + draw.normal(size=5)
        corrected += corrected_t_test(differences, 0.25)[4] < 0.05
        plain += corrected_t_test(differences, 0.0)[4] < 0.05
    assert corrected < plain
    assert corrected / 200 < 0.1


def test_models_are_paired_by_fold():
    rows = [
        {"protocol": "stratified", "slice": "all", "variant": "main", "model": model, "fold": fold, "seed": 1}
        | {"metric": "accuracy", "value": value + fold / 10}
        for model, values in {"a": DIFFERENCES, "b": [0.0] * 5}.items()
        for fold, value in enumerate(values)
    ]
    table = compare_over_folds(pd.DataFrame(rows), ["a", "absent"], "stratified", dict.fromkeys(range(5), (80, 20)))
    assert table[["model", "peer", "metric", "folds"]].to_numpy().tolist() == [["a", "b", "accuracy", 5]]
    assert table["difference"][0] == pytest.approx(0.03)
    assert table["p"][0] == pytest.approx(corrected_t_test(DIFFERENCES, 0.25)[4])
