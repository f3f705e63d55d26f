"""Codes number the training categories by frequency; one-hot columns go to the most frequent."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.preprocessing import OneHotEncoder

from crm_pipelines.encoding import Vocabulary

LABELS = pd.Series(["b", "c", "a", "c", "b", "d", "e"], dtype="str")


def test_codes_follow_frequency_then_name_and_0_is_unknown() -> None:
    vocabulary = Vocabulary.fit(LABELS, max_categories=50)
    assert vocabulary.categories == ("b", "c", "a", "d", "e")
    assert vocabulary.encode(pd.Series(["c", "e", "new", None])).tolist() == [2, 5, 0, 0]
    assert vocabulary.cardinality == 6


def test_rarer_and_unseen_categories_share_a_column() -> None:
    vocabulary = Vocabulary.fit(LABELS, max_categories=2)
    assert vocabulary.columns == ("b", "c", "(other)")
    codes = vocabulary.encode(pd.Series(["b", "c", "d", "new"]))
    assert vocabulary.one_hot(codes).tolist() == [[1, 0, 0], [0, 1, 0], [0, 0, 1], [0, 0, 1]]


@pytest.mark.parametrize("limit", [5, 50])
def test_without_rarer_categories_unseen_ones_are_zeros(limit: int) -> None:
    vocabulary = Vocabulary.fit(LABELS, max_categories=limit)
    assert vocabulary.columns == vocabulary.categories
    assert vocabulary.one_hot(vocabulary.encode(pd.Series(["new"]))).tolist() == [[0] * 5]


@given(st.lists(st.integers(0, 6), min_size=1, max_size=7, unique=True), st.integers(1, 8))
def test_one_hot_agrees_with_scikit_learn(frequencies: list[int], limit: int) -> None:
    # Frequencies differ, so that ties (which scikit-learn breaks the other way) do not arise.
    labels = pd.Series([f"c{i}" for i, n in enumerate(frequencies) for _ in range(n + 1)], dtype="str")
    asked = pd.Series([*sorted(set(labels)), "new"], dtype="str")
    vocabulary = Vocabulary.fit(labels, limit)
    ours = vocabulary.one_hot(vocabulary.encode(asked))
    # Its max_categories counts the shared column, which it has if there are more categories than that.
    limited = limit + 1 if len(frequencies) > limit else None
    theirs = OneHotEncoder(max_categories=limited, handle_unknown="infrequent_if_exist", sparse_output=False)
    expected = theirs.fit(labels.to_frame("x")).transform(asked.to_frame("x"))
    if len(frequencies) == limit + 1:  # one rare category: both have limit + 1 columns, theirs under its own name
        assert ours.shape == expected.shape
        return
    assert sorted(ours.T.tolist()) == sorted(expected.T.tolist())


def test_json_round_trip_and_empty_vocabulary() -> None:
    vocabulary = Vocabulary.fit(LABELS, 2)
    assert Vocabulary.from_dict(vocabulary.to_dict()) == vocabulary
    empty = Vocabulary.fit(pd.Series([], dtype="str"), 2)
    assert (empty.cardinality, empty.columns) == (1, ())
    assert empty.one_hot(empty.encode(pd.Series(["x", "y"]))).shape == (2, 0)
    assert np.array_equal(empty.encode(pd.Series(["x"])), [0])
