"""Plans of several steps from any model of the next item, by a beam search without repeats.

Paper B decodes three actions together: the plan is the most probable *sequence*, which greedy choice misses. The same
beam gives the probability of each item at each step whatever comes before it: the sum over the beam's beginnings.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.sequences.inputs import Histories, Ints

LogProbabilities = Callable[[Histories], NDArray[np.float32]]
BEAM = 10
PLANNED = 64
"""Histories planned for at once; each takes `BEAM` forward passes a step."""
BLOCK = 128
"""Scores whose highest is looked at first."""


class Plans(NamedTuple):
    """Plans of S steps for B histories.

    Attributes:
        items: (B, S) codes. log_probability: (B, S) of each step, given the ones before it.
        marginal: S arrays (B, I) float32, logarithm of the probability of each item at that step, over the beginnings
            in the beam; minus infinity for what cannot come.
    """

    items: Ints
    log_probability: NDArray[np.float64]
    marginal: list[NDArray[np.float32]]


def plan(
    model: LogProbabilities,
    histories: Histories,
    steps: int,
    no_repeats: bool,
    beam: int = BEAM,
    marginals: bool = True,
) -> Plans:
    """The most probable sequences of ``steps`` items.

    No item occurs twice in a plan. Probabilities are those of the items that may come, and sum to one.

    Args:
        model: gives log-probabilities (B, I).
        histories: B of them.
        steps: S.
        no_repeats: an item that the history holds cannot come.
        beam: beginnings kept.
        marginals: give `Plans.marginal`, else an empty list.
    """
    b = len(histories)
    sequences = np.empty((b, 1, 0), dtype=np.int64)
    own = np.empty((b, 1, 0))
    total = np.zeros((b, 1))
    found: list[NDArray[np.float32]] = []
    for _ in range(steps):
        kept = sequences.shape[1]
        rows = np.repeat(np.arange(b), kept)
        scores = next_log_probabilities(
            model, histories, rows, sequences.reshape(b * kept, sequences.shape[2]), no_repeats
        )
        n_items = scores.shape[1]
        scores = scores.reshape(b, kept, n_items)
        joint = total[:, :, None] + scores
        if marginals:
            whole = np.logaddexp.reduce(total, axis=1, keepdims=True)
            known = total - np.where(np.isfinite(whole), whole, 0.0)  # nothing is left to whoever had every item
            with np.errstate(divide="ignore"):
                mixed = np.log(np.einsum("bk,bki->bi", np.exp(known), np.exp(scores)))
            found.append(mixed.astype(np.float32))
        flat = joint.reshape(b, kept * n_items)
        best = highest(flat, min(beam, flat.shape[1]))
        parent, item = best // n_items, best % n_items
        here = np.arange(b)[:, None]
        sequences = np.concatenate([sequences[here, parent], item[:, :, None]], axis=2)
        own = np.concatenate([own[here, parent], scores[here, parent, item][:, :, None]], axis=2)
        total = np.take_along_axis(flat, best, axis=1)
    return Plans(sequences[:, 0], own[:, 0], found)


def next_log_probabilities(
    model: LogProbabilities, histories: Histories, rows: Ints, more: Ints, no_repeats: bool
) -> NDArray[np.float64]:
    """(N, I) of what comes after histories ``rows`` and then ``more`` (N, S) items, which cannot come again."""
    extended = histories.extended(rows, more)
    scores = model(extended).astype(np.float64)
    if no_repeats:
        scores[extended.owner, extended.items] = -np.inf
    elif more.shape[1]:
        np.put_along_axis(scores, more, -np.inf, axis=1)
    most = scores.max(axis=1, keepdims=True, initial=-np.inf)
    most[~np.isfinite(most)] = 0.0  # whoever had every item has none left; nothing follows, at no cost to the others
    scores -= most
    total = np.exp(scores).sum(axis=1, keepdims=True)
    scores -= np.log(total, out=np.zeros_like(total), where=total > 0)
    return scores


def highest(scores: NDArray[np.float64], width: int) -> Ints:
    """(B, width) places of the highest of scores (B, M), the highest first.

    They lie in those ``width`` blocks whose own highest are the highest, so that a long row is gone through once.
    """
    b, m = scores.shape
    if m <= 2 * width * BLOCK:
        place = np.broadcast_to(np.arange(m), scores.shape)
        looked_at = scores
    else:
        of_block = np.maximum.reduceat(scores, np.arange(0, m, BLOCK), axis=1)
        blocks = np.argpartition(-of_block, width - 1, axis=1)[:, :width]
        place = (blocks[:, :, None] * BLOCK + np.arange(BLOCK)).reshape(b, width * BLOCK)
        looked_at = np.take_along_axis(scores, np.minimum(place, m - 1), axis=1)
        looked_at[place >= m] = np.nan  # beyond the row: sorted behind what cannot come
    best = np.argpartition(-looked_at, width - 1, axis=1)[:, :width]
    order = np.argsort(-np.take_along_axis(looked_at, best, axis=1), axis=1, kind="stable")
    return np.take_along_axis(place, np.take_along_axis(best, order, axis=1), axis=1)
