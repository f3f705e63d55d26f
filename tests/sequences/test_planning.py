"""The beam search against plain enumeration."""

from itertools import permutations

import numpy as np
import pytest

from crm_pipelines.sequences.inputs import Histories
from crm_pipelines.sequences.planning import BLOCK, highest, plan

ITEMS = 5


def chain(histories: Histories) -> np.ndarray:
    """A made-up model: probabilities depend on the last item alone."""
    table = np.random.default_rng(3).dirichlet(np.full(ITEMS, 0.5), ITEMS + 1)
    last = [part[-1] if len(part) else ITEMS for part in np.split(histories.items, histories.start[1:-1])]
    return np.log(table[last]).astype(np.float32)


def probability(history: list[int], sequence: tuple[int, ...], no_repeats: bool) -> float:
    """Of a sequence, item by item, over what may come."""
    value, before = 1.0, list(history)
    for step, item in enumerate(sequence):
        p = np.exp(chain(Histories.of([before]))[0].astype(float))
        gone = set(before) if no_repeats else set(sequence[:step])
        p[list(gone)] = 0
        value *= p[item] / p.sum()
        before.append(item)
    return value


@pytest.mark.parametrize("no_repeats", [True, False])
@pytest.mark.parametrize("history", [[], [2], [0, 4]])
def test_a_wide_beam_finds_the_most_probable_sequence(history, no_repeats):
    found = plan(chain, Histories.of([history]), 3, no_repeats, beam=200)
    possible = [
        sequence for sequence in permutations(range(ITEMS), 3) if not (no_repeats and set(sequence) & set(history))
    ]
    best = max(possible, key=lambda sequence: probability(history, sequence, no_repeats))
    assert tuple(found.items[0]) == best
    assert np.exp(found.log_probability[0].sum()) == pytest.approx(probability(history, best, no_repeats), rel=1e-4)


def test_later_steps_are_ranked_over_all_beginnings():
    found = plan(chain, Histories.of([[1]]), 2, True, beam=200)
    expected = np.zeros(ITEMS)
    for sequence in permutations([0, 2, 3, 4], 2):
        expected[sequence[1]] += probability([1], sequence, True)
    np.testing.assert_allclose(np.exp(found.marginal[1][0]), expected, rtol=1e-4)


def test_greedy_choice_can_be_beaten():
    def model(histories: Histories) -> np.ndarray:
        """Item 0 is likeliest first, but nothing is likely after it."""
        rows = []
        for part in np.split(histories.items, histories.start[1:-1]):
            rows.append({0: [0.0, 0.34, 0.33, 0.33], 1: [0.1, 0.0, 0.9, 0.0]}.get(part[-1], [0.5, 0.4, 0.05, 0.05]))
        return np.log(np.maximum(rows, 1e-9)).astype(np.float32)

    histories = Histories.of([[3]])
    assert plan(model, histories, 2, False, beam=1).items[0].tolist() == [0, 1]
    assert plan(model, histories, 2, False, beam=3).items[0].tolist() == [1, 2]


def test_a_plan_never_repeats_an_item():
    histories = Histories.of([[0, 0, 0], [1], []])
    found = plan(chain, histories, 3, False)
    assert all(len(set(row)) == 3 for row in found.items.tolist())


def test_nobody_to_plan_for():
    def model(histories: Histories) -> np.ndarray:
        return np.zeros((len(histories), ITEMS), dtype=np.float32)

    assert plan(model, Histories.of([[0]]).part(slice(0, 0)), 3, True).items.shape == (0, 3)


def test_whoever_had_every_item_gets_no_plan_and_nobody_else_loses_theirs():
    found = plan(chain, Histories.of([list(range(ITEMS)), [0]]), 3, True)
    assert not np.isfinite(found.log_probability[0]).any()
    assert np.isfinite(found.log_probability[1]).all()
    assert not np.isnan(found.marginal[2]).any()


@pytest.mark.parametrize("length", [7, 40 * BLOCK, 40 * BLOCK + 1, 41 * BLOCK - 1])
def test_the_highest_scores_of_long_rows_are_found_by_blocks(length: int) -> None:
    scores = np.random.default_rng(length).normal(size=(5, length))
    scores[1, :-3] = -np.inf  # hardly anything can come
    scores[2, -7:] = 9.0 + np.arange(7)  # all in the last, shorter block
    scores[3] = -np.inf  # nothing can
    found = highest(scores, 5)
    np.testing.assert_array_equal(np.take_along_axis(scores, found, axis=1), -np.sort(-scores, axis=1)[:, :5])
    assert all(len(set(row)) == 5 for row in found)
    assert (found < length).all()
