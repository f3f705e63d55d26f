"""The decision rule: one offset per class, added to the log-probabilities before the highest is taken.

Probabilities fitted on unbalanced classes almost never put a rare class first, so plain argmax hides what a model
knows. The offsets are chosen on validation for macro-F1, in the same way for every model.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt

from crm_pipelines.evaluation.calibration import log_probabilities
from crm_pipelines.evaluation.confusion import confusion_counts, macro_f1
from crm_pipelines.evaluation.predictions import Codes, Floats

LIMIT: Final = 10.0
COARSE: Final = 0.25
FINE: Final = 0.025
MAX_PASSES: Final = 10
SAME: Final = 1e-12
"""Scores closer than this count as equal, and the smaller offset is kept."""


@dataclass(frozen=True)
class DecisionRule:
    """``argmax(log p + offsets)``; equal scores go to the earlier class.

    Attributes:
        offsets: one finite number per class, the first 0 by convention (only differences matter).
    """

    offsets: tuple[float, ...]

    def __post_init__(self) -> None:
        if len(self.offsets) < 2 or not np.isfinite(self.offsets).all():
            raise ValueError(f"a decision rule needs a finite offset for each of at least two classes: {self.offsets}")

    def apply(self, probabilities: Floats) -> Codes:
        """Class positions (N,) decided for probabilities (N, C)."""
        if probabilities.ndim != 2 or probabilities.shape[1] != len(self.offsets):
            raise ValueError(f"{len(self.offsets)} offsets do not fit probabilities of shape {probabilities.shape}")
        return np.asarray((log_probabilities(probabilities) + np.asarray(self.offsets)).argmax(axis=1), dtype=np.int64)

    def to_dict(self) -> dict[str, list[float]]:
        """A form that JSON can hold; ``from_dict`` reads it back."""
        return {"offsets": list(self.offsets)}

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> Self:
        """Inverse of ``to_dict``; ValueError when it does not hold a list of finite numbers."""
        if set(content) != {"offsets"} or not isinstance(content["offsets"], list):
            raise ValueError(f"a decision rule is written as {{'offsets': [numbers]}}, not {dict(content)}")
        try:
            return cls(tuple(float(offset) for offset in content["offsets"]))
        except TypeError as error:
            raise ValueError(f"offsets must be numbers, not {content['offsets']}") from error


def plain_rule(n_classes: int) -> DecisionRule:
    """Plain argmax."""
    return DecisionRule((0.0,) * n_classes)


class _Search:
    """Coordinate ascent on the macro-F1 of one validation set, from one start."""

    def __init__(self, logs: Floats, true: Codes, start: Floats) -> None:
        self.logs = logs
        self.true = true
        self.support = np.bincount(true, minlength=logs.shape[1])
        # A class without a validation example says nothing about its offset: it stays where it is.
        self.movable = np.flatnonzero(self.support)
        self.rows = np.arange(len(true))
        self.best = -1.0
        self.move_to(start)

    def move_to(self, offsets: Floats) -> None:
        """Go to these offsets (C,) if they score higher, and keep each row's best and second-best class there."""
        scores = self.logs + offsets
        first = scores.argmax(axis=1)
        score = float(macro_f1(confusion_counts(self.true, first, len(offsets))))
        if score <= self.best + SAME:
            return
        self.offsets, self.best, self.first = offsets, score, first
        self.first_score = scores[self.rows, first]
        scores[self.rows, first] = -np.inf
        self.second = scores.argmax(axis=1)
        self.second_score = scores[self.rows, self.second]

    def scores_along(self, code: int, grid: Floats) -> Floats:
        """Macro-F1 (G,) with the offset of class ``code`` at each point of an even, ascending grid (G,).

        A row goes to ``code`` from the first grid point at which that class beats its best rival, so cumulative
        counts of those points give every score at once.
        """
        size, c = len(grid), len(self.offsets)
        leads = self.first == code
        rivals = np.where(leads, self.second, self.first)
        needed = np.where(leads, self.second_score, self.first_score) - self.logs[:, code]
        exact = (needed - grid[0]) / (grid[1] - grid[0])
        # At equal scores the earlier class is taken, as argmax does.
        wins_from = np.where(code < rivals, np.ceil(exact), np.floor(exact) + 1)
        wins_from = np.clip(wins_from, 0, size).astype(np.int64)  # `size`: at no grid point

        def gained(rows: npt.NDArray[np.bool_] | slice) -> Codes:  # (G,) rows that went to `code`
            return np.bincount(wins_from[rows], minlength=size + 1)[:size].cumsum()

        def kept(rows: npt.NDArray[np.bool_] | slice) -> Codes:  # (G, C) rows left with each rival
            left = np.bincount(wins_from[rows] * c + rivals[rows], minlength=(size + 1) * c).reshape(size + 1, c)
            return np.asarray(left.sum(axis=0) - left[:size].cumsum(axis=0), dtype=np.int64)

        everything = slice(None)
        decided, hits = kept(everything), kept(self.true == rivals)
        decided[:, code], hits[:, code] = gained(everything), gained(self.true == code)
        f1 = 2 * hits / np.maximum(decided + self.support, 1)
        return np.asarray(f1[:, self.support > 0].mean(axis=1), dtype=np.float64)

    def ascend(self, reach: float, step: float, around_zero: bool) -> None:
        """Improve one class after the other until a whole pass gains nothing.

        The grid of a class goes ``reach`` either way, around 0 or around its present offset.
        """
        span: Floats = step * np.arange(-round(reach / step), round(reach / step) + 1, dtype=np.float64)
        for _ in range(MAX_PASSES):
            before = self.best
            for code in self.movable.tolist():
                grid: Floats = span if around_zero else span + float(self.offsets[code])
                found = self.scores_along(code, grid)
                if found.max() <= self.best + SAME:
                    continue
                ties = grid[found >= found.max() - SAME]
                moved = self.offsets.copy()
                moved[code] = ties[np.abs(ties).argmin()]
                # Scored again there: near exact ties the arithmetic of the grid may round the other way.
                self.move_to(moved)
            if self.best <= before + SAME:
                return


RESAMPLES: Final = 25
"""Bootstrap resamples of validation whose offsets are averaged."""


def _search_offsets(logs: Floats, true: Codes) -> Floats:
    """Best offsets (C,) of one set of rows, the first 0; two starts, a coarse grid, then a fine one."""
    n_classes = logs.shape[1]
    counts = np.bincount(true, minlength=n_classes)
    prior = np.where(counts > 0, -np.log(np.maximum(counts, 1) / len(true)), 0.0)
    search, other = (_Search(logs, true, start) for start in (np.zeros(n_classes), prior))
    for candidate in (search, other):
        candidate.ascend(LIMIT, COARSE, around_zero=True)
    if other.best > search.best + SAME:
        search = other
    search.ascend(COARSE, FINE, around_zero=False)
    return np.asarray(search.offsets - search.offsets[0], dtype=np.float64)


def fit_decision_rule(probabilities: Floats, true: Codes, resamples: int = RESAMPLES, seed: int = 0) -> DecisionRule:
    """Offsets that maximise macro-F1 on validation probabilities (N, C) and labels (N,).

    Deterministic coordinate ascent from two starts (no offsets; minus log-prior) over a grid of 0.25 up to 10
    either way, then over one of 0.025 around the best. Equal scores keep the start without offsets, then the smaller
    offset. Macro-F1 is taken over the classes with a validation example; the others keep the offset they start with,
    0. Without rows the rule is plain argmax.

    A rare class has few validation examples, and the one best point of a jagged curve does not carry over. The
    offsets are therefore the mean of those found on ``resamples`` bootstrap resamples of the rows (Breiman 1996,
    "Bagging predictors"); with 0 they are those of the rows themselves. Plain argmax stays where the mean does worse.
    """
    n_classes = probabilities.shape[1]
    if len(true) == 0:
        return plain_rule(n_classes)
    logs = log_probabilities(probabilities)
    draw = np.random.default_rng(seed)
    rows = [draw.integers(0, len(true), len(true)) for _ in range(resamples)]
    # A class that a resample happens to miss says nothing about its offset there.
    present = np.unique(true)
    rows = [chosen for chosen in rows if len(np.unique(true[chosen])) == len(present)]
    found = [_search_offsets(logs[chosen], true[chosen]) for chosen in rows] or [_search_offsets(logs, true)]
    rule, plain = DecisionRule(tuple(float(offset) for offset in np.mean(found, axis=0))), plain_rule(n_classes)
    scores = [macro_f1(confusion_counts(true, r.apply(probabilities), n_classes)) for r in (rule, plain)]
    return rule if scores[0] > scores[1] + SAME else plain
