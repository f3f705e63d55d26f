"""Group fairness: does the model work as well for every group of customers?

The papers give no formula. Here, per axis, ``GF = 100 * min_g / max_g`` of macro-F1 over the groups with at least
``MIN_N`` rows (100: all equal), with the difference ``max_g - min_g`` beside it. Macro-F1 of a group is taken over
the classes that occur in the group. Rows whose group is missing are left out of that axis.
"""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
import pandas as pd

from crm_pipelines.columns import CUSTOMER, GROUP_PREFIX, RESULT_COLUMNS, SLICE, SLICE_ALL, Y_TRUE
from crm_pipelines.evaluation.bootstrap import (
    customer_counts,
    customers_of,
    interval,
    resample_metrics,
    total_counts,
)
from crm_pipelines.evaluation.confusion import macro_f1
from crm_pipelines.evaluation.predictions import (
    DECIDED,
    MIN_N,
    Predictions,
    class_codes,
    classes_of,
    group_axes,
    shards_of,
)

GROUP_COLUMNS: Final = ("axis", "group", "n", "customers", "macro_f1", "low", "high")


def group_table(
    decided: Predictions, resamples: int = 1000, seed: int = 0, slice_name: str = SLICE_ALL
) -> pd.DataFrame:
    """Macro-F1 of every group of every axis, with a 95 % bootstrap interval over customers.

    Args:
        decided: predictions with the column ``decided`` (``rules.with_decisions``), or shards of them by customer.
        resamples: bootstrap resamples; 0 leaves the intervals out.
        seed: of the resamples, which all groups share.
        slice_name: the slice looked at.

    Returns:
        ``GROUP_COLUMNS``, groups of an axis in alphabetical order; macro-F1 and interval are NaN below ``MIN_N`` rows.
    """
    shards = shards_of(decided)
    classes = classes_of(shards[0])
    customers = customers_of(shards, slice_name)
    tables: dict[tuple[str, str], Any] = {}
    for shard in shards:
        rows = shard[shard[SLICE] == slice_name]
        true, chosen = class_codes(rows[Y_TRUE], classes), class_codes(rows[DECIDED], classes)
        customer = np.searchsorted(customers, rows[CUSTOMER].to_numpy())
        for axis in group_axes(shard):
            group = rows[GROUP_PREFIX + axis]
            for name in group.dropna().unique():
                member = (group == name).fillna(False).to_numpy(dtype=bool)
                found = customer_counts(customer[member], true[member], chosen[member], len(classes), len(customers))
                key = axis, str(name)
                tables[key] = tables[key] + found if key in tables else found
    axes = group_axes(shards[0])
    labels: list[dict[str, Any]] = []
    counts: list[Any] = []
    for axis, name in sorted(tables, key=lambda key: (axes.index(key[0]), key[1])):
        table = tables[axis, name]
        members = int((np.asarray(table.sum(axis=0)) > 0).sum())
        labels.append({"axis": axis, "group": name, "n": int(table.sum()), "customers": members})
        counts.append(table)
    resampled = np.empty((0, len(counts)))
    if counts and resamples:
        resampled = resample_metrics(counts, len(classes), {"macro_f1": macro_f1}, resamples, seed)["macro_f1"]
    for position, label in enumerate(labels):
        known = label["n"] >= MIN_N
        point = float(macro_f1(total_counts(counts[position], len(classes)))) if known else float("nan")
        low, high = interval(resampled[:, position]) if known else (float("nan"), float("nan"))
        label.update({"macro_f1": point, "low": low, "high": high})
    return pd.DataFrame(labels, columns=list(GROUP_COLUMNS))


def axis_fairness(groups: pd.DataFrame) -> pd.DataFrame:
    """Both forms of group fairness per axis, from ``group_table``.

    Returns:
        ``axis, group_fairness`` (per cent), ``difference`` (of macro-F1), ``groups`` (counted), ``n`` (rows in them).
        Both forms are NaN with fewer than two groups of ``MIN_N`` rows, or when no group scores above 0.
    """
    rows = []
    for axis, table in groups.groupby("axis", sort=False):
        counted = table.dropna(subset=["macro_f1"])
        scores = counted["macro_f1"].to_numpy(dtype=np.float64)
        comparable = len(scores) >= 2 and scores.max() > 0
        rows.append(
            {
                "axis": axis,
                "group_fairness": 100.0 * scores.min() / scores.max() if comparable else float("nan"),
                "difference": scores.max() - scores.min() if comparable else float("nan"),
                "groups": len(scores),
                "n": int(counted["n"].sum()),
            }
        )
    return pd.DataFrame(rows, columns=["axis", "group_fairness", "difference", "groups", "n"])


def fairness_rows(decided: Predictions, run: Mapping[str, Any]) -> pd.DataFrame:
    """Result rows ``group_fairness[<axis>]`` and their minimum ``group_fairness``, on slice ``all``.

    No rows when the predictions have no group columns. ``run`` holds ``RUN_COLUMNS``.
    """
    axes = axis_fairness(group_table(decided, resamples=0))
    if axes.empty:
        return pd.DataFrame(columns=list(RESULT_COLUMNS))
    names = [f"group_fairness[{axis}]" for axis in axes["axis"]]
    worst = axes["group_fairness"].min()
    rows = pd.DataFrame(
        {
            **run,
            SLICE: SLICE_ALL,
            "metric": ["group_fairness", *names],
            "value": [float(worst), *axes["group_fairness"]],
            "n": [int(axes["n"].max()), *axes["n"]],
        }
    )
    return rows[list(RESULT_COLUMNS)]
