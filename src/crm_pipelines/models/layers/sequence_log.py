"""Sequences as rows of tokens without padding: what networks of the next item read.

For training all customers' known parts are put one behind another, in an order drawn anew each epoch, and cut into rows
of T tokens; a mask keeps what stands in one row from seeing its neighbours. Every token is an event, however short the
sequences are (Krell et al. 2021, "Efficient sequence packing without cross-contamination", arXiv:2107.02027).
"""

from typing import Any, NamedTuple, Self

import numpy as np
import torch
from torch import Tensor

from crm_pipelines.sequences.inputs import Histories, SequenceInputs

NOTHING = -1
"""Target of a token whose successor is not to be predicted."""


class Rows(NamedTuple):
    """R rows of T tokens.

    Attributes:
        items: (R, T) codes. targets: (R, T) what follows each, `NOTHING` where that is not asked.
        piece: (R, T) number of the token's sequence within its row. place: (R, T) its place in that piece, from 0.
        customer: (R, T) whose token it is, as profiles are numbered.
    """

    items: Tensor
    targets: Tensor
    piece: Tensor
    place: Tensor
    customer: Tensor

    def of(self, ids: Tensor) -> "Rows":
        """Some rows."""
        return Rows(*(tensor[ids] for tensor in self))

    def mask(self) -> Tensor:
        """(R, T, T) whether a token (second to last) may see another (last): its own piece, not after it."""
        same = self.piece.unsqueeze(2) == self.piece.unsqueeze(1)
        return same.tril()


class SequenceSizes(NamedTuple):
    """What a network must know of sequences before it is built.

    Attributes:
        items: I.
    """

    items: int

    @property
    def classes(self) -> int:
        """I: the items are what is predicted."""
        return self.items

    @classmethod
    def parse(cls, stored: dict[str, Any]) -> Self:
        """From what JSON kept of `_asdict`."""
        return cls(**stored)


class SequenceLog:
    """Rows to train on, packed anew by `shuffle`, and rows to validate on, which stay.

    Row numbers below ``trained`` are of training, the others of validation.

    Attributes:
        inputs: what it was made of.
        begin: code of a token that opens every sequence, so that its first item is a target too; None without one.
        rest: the target of a training token is any later item of its sequence, drawn anew each time, not the next.
        trained: number of training rows.
    """

    def __init__(
        self, inputs: SequenceInputs, width: int, seed: int, begin: int | None = None, rest: bool = False
    ) -> None:
        self.inputs, self.width, self.begin, self.rest = inputs, width, begin, rest
        self.generator = np.random.default_rng(seed)
        self.known = inputs.known
        self.training = self._packed()
        self.trained = len(self.training.items)
        self.validating = validation_rows(inputs, width, begin)

    @property
    def label(self) -> Tensor:
        """Not numbered by row; the frame of networks asks for it where a row has one label."""
        raise NotImplementedError("a row of tokens has a target for each")

    @property
    def ids(self) -> tuple[np.ndarray, np.ndarray]:
        """Numbers of the rows to train on and to validate on."""
        return np.arange(self.trained), np.arange(self.trained, self.trained + len(self.validating.items))

    def shuffle(self) -> None:
        """Pack the training rows anew."""
        self.training = self._packed()

    def rows(self, ids: Tensor) -> Rows:
        """Rows by number; all of one part."""
        if not len(ids) or int(ids[0]) < self.trained:
            return self.training.of(ids)
        return self.validating.of(ids - self.trained)

    def _packed(self) -> Rows:
        lengths = np.diff(self.known.start)
        ahead = 0 if self.begin is not None else 1  # the last item of a known part is a target only
        order = self.generator.permutation(np.flatnonzero(lengths > ahead))
        tokens = lengths[order] - ahead
        owner = np.repeat(np.arange(len(order)), tokens)
        within = np.arange(len(owner)) - np.repeat(np.cumsum(tokens) - tokens, tokens)
        target = self.known.start[order][owner] + within + ahead
        if self.rest:
            left = self.known.start[1:][order][owner] - target
            target = target + (self.generator.random(len(target)) * left).astype(np.int64)
        items = self.known.items[np.maximum(self.known.start[order][owner] + within - (1 - ahead), 0)]
        if self.begin is not None:
            items = np.where(within == 0, self.begin, items)
        parts: tuple[np.ndarray, ...] = (items, self.known.items[target], owner, order[owner])
        if len(owner):  # long sequences are cut at other places each time
            turn = -int(self.generator.integers(len(owner)))
            parts = tuple(np.roll(part, turn) for part in parts)
        # A step needs two rows, so a log of a few customers is cut into two at least.
        width = min(self.width, max(len(owner) // (1 if self.begin is None else 2), 1))
        blank = -len(owner) % width
        fill = (0, NOTHING, NOTHING, 0)
        return _rows(
            *(
                np.pad(part, (0, blank), constant_values=value).reshape(-1, width)
                for part, value in zip(parts, fill, strict=True)
            )
        )


def validation_rows(inputs: SequenceInputs, width: int, begin: int | None = None) -> Rows:
    """A row for each customer with validation targets: all of them, and as many items before them as there is room.

    Args:
        inputs: the sequences. width: most tokens of a row. begin: code of a token that opens every sequence, if any.
    """
    if not len(inputs.validation):
        nothing = np.empty((0, 1), dtype=np.int64)
        return _rows(nothing, nothing, nothing, nothing)
    ahead = 0 if begin is not None else 1
    owner = inputs.customer[inputs.validation]
    customers, first = np.unique(owner, return_index=True)
    last = np.append(first[1:], len(owner)) - 1
    ends = inputs.validation[last] + 1 - ahead  # token p is asked for target p + ahead
    begins = np.maximum(inputs.start[customers], ends - width)
    lengths = ends - begins
    width = int(lengths.max(initial=1))
    place = np.arange(width)
    present = place < lengths[:, None]
    token = np.where(present, begins[:, None] + place, 0)
    asked = np.zeros(len(inputs.items) + 1, dtype=bool)
    asked[inputs.validation] = True
    following = np.minimum(token + ahead, len(inputs.items) - 1)
    targets = np.where(present & asked[following], inputs.items[following], NOTHING)
    items = inputs.items[np.maximum(token - (1 - ahead), 0)]
    if begin is not None:
        items = np.where(token == inputs.start[customers][:, None], begin, items)
    return _rows(
        np.where(present, items, 0),
        targets,
        np.where(present, 0, NOTHING),
        np.broadcast_to(customers[:, None], items.shape),
    )


def _rows(items: np.ndarray, targets: np.ndarray, piece: np.ndarray, customer: np.ndarray) -> Rows:
    fresh = np.ones(piece.shape, dtype=bool)
    fresh[:, 1:] = piece[:, 1:] != piece[:, :-1]
    place = np.arange(piece.shape[1])
    since = place - np.maximum.accumulate(np.where(fresh, place, 0), axis=1)
    parts = (items, targets, piece, since, customer)
    return Rows(*(torch.from_numpy(np.array(part, dtype=np.int64, order="C")) for part in parts))


def history_rows(histories: Histories, width: int, begin: int | None = None) -> tuple[Rows, Tensor]:
    """The latest items of each history from the left, and the place (B,) of the last; -1 where a row is empty.

    Args:
        histories: B of them; row b is of profile b.
        width: most tokens of a row.
        begin: code of a token that opens every row, if any; no row is empty then.
    """
    extra = int(begin is not None)
    codes, present = histories.last(max(width - extra, 1))
    length = present.sum(axis=1)
    width = codes.shape[1]
    place = np.arange(width)
    source = np.minimum(place + (width - length)[:, None], width - 1)
    there = place < length[:, None]
    items = np.where(there, np.take_along_axis(codes, source, axis=1), 0)
    if begin is not None:
        items = np.concatenate([np.full((len(items), 1), begin), items], axis=1)
        there = np.concatenate([np.ones((len(items), 1), dtype=bool), there], axis=1)
    owner = np.broadcast_to(np.arange(len(items))[:, None], items.shape)
    rows = _rows(items, np.full(items.shape, NOTHING), np.where(there, 0, NOTHING), owner)
    return rows, torch.from_numpy(length - 1 + extra)
