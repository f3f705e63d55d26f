"""What every model of the next item is given: one protocol's sequences, and which items of them it may learn from."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int64]


@dataclass(frozen=True)
class Histories:
    """B histories one behind another.

    Attributes:
        items: (n,) int64 codes, each history oldest first.
        start: (B + 1,) int64; history b is ``items[start[b]:start[b + 1]]``, possibly empty.
        profiles: (B, F) float32 encoded attributes of whose history each is; None where nothing is known of them.
        moments: (B,) UTC seconds at which it is asked what follows; None where only the order of events is known.
    """

    items: Ints
    start: Ints
    profiles: NDArray[np.float32] | None = None
    moments: Ints | None = None

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int] | Ints]) -> Self:
        """From lists of codes."""
        lengths = [len(sequence) for sequence in sequences]
        parts = [np.asarray(sequence, dtype=np.int64) for sequence in sequences]
        items = np.concatenate(parts) if parts else np.empty(0, np.int64)
        return cls(items.astype(np.int64), np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64))

    def __len__(self) -> int:
        return len(self.start) - 1

    @property
    def owner(self) -> Ints:
        """(n,) the history of each item."""
        return np.repeat(np.arange(len(self)), np.diff(self.start))

    def part(self, rows: slice) -> "Histories":
        """Consecutive histories."""
        first, last, _ = rows.indices(len(self))
        start = self.start[first : last + 1]
        profiles = None if self.profiles is None else self.profiles[first:last]
        moments = None if self.moments is None else self.moments[first:last]
        return Histories(self.items[start[0] : start[-1]], start - start[0], profiles, moments)

    def last(self, width: int) -> tuple[Ints, NDArray[np.bool_]]:
        """The latest ``width`` items, right-aligned: codes (B, width), 0 where there is none, and where there is one.

        The width is that of the longest history at most, and 1 at least.
        """
        lengths = np.diff(self.start)
        width = int(max(1, min(width, lengths.max(initial=0))))
        place = self.start[1:, None] - np.arange(width, 0, -1)  # (B, width)
        present = place >= self.start[:-1, None]
        if not len(self.items):
            return np.zeros(place.shape, dtype=np.int64), present
        return np.where(present, self.items[np.maximum(place, 0)], 0), present

    def without(self, back: int) -> "Histories":
        """Each history without its last item (``back`` 1), the one before it (2), and so on; shorter ones stay."""
        kept = self.start[1:][self.owner] - np.arange(len(self.items)) != back
        lengths = np.bincount(self.owner[kept], minlength=len(self))
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        return Histories(self.items[kept], start, self.profiles, self.moments)

    def extended(self, rows: Ints, more: Ints) -> "Histories":
        """Histories ``rows`` (N,), each with ``more`` (N, S) items behind it."""
        lengths = np.diff(self.start)[rows]
        ends = np.cumsum(lengths + more.shape[1])
        start = np.concatenate([[0], ends]).astype(np.int64)
        items = np.empty(int(start[-1]), dtype=np.int64)
        owner = np.repeat(np.arange(len(rows)), lengths)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        items[start[owner] + within] = self.items[self.start[rows][owner] + within]
        for step in range(more.shape[1]):
            items[ends - more.shape[1] + step] = more[:, step]
        profiles = None if self.profiles is None else self.profiles[rows]
        return Histories(items, start, profiles, None if self.moments is None else self.moments[rows])


@dataclass(frozen=True)
class SequenceInputs:
    """Sequences of U customers, n events in all, over I items, in the order of each customer's events.

    A *target* is an event with an earlier one of the same customer: the item to be predicted from all that precede it.

    Attributes:
        protocol: ``leave_last_out``, ``leave_last_three`` or ``time``. fold: always 0.
        items: (n,) int64 codes. start: (U + 1,) int64; customer u has ``items[start[u]:start[u + 1]]``.
        known_until: (U,) int64; models may learn from ``items[start[u]:known_until[u]]``.
        train, validation, test: targets, ascending. Those of training lie in the part to learn from, the others not.
        plans: test targets from which three steps are planned and known.
        n_items: I; every one occurs in the log.
        no_repeats: no customer has an item twice in the part to learn from, so that what a history holds is never
            the next item.
    """

    protocol: str
    fold: int
    items: Ints
    start: Ints
    known_until: Ints
    train: Ints
    validation: Ints
    test: Ints
    plans: Ints
    n_items: int
    no_repeats: bool

    @property
    def customer(self) -> Ints:
        """(n,) whose event each is."""
        return np.repeat(np.arange(len(self.start) - 1), np.diff(self.start))

    def histories(self, targets: Ints) -> Histories:
        """All that precedes each target (B,)."""
        first = self.start[np.searchsorted(self.start, targets, side="right") - 1]
        lengths = targets - first
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        owner = np.repeat(np.arange(len(targets)), lengths)
        return Histories(self.items[first[owner] + np.arange(len(owner)) - start[owner]], start)

    @property
    def known(self) -> Histories:
        """The part to learn from, customer by customer."""
        lengths = self.known_until - self.start[:-1]
        start = np.concatenate([[0], np.cumsum(lengths)]).astype(np.int64)
        owner = np.repeat(np.arange(len(lengths)), lengths)
        return Histories(self.items[self.start[:-1][owner] + np.arange(len(owner)) - start[owner]], start)

    @property
    def labels(self) -> Ints:
        """(n,) the item of each event: what is predicted."""
        return self.items
