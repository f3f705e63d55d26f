"""The time split: cuts in time, so that everything trained on is older than everything tested on."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.config import SplitParameters
from crm_pipelines.errors import UserError

_PARTS: Final[tuple[Literal["train", "validation", "test"], ...]] = ("train", "validation", "test")


@dataclass(frozen=True)
class Fold:
    """One rolling origin: train | validation | test, by time. The last fold is the global cut.

    Attributes:
        fold: 0, 1, ... in order of time.
        validation_start, test_start: seconds; an event exactly then belongs to the later part.
        test_end: seconds, the next fold's ``test_start``; None in the last fold, tested to the end of the log.
    """

    fold: int
    validation_start: int
    test_start: int
    test_end: int | None

    def parts(
        self, timestamp: NDArray[np.int64], labelled: NDArray[np.bool_] | None = None
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
        """Event ids of training, validation and test.

        Args:
            timestamp: (n) ascending seconds of the store.
            labelled: (n) the events to keep; all by default.
        """
        cuts = [self.validation_start, self.test_start]
        cuts += [] if self.test_end is None else [self.test_end]
        first = [0, *np.searchsorted(timestamp, cuts, side="left").tolist(), len(timestamp)]
        train, validation, test, *_ = (np.arange(a, b, dtype=np.int64) for a, b in pairwise(first))
        if labelled is None:
            return train, validation, test
        return train[labelled[train]], validation[labelled[validation]], test[labelled[test]]


def least_events(parameters: SplitParameters) -> int:
    """Labelled events that a log must hold for every part to have its ``minimum``."""
    history, held = parameters.history_share, parameters.validation_share
    shares = {"train": history * (1 - held), "validation": history * held, "test": 1 - history}
    return max(1, *(int(np.ceil(parameters.minimum.get(part, 0) / shares[part])) for part in _PARTS))


def time_split(
    timestamp: NDArray[np.int64], labelled_mask: NDArray[np.bool_], parameters: SplitParameters
) -> list[Fold]:
    """Cut a log by time, counting labelled events.

    History is the earliest ``history_share`` of the labelled events and validation the last
    ``validation_share`` of history; events at the second of a cut all go to the later side. Each earlier fold cuts
    ``fold_step`` of the events before the next one and is tested up to it.

    Args:
        timestamp: (n) ascending seconds.
        labelled_mask: (n) events with a class to predict; the others are context.

    Raises:
        UserError: if a part of a fold holds fewer labelled events than ``parameters.minimum``.
    """
    times = np.sort(timestamp[labelled_mask])
    need = least_events(parameters)
    if len(times) < need:
        raise UserError(
            f"interactions: {len(times)} events with a class to predict, at least {need} are needed to split "
            "by time. Give a longer log, or lower 'split.minimum' (train, validation, test) in the parameters."
        )
    last = parameters.folds - 1
    shares = [parameters.history_share - (last - fold) * parameters.fold_step for fold in range(parameters.folds)]
    if shares[0] <= 0:
        raise UserError(
            f"split: {parameters.folds} folds of fold_step {parameters.fold_step} leave no history before the first "
            f"(history_share {parameters.history_share}). Lower 'folds' or 'fold_step'."
        )
    starts = [int(times[_floor(share * len(times))]) for share in shares]
    folds = []
    for fold, start in enumerate(starts):
        history = int(np.searchsorted(times, start))
        inner = _floor((1 - parameters.validation_share) * history)
        validation = int(times[inner])
        folds.append(Fold(fold, validation, start, starts[fold + 1] if fold < last else None))
    for fold_ in folds:
        counts = [len(part) for part in fold_.parts(times)]
        for part, count in zip(_PARTS, counts, strict=True):
            minimum = max(parameters.minimum.get(part, 0), 1)
            if count < minimum:
                raise UserError(
                    f"split: the {part} part of fold {fold_.fold} holds {count} events, {minimum} are needed. Many "
                    f"events may share one time; give a longer log, use fewer 'split.folds', or lower "
                    f"'split.minimum.{part}'."
                )
    return folds


def check_classes(
    folds: Sequence[Fold], timestamp: NDArray[np.int64], labels: NDArray[np.int64], classes: Sequence[str]
) -> None:
    """See that every class occurs in every fold's training part; absence later on is no error.

    Args:
        timestamp: (n) ascending seconds. labels: (n) class index, -1 for context events.

    Raises:
        UserError: naming the classes that never occur.
    """
    for fold in folds:
        train = fold.parts(timestamp, labels >= 0)[0]
        counts = np.bincount(labels[train], minlength=len(classes))
        absent = [name for name, count in zip(classes, counts, strict=True) if not count]
        if absent:
            raise UserError(
                f"split: no event of class {', '.join(repr(name) for name in absent)} among the {len(train)} training "
                f"events of fold {fold.fold}. Check the labels under 'behaviours' or 'rating_classes' of the source, "
                "or give a longer log."
            )


def _floor(count: float) -> int:
    """Whole part; rounded first, so that 0.7 * 10 counts as 7."""
    return int(np.floor(round(count, 6)))
