"""How records are split: shuffled stratified folds, and one cut in time where the records have an order."""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold, train_test_split

from crm_pipelines.columns import PROTOCOL_STRATIFIED, PROTOCOL_TIME
from crm_pipelines.config import FoldParameters

Ids = NDArray[np.int64]

LEAK_COLUMN: Final = "leak_column"
"""Protocol of the row that is given columns known only afterwards; otherwise as ``stratified``."""
LEAK_OVERSAMPLING: Final = "leak_oversampling"
"""Protocol of the row whose rarer class is repeated before the split, so that test records are learnt from."""
LEAK_PROTOCOLS: Final = (LEAK_COLUMN, LEAK_OVERSAMPLING)
PARTS: Final = ("records", "train", "validation", "test")


@dataclass(frozen=True)
class Split:
    """One fold.

    Attributes:
        protocol, fold: its name.
        records: (m) rows of the table that take part, in order; with repeats where a class was oversampled.
        train, validation, test: positions in ``records``, ascending.
    """

    protocol: str
    fold: int
    records: Ids
    train: Ids
    validation: Ids
    test: Ids

    @property
    def key(self) -> str:
        """``stratified/fold=0``."""
        return f"{self.protocol}/fold={self.fold}"

    def parts(self) -> dict[str, Ids]:
        """Its arrays by name."""
        return {name: getattr(self, name) for name in PARTS}


def make_splits(
    labels: Ids, customer: Ids, position: NDArray[np.float64], snapshots: bool, parameters: FoldParameters
) -> list[Split]:
    """Every fold of every protocol, the stratified ones first.

    The stratified folds are those of ``StratifiedKFold(folds, shuffle=True, random_state=seed)``; where customers have
    several records, ``StratifiedGroupKFold`` keeps each on one side. Validation is a stratified part of the training
    folds. The protocol ``time`` exists where positions are known and the cut leaves every part both classes.

    Args:
        labels: (n) 0 or 1.
        customer: (n) whom each record belongs to.
        position: (n) time or order, nan where unknown.
        snapshots: the same customers at several times: stratified folds are of the last time only.
        parameters: sizes and seed.
    """
    everything = np.arange(len(labels))
    latest = everything[position == np.nanmax(position)] if snapshots else everything
    splits = [
        Split(PROTOCOL_STRATIFIED, fold, latest, *parts)
        for fold, parts in enumerate(_stratified(labels[latest], customer[latest], parameters))
    ]
    in_time = _in_time(labels, position, parameters)
    if in_time is not None:
        splits.append(Split(PROTOCOL_TIME, 0, everything, *in_time))
    return splits


def reference_splits(labels: Ids, position: NDArray[np.float64], window: float, folds: int) -> list[Split]:
    """Rolling origins: each fold tests on the records of one date and learns from those whose outcomes it could know.

    The last fold tests on the last date, each earlier one on the latest date that lies ``window`` or more before the
    next one's. Validation is the latest date whose outcomes end by then, training all dates whose outcomes end by the
    validation's. A fold without both classes in every part, or with no earlier date, does not exist.

    Args:
        labels: (n) 0 or 1. position: (n) UTC seconds. window: seconds that an outcome takes. folds: most of them.
    """
    dates = np.unique(position)
    tested: list[float] = []
    for date in dates[::-1]:
        if len(tested) < folds and (not tested or date <= tested[-1] - window):
            tested.append(float(date))
    found = []
    for date in reversed(tested):
        known = dates[dates <= date - window]
        if not len(known):
            continue
        parts = (position <= known[-1] - window, position == known[-1], position == date)
        if all(len(np.unique(labels[part])) == 2 for part in parts):
            found.append(tuple(np.flatnonzero(part) for part in parts))
    everything = np.arange(len(labels))
    return [Split(PROTOCOL_TIME, fold, everything, *parts) for fold, parts in enumerate(found)]


def leak_splits(splits: list[Split], labels: Ids, parameters: FoldParameters, has_leaky: bool) -> list[Split]:
    """The folds of the rows that show what a leak would fake; none where they are switched off.

    One fold is enough to show what repeating records before the split does.
    """
    base = [split for split in splits if split.protocol == PROTOCOL_STRATIFIED]
    if not parameters.leaks or not base:
        return []
    leaks = []
    if has_leaky:
        leaks += [Split(LEAK_COLUMN, s.fold, s.records, s.train, s.validation, s.test) for s in base]
    records = base[0].records
    own = labels[records]
    rare = int(own.mean() < 0.5)
    extra = np.random.default_rng(parameters.seed).choice(
        np.flatnonzero(own == rare), size=int((own != rare).sum() - (own == rare).sum()), replace=True
    )
    doubled = np.concatenate([records, records[extra]])
    first, *_ = _stratified(labels[doubled], np.arange(len(doubled)), parameters)
    return [*leaks, Split(LEAK_OVERSAMPLING, 0, doubled, *first)]


def _stratified(labels: Ids, customer: Ids, parameters: FoldParameters) -> list[tuple[Ids, Ids, Ids]]:
    """(train, validation, test) of each shuffled fold."""
    alone = len(np.unique(customer)) == len(customer)
    kind: Any = StratifiedKFold if alone else StratifiedGroupKFold
    folding = kind(parameters.folds, shuffle=True, random_state=parameters.seed)
    parts = []
    for rest, test in folding.split(labels, labels, None if alone else customer):
        if alone:
            train, validation = train_test_split(
                rest, test_size=parameters.validation_share, stratify=labels[rest], random_state=parameters.seed
            )
        else:
            inner = StratifiedGroupKFold(
                max(2, round(1 / parameters.validation_share)), shuffle=True, random_state=parameters.seed
            )
            kept, held = next(iter(inner.split(rest, labels[rest], customer[rest])))
            train, validation = rest[kept], rest[held]
        parts.append((np.sort(train), np.sort(validation), np.sort(test)))
    return parts


def _in_time(labels: Ids, position: NDArray[np.float64], parameters: FoldParameters) -> tuple[Ids, Ids, Ids] | None:
    """One cut in time, records of one moment on the later side; None without an order or without both classes."""
    if np.isnan(position).any() or len(position) == 0:
        return None
    ordered = np.sort(position)
    cut = ordered[int(len(ordered) * parameters.history_share)]
    history = ordered[ordered < cut]
    if len(history) == 0:
        return None
    inner = history[int(len(history) * (1 - parameters.time_validation_share))]
    parts = (position < inner, (position >= inner) & (position < cut), position >= cut)
    ids = tuple(np.flatnonzero(part) for part in parts)
    if any(len(np.unique(labels[part])) < 2 for part in ids):
        return None
    return ids[0], ids[1], ids[2]
