"""Clean records as arrays, their splits, and a look at every column before a model sees it.

Nothing here is fitted on records outside the training part but what a column is: one that is empty or the same
everywhere carries nothing and is left out.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.config import FoldParameters
from crm_pipelines.errors import UserError
from crm_pipelines.records.layout import Layout
from crm_pipelines.records.leaks import check_leaks
from crm_pipelines.records.splits import Split, leak_splits, make_splits, reference_splits

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]

KEPT: Final = "kept"
EMPTY: Final = "left out: no value in any record"
CONSTANT: Final = "left out: the same value in every record"
MEASURED_ONLY: Final = "measured only: sensitive"
LEAKY: Final = "left out: known only afterwards"


class TooFewRecordsError(UserError):
    """There are too few records, or too few of a class, for figures that are more than chance."""


@dataclass(frozen=True)
class Prepared:
    """Records ready to be assembled into the inputs of any fold.

    Attributes:
        arrays: by name, see `prepare`.
        splits: one mapping per protocol and fold, with the sizes of its parts.
        columns: ``column, role, missing, values, use`` of every column.
        overview: what the report says about the table.
    """

    arrays: Arrays
    splits: list[dict[str, Any]]
    columns: pd.DataFrame
    overview: dict[str, Any]


def prepare(
    records: pd.DataFrame, layout: Layout, folds: FoldParameters, title: str, where: str, trusted: Sequence[str] = ()
) -> Prepared:
    """Arrays, splits and an overview of clean records.

    Arrays: ``record_id``, ``customer`` (int64), ``labels`` (int64), ``amount``, ``position``; ``numeric`` (n, Fn),
    ``categories`` (n, Fc) positions in ``values/<i>`` (-1 where missing), ``sequence`` (n, T, C), ``leaky`` (n, L) as
    float32 or int32; the names of their columns under ``names/``; ``group/<axis>`` (n) text, ``""`` where missing; and
    ``<protocol>/fold=<f>/{records,train,validation,test}`` of every split.

    Args:
        records: ``schemas.CleanRecords`` in the order of their rows.
        layout: which column is what.
        folds: how to split.
        title: of the source, for the report.
        where: the file, for messages.
        trusted: columns that may tell the outcome nearly alone.

    Raises:
        TooFewRecordsError: too few records, or too few of a class.
        UserError: no column is left, or a column holds the outcome.
    """
    labels = np.asarray(records[c.LABEL] == layout.classes[1], dtype=np.int64)
    _check_enough(labels, layout, folds, where)
    table = _describe(records, layout)
    for row in table[table["use"].isin([EMPTY, CONSTANT])].itertuples():
        logger.warning("column '%s' is %s", row.column, row.use)
    kept = set(table.loc[table["use"] == KEPT, "column"])
    numeric = [name for name in layout.numeric if name in kept]
    categorical = [name for name in layout.categorical if name in kept]
    channels = [ch for ch in layout.channels if any(c.step_column(ch, step) in kept for step in layout.steps)]
    steps = list(layout.steps) if channels else []
    if not (numeric or categorical or channels):
        raise UserError(f"{where}: no column is left to learn from; declare some under 'numeric' or 'categorical'")
    arrays: Arrays = {
        "record_id": records[c.RECORD_ID].to_numpy(dtype=str),
        "customer": pd.factorize(records[c.CUSTOMER_ID])[0].astype(np.int64),
        "labels": labels,
        "amount": _floats(records, [c.AMOUNT])[:, 0],
        "position": records[c.POSITION].to_numpy(dtype=np.float64, na_value=np.nan),
        "numeric": _floats(records, numeric),
        "leaky": _floats(records, list(layout.leaky)),
        "sequence": _floats(records, [c.step_column(ch, step) for step in steps for ch in channels]).reshape(
            len(records), len(steps), len(channels)
        ),
        "categories": np.empty((len(records), len(categorical)), dtype=np.int32),
    }
    for position, name in enumerate(categorical):
        codes, values = pd.factorize(records[name], sort=True)
        arrays["categories"][:, position] = codes
        arrays[f"values/{position}"] = np.asarray(values, dtype=str)
    names = {
        "numeric": numeric,
        "categorical": categorical,
        "channels": channels,
        "steps": steps,
        "leaky": list(layout.leaky),
        "classes": list(layout.classes),
    }
    arrays |= {f"names/{key}": np.asarray(value, dtype=str) for key, value in names.items()}
    for axis in dict.fromkeys((*layout.sensitive, *layout.groups)):
        arrays[f"group/{axis}"] = records[axis].fillna("").to_numpy(dtype=str)
    if layout.window:
        splits = reference_splits(labels, arrays["position"], layout.window, folds.folds)
        if not splits:
            raise UserError(
                f"{where}: the log is too short to learn at one date, to choose at another and to test at a third; "
                "give a longer log, shorter outcomes ('within_days'), or dates that lie closer ('every_days')"
            )
    else:
        splits = make_splits(labels, arrays["customer"], arrays["position"], layout.snapshots, folds)
    check_leaks(arrays, splits[0], folds.leak_auc, trusted, where)
    if not layout.window:
        splits += leak_splits(splits, labels, folds, bool(layout.leaky))
    for split in splits:
        arrays |= {f"{split.key}/{part}": ids for part, ids in split.parts().items()}
    overview = {
        "title": title,
        "records": len(records),
        "customers": int(arrays["customer"].max() + 1),
        "class_counts": {name: int((labels == code).sum()) for code, name in enumerate(layout.classes)},
        "numeric": len(numeric),
        "categorical": len(categorical),
        "steps": len(steps),
        "channels": len(channels),
    }
    return Prepared(arrays, [_sizes(split) for split in splits], table, overview)


def prepare_new(records: pd.DataFrame, arrays: Mapping[str, NDArray[Any]]) -> Arrays:
    """Records without an outcome with the columns of prepared ones, for `assembly.assemble_new`.

    Args:
        records: the columns of the records that `prepare` was given, but ``label``; categories it has not seen count
            as missing.
        arrays: of `prepare`.
    """
    steps, channels = ([str(name) for name in arrays[f"names/{kind}"]] for kind in ("steps", "channels"))
    categorical = [str(name) for name in arrays["names/categorical"]]
    new: Arrays = {
        "record_id": records[c.RECORD_ID].to_numpy(dtype=str),
        "numeric": _floats(records, [str(name) for name in arrays["names/numeric"]]),
        "sequence": _floats(records, [c.step_column(ch, step) for step in steps for ch in channels]).reshape(
            len(records), len(steps), len(channels)
        ),
        "categories": np.empty((len(records), len(categorical)), dtype=np.int32),
    }
    for position, name in enumerate(categorical):
        known = pd.Index([str(value) for value in arrays[f"values/{position}"]])
        new["categories"][:, position] = known.get_indexer(pd.Index(records[name].astype(object)))
    return new


def _floats(records: pd.DataFrame, names: Sequence[str]) -> NDArray[np.float32]:
    """(n, len(names)) numbers, nan where missing."""
    if not names:
        return np.empty((len(records), 0), dtype=np.float32)
    return records[list(names)].to_numpy(dtype=np.float64, na_value=np.nan).astype(np.float32)


def _sizes(split: Split) -> dict[str, Any]:
    return {
        c.PROTOCOL: split.protocol,
        c.FOLD: split.fold,
        **{part: len(ids) for part, ids in split.parts().items()},
    }


def _check_enough(labels: NDArray[np.int64], layout: Layout, folds: FoldParameters, where: str) -> None:
    """Stop where figures would be chance."""
    counts: Mapping[str, int] = {name: int((labels == code).sum()) for code, name in enumerate(layout.classes)}
    least, per_class = folds.minimum["records"], folds.minimum["class"]
    if len(labels) < least or min(counts.values()) < per_class:
        listed = ", ".join(f"{name} {n}" for name, n in counts.items())
        raise TooFewRecordsError(
            f"{where}: {len(labels)} records ({listed}) are too few for a risk model that can be trusted: at least "
            f"{least} records and {per_class} of each class are needed ('folds.minimum'); collect more, or take "
            "neighbouring periods together"
        )


def _describe(records: pd.DataFrame, layout: Layout) -> pd.DataFrame:
    """``column, role, missing, values, use``: share of missing cells, number of different ones, what becomes of it."""
    roles = {
        "numeric": layout.numeric,
        "categorical": layout.categorical,
        "sequence": layout.sequence_columns,
        "sensitive": layout.sensitive,
        "leaky": layout.leaky,
    }
    rows = []
    for role, names in roles.items():
        for name in names:
            cells = records[name]
            values = int(cells.nunique())
            use = {"sensitive": MEASURED_ONLY, "leaky": LEAKY}.get(role, KEPT)
            if values == 0:
                use = EMPTY
            elif values == 1 and not cells.isna().any() and role not in ("sensitive", "leaky"):
                use = CONSTANT
            rows.append((name, role, float(cells.isna().mean()), values, use))
    return pd.DataFrame(rows, columns=["column", "role", "missing", "values", "use"])
