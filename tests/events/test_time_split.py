"""Cuts in time: parts are ordered, ties go to the later side, and too little data is said in so many words."""

from itertools import pairwise

import numpy as np
import pytest
from event_logs import quick
from hypothesis import given
from hypothesis import strategies as st

from crm_pipelines.config import SplitParameters
from crm_pipelines.errors import UserError
from crm_pipelines.events.split import check_classes, time_split

FREE = {"train": 1, "validation": 1, "test": 1}


def split(times, labelled=None, **parameters):
    times = np.asarray(times, dtype=np.int64)
    mask = np.ones(len(times), dtype=bool) if labelled is None else np.asarray(labelled)
    return time_split(times, mask, SplitParameters(**{"minimum": FREE, **parameters}))


def test_eighty_percent_is_history_and_its_last_tenth_validation():
    (fold,) = split(range(100))
    train, validation, test = fold.parts(np.arange(100))
    assert (len(train), len(validation), len(test)) == (72, 8, 20)
    assert fold.test_end is None


def test_events_at_the_second_of_a_cut_go_to_the_later_side():
    times = [*range(70), *[75] * 15, *range(85, 100)]  # the 80 % point lies inside the tie
    (fold,) = split(times)
    train, validation, test = fold.parts(np.asarray(times))
    assert fold.test_start == 75
    assert len(test) == 30
    assert (len(train), len(validation)) == (63, 7)


@quick
@given(st.lists(st.integers(0, 60), min_size=40, max_size=120), st.integers(1, 5), st.data())
def test_parts_are_ordered_disjoint_and_complete(times, folds, data):
    times = np.sort(np.asarray(times, dtype=np.int64))
    labelled = np.asarray(data.draw(st.lists(st.booleans(), min_size=len(times), max_size=len(times))))
    try:
        result = split(times, labelled, folds=folds)
    except UserError:
        return  # too many ties for so small a log
    for fold, following in zip(result, [*result[1:], None], strict=True):
        parts = fold.parts(times, labelled)
        together = np.concatenate(parts)
        assert labelled[together].all()
        assert (np.diff(together) > 0).all(), "each event once, in order of time"
        for earlier, later in pairwise(parts):
            assert times[earlier].max() < times[later].min(), "no second is on both sides of a cut"
        assert fold.test_end == (following.test_start if following else None)
        expected = labelled & (times < (fold.test_end if following else np.inf))
        assert len(together) == expected.sum()


def test_only_labelled_events_are_counted_for_the_cut():
    labelled = np.arange(200) >= 100  # context events first
    (fold,) = split(range(200), labelled)
    assert fold.test_start == 180


def test_earlier_folds_step_back_and_are_tested_up_to_the_next():
    first, second, last = split(range(100), folds=3)
    assert [fold.test_start for fold in (first, second, last)] == [60, 70, 80]
    assert [fold.test_end for fold in (first, second, last)] == [70, 80, None]
    assert [fold.fold for fold in (first, second, last)] == [0, 1, 2]


def test_what_comes_after_the_cut_does_not_move_it():
    """Only how many events lie after the cut counts, not when they are."""
    assert split(range(100)) == split([*range(81), *range(1_000, 1_019)])


def test_too_short_a_log_says_how_many_are_needed():
    with pytest.raises(UserError, match=r"3 events .* at least 375"):
        time_split(np.arange(3), np.ones(3, dtype=bool), SplitParameters())


def test_too_small_a_part_is_named_with_its_counts():
    burst = [*range(300), *[300] * 190, *range(301, 411)]  # the cut falls into the burst, which goes to the test part
    with pytest.raises(UserError, match=r"validation part of fold 0 holds 30 events, 40 .*'split.minimum.validation'"):
        split(burst, minimum={"train": 5, "validation": 40, "test": 5})


def test_a_log_of_one_second_cannot_be_split():
    with pytest.raises(UserError, match="train part of fold 0 holds 0 events"):
        split([7] * 50)


def test_folds_beyond_the_log_are_refused():
    with pytest.raises(UserError, match="leave no history"):
        split(range(100), history_share=0.3, folds=5)


def test_a_class_missing_from_training_is_named_and_one_missing_later_is_not():
    times = np.arange(100)
    folds = split(times)
    labels = np.where(times < 72, times % 2, 0)
    check_classes(folds, times, labels, ["view", "buy"])
    with pytest.raises(UserError, match=r"class 'cart' among the 72 training events of fold 0"):
        check_classes(folds, times, labels, ["view", "buy", "cart"])
    late = np.where(times >= 80, 1, 0)
    with pytest.raises(UserError, match="'buy'"):
        check_classes(folds, times, late, ["view", "buy"])
