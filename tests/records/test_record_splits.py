"""Splits of records: the folds one expects, nothing on two sides, nothing later before anything earlier."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.model_selection import StratifiedKFold

from crm_pipelines.config import FoldParameters
from crm_pipelines.records.splits import LEAK_COLUMN, LEAK_OVERSAMPLING, leak_splits, make_splits

PARAMETERS = FoldParameters()
NOWHERE = np.full(300, np.nan)


def labels(n: int = 300, share: float = 0.3) -> np.ndarray:
    return (np.random.default_rng(1).random(n) < share).astype(np.int64)


def test_the_folds_are_those_of_the_seed():
    y = labels()
    splits = make_splits(y, np.arange(300), NOWHERE, False, PARAMETERS)
    expected = StratifiedKFold(5, shuffle=True, random_state=42).split(y, y)
    assert [split.key for split in splits] == [f"stratified/fold={fold}" for fold in range(5)]
    for split, (rest, test) in zip(splits, expected, strict=True):
        np.testing.assert_array_equal(split.test, test)
        np.testing.assert_array_equal(np.sort(np.concatenate([split.train, split.validation])), rest)
        assert len(split.validation) == pytest.approx(0.2 * len(rest), abs=1)
        assert y[split.validation].mean() == pytest.approx(y.mean(), abs=0.02)


@settings(max_examples=25, deadline=None)
@given(st.integers(60, 200), st.floats(0.2, 0.8), st.integers(0, 99), st.integers(2, 6))
def test_every_record_is_tested_once_and_never_learnt_from_in_that_fold(n, share, seed, folds):
    y = labels(n, share)
    if min(y.sum(), n - y.sum()) < 12:
        return
    parameters = PARAMETERS.model_copy(update={"seed": seed, "folds": folds})
    splits = make_splits(y, np.arange(n), np.full(n, np.nan), False, parameters)
    assert sorted(np.concatenate([split.test for split in splits])) == list(range(n))
    for split in splits:
        parts = (split.train, split.validation, split.test)
        assert sum(map(len, parts)) == len(np.unique(np.concatenate(parts))) == n


def test_a_customer_with_several_records_stays_on_one_side():
    y, customer = labels(), np.repeat(np.arange(100), 3)
    for split in make_splits(y, customer, NOWHERE, False, PARAMETERS):
        sides = [set(customer[part]) for part in (split.train, split.validation, split.test)]
        assert not sides[0] & sides[1]
        assert not (sides[0] | sides[1]) & sides[2]


def test_the_cut_in_time_puts_one_moment_on_one_side():
    time = np.sort(np.random.default_rng(0).integers(0, 40, 300)).astype(float)
    split = make_splits(labels(), np.arange(300), time, False, PARAMETERS)[-1]
    assert split.protocol == "time"
    assert time[split.train].max() < time[split.validation].min()
    assert time[split.validation].max() < time[split.test].min()
    assert len(split.test) >= 60


def test_snapshots_are_shuffled_at_the_last_date_only():
    y, time = labels(), np.repeat([1.0, 2.0, 3.0], 100)
    *shuffled, in_time = make_splits(y, np.tile(np.arange(100), 3), time, True, PARAMETERS)
    assert all(set(split.records) == set(range(200, 300)) for split in shuffled)
    assert set(time[in_time.test]) == {3.0}
    assert set(time[in_time.train]) == {1.0}


def test_the_rows_that_leak_are_named_and_do_leak():
    y = labels()
    splits = make_splits(y, np.arange(300), NOWHERE, False, PARAMETERS)
    leaks = leak_splits(splits, y, PARAMETERS, has_leaky=True)
    assert [split.protocol for split in leaks] == [LEAK_COLUMN] * 5 + [LEAK_OVERSAMPLING]
    doubled = leaks[-1]
    assert set(doubled.records[doubled.train]) & set(doubled.records[doubled.test])
    assert y[doubled.records].mean() == 0.5
    assert not leak_splits(splits, y, PARAMETERS.model_copy(update={"leaks": False}), has_leaky=True)
