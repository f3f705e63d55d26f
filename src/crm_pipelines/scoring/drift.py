"""How today's inputs and scores differ from those that a model was kept with.

Population stability index over bins of equal mass in the reference, PSI = sum (p - q) ln (p / q) (Siddiqi 2006, "Credit
risk scorecards"). Two samples of the same distribution differ by chance: n m / (n + m) PSI is then about chi-squared
with one degree of freedom less than bins (Yurdakul and Naranjo 2020, "Statistical properties of the population
stability index", Journal of Risk Model Validation 14(4)), so an index below its 99 % point counts as none.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from crm_pipelines.scoring.config import DriftParameters

COLUMNS: Final = ("system", "kind", "name", "measure", "reference", "today", "value", "severity", "n")
NONE, MODERATE, MAJOR = "none", "moderate", "major"
SEVERITIES: Final = (MAJOR, MODERATE, NONE)
CHANCE: Final = 0.99
MOST_CATEGORIES: Final = 100
_SMALL: Final = 0.5
"""Added to the count of each bin, so that an empty one gives a large number and not an infinite one."""


def describe_numbers(values: NDArray[Any], bins: int) -> dict[str, Any]:
    """Bins of equal mass of a column (n,), how many values fall into each, and the missing."""
    column = np.asarray(values, dtype=np.float64)
    known = column[np.isfinite(column)]
    edges = np.unique(np.quantile(known, np.linspace(0, 1, bins + 1)[1:-1])) if len(known) else np.empty(0)
    return {
        "edges": edges.tolist(),
        "counts": _binned(known, edges).tolist(),
        "missing": float(1 - len(known) / len(column)) if len(column) else 0.0,
        "mean": float(known.mean()) if len(known) else None,
        "n": len(column),
    }


def describe_categories(values: Sequence[object]) -> dict[str, Any]:
    """Counts of the most frequent values of a column, of all others together, and the missing."""
    column = pd.Series(list(values), dtype="object")
    known = column[column.notna() & (column.astype(str) != "")].astype(str)
    counts = known.value_counts().sort_index().sort_values(ascending=False, kind="stable")
    return {
        "counts": {str(name): int(n) for name, n in counts.head(MOST_CATEGORIES).items()},
        "others": int(counts.iloc[MOST_CATEGORIES:].sum()),
        "every": sorted(str(name) for name in counts.index) if len(counts) <= 10 * MOST_CATEGORIES else [],
        "missing": float(1 - len(known) / len(column)) if len(column) else 0.0,
        "n": len(column),
    }


def stability(expected: NDArray[Any], found: NDArray[Any]) -> tuple[float, float]:
    """The index of two sets of counts (B,), and the value that it exceeds by chance in one case of a hundred."""
    n, m = float(expected.sum()), float(found.sum())
    if len(expected) < 2 or not n or not m:
        return 0.0, 0.0
    p, q = ((counts + _SMALL) / (counts.sum() + _SMALL * len(counts)) for counts in (expected, found))
    index = float(((q - p) * np.log(q / p)).sum())
    return index, float(chi2.ppf(CHANCE, len(expected) - 1) * (n + m) / (n * m))


def compare(
    system: str, reference: Mapping[str, Any], today: Mapping[str, Any], parameters: DriftParameters
) -> pd.DataFrame:
    """`COLUMNS`: a row per column and measure, the severest first.

    Args:
        system: whose inputs.
        reference: ``numbers``, ``categories`` and ``scores``: name -> what `describe_numbers` or
            `describe_categories` said.
        today: ``numbers``, ``categories`` and ``scores``: name -> values (n,).
        parameters: limits.
    """
    rows: list[tuple[Any, ...]] = []

    def add(kind: str, name: str, measure: str, was: float, now: float, value: float, severity: str, n: int) -> None:
        rows.append((system, kind, name, measure, was, now, value, severity, n))

    for kind, values_of in (("input", "numbers"), ("score", "scores")):
        for name, told in reference.get(values_of, {}).items():
            column = np.asarray(today[values_of][name], dtype=np.float64)
            known = column[np.isfinite(column)]
            index, chance = stability(np.asarray(told["counts"]), _binned(known, np.asarray(told["edges"])))
            low, high = (max(limit, chance) for limit in (parameters.moderate, parameters.major))
            mean = float(known.mean()) if len(known) else float("nan")
            was = float("nan") if told["mean"] is None else float(told["mean"])
            add(kind, name, "psi", was, mean, index, _severity(index, low, high), len(column))
            missing = float(1 - len(known) / len(column)) if len(column) else 0.0
            _missing(add, kind, name, told["missing"], missing, len(column), parameters)
    for name, told in reference.get("categories", {}).items():
        labels = pd.Series(list(today["categories"][name]), dtype="object")
        there = labels[labels.notna() & (labels.astype(str) != "")].astype(str)
        counts = there.value_counts()
        found = np.asarray([*(int(counts.get(each, 0)) for each in told["counts"]), 0])
        found[-1] = len(there) - found.sum()
        index, chance = stability(np.asarray([*told["counts"].values(), told["others"]]), found)
        low, high = (max(limit, chance) for limit in (parameters.moderate, parameters.major))
        add("input", name, "psi", float("nan"), float("nan"), index, _severity(index, low, high), len(labels))
        missing = float(1 - len(there) / len(labels)) if len(labels) else 0.0
        _missing(add, "input", name, told["missing"], missing, len(labels), parameters)
        if told["every"] and len(there):
            unseen = float((~there.isin(told["every"])).mean())
            severity = _severity(unseen, parameters.unseen_moderate, parameters.unseen_major)
            add("input", name, "unseen", 0.0, unseen, unseen, severity, len(labels))
    table = pd.DataFrame(rows, columns=list(COLUMNS))
    order = table["severity"].map(SEVERITIES.index) if len(table) else pd.Series(dtype="int64")
    return table.assign(_order=order).sort_values(["_order", "value"], ascending=[True, False], kind="stable").drop(
        columns="_order"
    ).reset_index(drop=True)  # fmt: skip


def summary(table: pd.DataFrame) -> str:
    """One line: how many columns drifted, and the worst by name."""
    if table.empty:
        return "no model was applied, so nothing could drift"
    counts = table["severity"].value_counts()
    worst = table[table["severity"] != NONE].head(3)
    named = "; ".join(f"{r.system} {r.name} {r.measure} {r.value:.2f}" for r in worst.itertuples(index=False))
    told = ", ".join(f"{int(counts.get(level, 0))} {level}" for level in (MAJOR, MODERATE))
    return f"{told} of {len(table)} comparisons" + (f" ({named})" if named else "")


def _binned(known: NDArray[Any], edges: NDArray[Any]) -> NDArray[np.int64]:
    return np.bincount(np.searchsorted(edges, known, side="right"), minlength=len(edges) + 1)


def _severity(value: float, moderate: float, major: float) -> str:
    return MAJOR if value > major else MODERATE if value > moderate else NONE


def _missing(add: Any, kind: str, name: str, was: float, now: float, n: int, parameters: DriftParameters) -> None:
    difference = now - was
    severity = _severity(abs(difference), parameters.missing_moderate, parameters.missing_major)
    add(kind, name, "missing", was, now, difference, severity, n)
