"""The predictions table: one row per (slice, event), one probability column per class.

Columns: ``event_id`` and ``customer`` (integers), ``slice``, ``y_true`` (class name), ``p_<class>`` for every class
in the order of the classes, ``group_<axis>`` for every fairness axis. Rows of the slice ``validation`` serve to
choose the temperature and the decision rule; every other slice is a test slice. An event may be in several slices.

A long table may come in *shards*, each with all the rows of its customers: whatever is computed from them has the
bytes that it has from one table.
"""

from collections.abc import Callable, Sequence
from typing import Any, Final, TypeAlias

import numpy as np
import numpy.typing as npt
import pandas as pd

from crm_pipelines.columns import CUSTOMER, EVENT_ID, GROUP_PREFIX, PROBABILITY_PREFIX, SLICE, SLICE_VALIDATION, Y_TRUE

Floats: TypeAlias = npt.NDArray[np.float64]
Codes: TypeAlias = npt.NDArray[np.int64]
Predictions: TypeAlias = "pd.DataFrame | Sequence[pd.DataFrame]"
"""A table, or its shards: a sequence that may read each when it is asked for."""

MIN_N: Final = 30
"""A slice or group with fewer rows is shown as too small, never as a number."""
DECIDED: Final = "decided"
"""Column with the class name that the decision rule chose; added by ``rules.with_decisions``."""
ROW_SUM_TOLERANCE: Final = 1e-6
"""How far the probabilities of a row may be from adding up to 1."""


def classes_of(predictions: pd.DataFrame) -> tuple[str, ...]:
    """The classes (C,) in the order of the probability columns; ValueError when there are fewer than two."""
    names = [str(column) for column in predictions.columns]
    classes = tuple(c.removeprefix(PROBABILITY_PREFIX) for c in names if c.startswith(PROBABILITY_PREFIX))
    if len(classes) < 2:
        raise ValueError(f"predictions need a '{PROBABILITY_PREFIX}<class>' column for each of at least two classes")
    if len(set(classes)) < len(classes):
        raise ValueError(f"probability columns are repeated: {', '.join(classes)}")
    return classes


def group_axes(predictions: pd.DataFrame) -> tuple[str, ...]:
    """The fairness axes, from the names of the group columns."""
    names = [str(column) for column in predictions.columns]
    return tuple(column.removeprefix(GROUP_PREFIX) for column in names if column.startswith(GROUP_PREFIX))


class Shards(Sequence[pd.DataFrame]):
    """Shards that are made each time they are asked for, so that one at a time lies in memory.

    Args:
        number: of shards.
        make: the shard of a number from 0.
    """

    def __init__(self, number: int, make: Callable[[int], pd.DataFrame]) -> None:
        self.number, self.make = number, make

    def __len__(self) -> int:
        return self.number

    def __getitem__(self, index: Any) -> Any:
        if not 0 <= index < self.number:
            raise IndexError(index)
        return self.make(index)


def shards_of(predictions: Predictions) -> Sequence[pd.DataFrame]:
    """The shards; a table is one."""
    return (predictions,) if isinstance(predictions, pd.DataFrame) else predictions


def split_by_customer(predictions: pd.DataFrame, shards: int) -> list[pd.DataFrame]:
    """The rows in shards by the remainder of their customer's number; none may be left without rows."""
    remainder = predictions[CUSTOMER].to_numpy() % shards
    parts = [predictions[remainder == shard] for shard in range(shards)]
    return [part for part in parts if len(part)]


def slices_of(predictions: Predictions) -> tuple[str, ...]:
    """The test slices, that is all but ``validation``, in alphabetical order."""
    found = {str(name) for shard in shards_of(predictions) for name in shard[SLICE].unique()}
    return tuple(sorted(found - {SLICE_VALIDATION}))


def probability_matrix(predictions: pd.DataFrame) -> Floats:
    """Probabilities (N, C), columns in the order of ``classes_of``."""
    columns = [PROBABILITY_PREFIX + label for label in classes_of(predictions)]
    return np.ascontiguousarray(predictions[columns].to_numpy(dtype=np.float64))


def class_codes(labels: "pd.Series[str]", classes: tuple[str, ...]) -> Codes:
    """Class names as positions (N,) in ``classes``; ValueError names the first label that is not among them."""
    index = pd.Index(classes)
    if isinstance(labels.dtype, pd.CategoricalDtype):
        # Look each category up once; the appended -1 is where missing labels, whose code is -1, land.
        codes = np.append(index.get_indexer(labels.cat.categories), -1)[labels.cat.codes.to_numpy()].astype(np.int64)
    else:
        codes = index.get_indexer(pd.Index(labels)).astype(np.int64)
    if (codes < 0).any():
        at = int(np.argmax(codes < 0))
        raise ValueError(
            f"column '{labels.name}' holds {labels.iloc[at]!r} at row {at}, which is not among the classes "
            f"{', '.join(classes)}; add a probability column for it or leave the row out"
        )
    return codes


def true_codes(predictions: pd.DataFrame) -> Codes:
    """True classes as positions (N,) in ``classes_of``."""
    return class_codes(predictions[Y_TRUE], classes_of(predictions))


def validate_predictions(predictions: pd.DataFrame) -> tuple[str, ...]:
    """Check a predictions table and return its classes.

    Raises ValueError, naming the column and the first bad row, when a column is missing, a probability is not
    finite or negative, a row does not add up to 1 within ``ROW_SUM_TOLERANCE``, a true class has no probability
    column, a customer is missing or not an integer, or an event appears twice in a slice.
    """
    missing = [c for c in (EVENT_ID, CUSTOMER, SLICE, Y_TRUE) if c not in predictions.columns]
    if missing:
        raise ValueError(f"predictions lack the columns {', '.join(missing)}")
    classes = classes_of(predictions)
    for column in (EVENT_ID, CUSTOMER):
        if not pd.api.types.is_integer_dtype(predictions[column].dtype) or predictions[column].isna().any():
            raise ValueError(f"column '{column}' must hold integers and no gaps, not {predictions[column].dtype}")
    if predictions[SLICE].isna().any():
        raise ValueError(f"column '{SLICE}' must name a slice in every row")
    p = probability_matrix(predictions)
    bad = ~np.isfinite(p) | (p < 0)
    if bad.any():
        row, code = (int(i) for i in np.argwhere(bad)[0])
        raise ValueError(
            f"column '{PROBABILITY_PREFIX}{classes[code]}' holds {p[row, code]} at row {row}; "
            "probabilities must be finite and not negative"
        )
    sums = p.sum(axis=1)
    off = np.abs(sums - 1.0) > ROW_SUM_TOLERANCE
    if off.any():
        row = int(np.argmax(off))
        raise ValueError(f"the probabilities of row {row} add up to {sums[row]:.6f}, not to 1")
    class_codes(predictions[Y_TRUE], classes)
    repeated = predictions.duplicated([SLICE, EVENT_ID]).to_numpy()
    if repeated.any():
        row = int(np.argmax(repeated))
        raise ValueError(
            f"event {predictions[EVENT_ID].iloc[row]} appears more than once in slice "
            f"'{predictions[SLICE].iloc[row]}' (row {row}); each (slice, event) may have one prediction"
        )
    return classes
