"""Metrics from confusion counts equal scikit-learn's on the labels the counts came from."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from crm_pipelines.evaluation.confusion import (
    CONFUSION_METRICS,
    accuracy,
    balanced_accuracy,
    class_f1,
    confusion_counts,
    f1,
    macro_f1,
    precision,
    recall,
)

LABELS = st.integers(2, 5).flatmap(
    lambda c: st.tuples(
        st.just(c), st.lists(st.tuples(st.integers(0, c - 1), st.integers(0, c - 1)), min_size=1, max_size=40)
    )
)


@settings(max_examples=50, deadline=None)
@given(LABELS)
def test_agrees_with_scikit_learn_and_stays_between_0_and_1(case: tuple[int, list[tuple[int, int]]]) -> None:
    c, pairs = case
    true, decided = (np.array(column) for column in zip(*pairs, strict=True))
    counts = confusion_counts(true, decided, c)
    np.testing.assert_array_equal(counts, sk.confusion_matrix(true, decided, labels=range(c)))
    present = np.unique(true)
    expected_macro = sk.f1_score(true, decided, labels=present, average="macro", zero_division=0)
    assert macro_f1(counts) == pytest.approx(expected_macro)
    assert accuracy(counts) == pytest.approx(sk.accuracy_score(true, decided))
    expected_recall = sk.recall_score(true, decided, labels=present, average="macro", zero_division=0)
    assert balanced_accuracy(counts) == pytest.approx(expected_recall)
    average = {"average": "binary", "pos_label": 1} if c == 2 else {"average": "weighted", "labels": range(c)}
    assert precision(counts) == pytest.approx(sk.precision_score(true, decided, zero_division=0, **average))
    assert recall(counts) == pytest.approx(sk.recall_score(true, decided, zero_division=0, **average))
    assert f1(counts) == pytest.approx(sk.f1_score(true, decided, zero_division=0, **average))
    assert all(0 <= function(counts) <= 1 for function in CONFUSION_METRICS.values())


def test_worked_by_hand() -> None:
    counts = np.array([[3.0, 1.0], [2.0, 4.0]])
    np.testing.assert_allclose(class_f1(counts), [6 / 9, 8 / 11])
    assert macro_f1(counts) == pytest.approx((6 / 9 + 8 / 11) / 2)
    assert accuracy(counts) == pytest.approx(0.7)
    assert (precision(counts), recall(counts)) == (pytest.approx(4 / 5), pytest.approx(4 / 6))


def test_a_stack_of_counts_is_scored_one_by_one() -> None:
    counts = np.random.default_rng(0).integers(0, 9, size=(4, 2, 3, 3)).astype(float)
    for function in CONFUSION_METRICS.values():
        each = [[float(function(counts[i, j])) for j in range(2)] for i in range(4)]
        np.testing.assert_allclose(function(counts), each)


def test_no_rows_give_no_number() -> None:
    assert all(np.isnan(function(np.zeros((3, 3)))) for function in CONFUSION_METRICS.values())
    assert all(np.isnan(function(np.zeros((2, 2)))) for function in CONFUSION_METRICS.values())
