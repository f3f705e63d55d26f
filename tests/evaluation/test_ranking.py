"""Paired differences of ROC AUC and log-loss, against scikit-learn on resamples drawn by hand."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import log_loss, roc_auc_score

from crm_pipelines.evaluation.ranking import POSITIVE, SCORE, compare_scores


def frame(score: np.ndarray, positive: np.ndarray, customer: np.ndarray | None = None) -> pd.DataFrame:
    n = len(score)
    return pd.DataFrame(
        {
            "event_id": np.arange(n),
            "customer": np.arange(n) if customer is None else customer,
            "slice": "all",
            POSITIVE: positive.astype(float),
            SCORE: score,
        }
    )


def compared(one: np.ndarray, other: np.ndarray, positive: np.ndarray, **options: object) -> pd.DataFrame:
    frames = {"one": [frame(one, positive)], "other": [frame(other, positive)]}
    return compare_scores(frames, ["one"], ["all"], **options).set_index("metric")


@settings(max_examples=40, deadline=None)
@given(st.integers(30, 80), st.integers(0, 999), st.integers(2, 20))
def test_points_are_those_of_scikit_learn_ties_included(n, seed, levels):
    random = np.random.default_rng(seed)
    positive = random.random(n) < 0.4
    if positive.all() or not positive.any():
        return
    one = (random.integers(0, levels, n) + 0.5) / (levels + 1)
    other = random.random(n)
    table = compared(one, other, positive, resamples=100)
    auc = roc_auc_score(positive, one) - roc_auc_score(positive, other)
    assert table.loc["roc_auc", "difference"] == pytest.approx(auc)
    loss = log_loss(positive, one) - log_loss(positive, other)
    assert table.loc["log_loss", "difference"] == pytest.approx(loss)


def test_the_interval_of_a_real_difference_is_clear_of_zero_and_that_of_none_is_not():
    random = np.random.default_rng(0)
    positive = random.random(800) < 0.3
    good = 1 / (1 + np.exp(-(2 * positive + random.normal(size=800))))
    table = compared(good, random.random(800), positive, resamples=200)
    assert table.loc["roc_auc", "low"] > 0.1
    assert table.loc["log_loss", "high"] < 0
    same = compared(good, good.copy(), positive, resamples=200)
    assert (same[["difference", "low", "high"]] == 0).all(axis=None)


def test_the_interval_is_of_customers_not_of_records():
    random = np.random.default_rng(0)
    positive = np.repeat(random.random(60) < 0.4, 10)
    one, other = np.repeat(random.random(60), 10), np.repeat(random.random(60), 10)
    customer = np.repeat(np.arange(60), 10)

    def width(owner: np.ndarray | None) -> float:
        frames = {"one": [frame(one, positive, owner)], "other": [frame(other, positive, owner)]}
        row = compare_scores(frames, ["one"], ["all"], 300).set_index("metric").loc["roc_auc"]
        return float(row["high"] - row["low"])

    assert width(customer) > 2 * width(None)


def test_models_tested_on_other_records_are_refused():
    positive = np.array([True, False] * 20)
    frames = {"one": [frame(positive * 0.5, positive)], "other": [frame(positive * 0.5, ~positive)]}
    with pytest.raises(ValueError, match="other events"):
        compare_scores(frames, ["one"], ["all"])
