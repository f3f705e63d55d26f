"""Looks for columns that hold the outcome itself, before a model does.

A single column that tells the classes apart almost perfectly is hardly ever knowledge: it was filled in when the
outcome was known.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from crm_pipelines.columns import METRIC, MODEL, PROTOCOL, SLICE, SLICE_ALL, VALUE, step_column
from crm_pipelines.errors import UserError
from crm_pipelines.records.splits import LEAK_PROTOCOLS, Split


def check_leaks(arrays: dict[str, NDArray[Any]], split: Split, most: float, trusted: Sequence[str], where: str) -> None:
    """Stop at columns that alone reach ``most`` area under the ROC curve on the training part of a fold.

    Raises:
        UserError: naming them and what to do.
    """
    rows = split.records[split.train]
    labels = arrays["labels"][rows]
    found = {
        name: auc
        for name, auc in column_aucs(arrays, rows, labels).items()
        if auc >= most and name not in trusted and name.partition("@")[0] not in trusted
    }
    if found:
        listed = ", ".join(f"'{name}' (AUC {auc:.3f})" for name, auc in sorted(found.items(), key=lambda at: -at[1]))
        raise UserError(
            f"{where}: the outcome can be read off {listed} alone, so it was probably filled in afterwards: put it "
            "under 'leaky' in the source block, or under 'trusted' if it is known before the outcome"
        )


def too_good(metrics: pd.DataFrame, most: float) -> str:
    """A warning where a model tells almost every outcome: columns may give it away together though none does alone.

    Args:
        metrics: a row per run and metric, with its value.
        most: mean area under the ROC curve from which a model is suspected.

    Returns:
        One sentence, empty where no model of an honest protocol is that good.
    """
    honest = ~metrics[PROTOCOL].isin(LEAK_PROTOCOLS) & (metrics[SLICE] == SLICE_ALL)
    means = metrics[honest & (metrics[METRIC] == "roc_auc")].groupby(MODEL)[VALUE].mean()
    if means.empty or means.max() < most:
        return ""
    return (
        f"'{means.idxmax()}' reaches a ROC AUC of {means.max():.3f} on records that it has not learnt from: columns "
        "may give the outcome away together though none does alone. Look whether those that matter most "
        "(importance.csv) are known before the outcome; put them under 'leaky' in the source block if not"
    )


def column_aucs(
    arrays: dict[str, NDArray[Any]], rows: NDArray[np.int64], labels: NDArray[np.int64]
) -> dict[str, float]:
    """Area under the ROC curve of each column by itself, whichever way it points, on some records.

    Missing cells count as lowest or as highest, whichever tells more; a category counts by its share of the positive
    class in the other half of the records.
    """
    values: dict[str, float] = {}
    for position, name in enumerate(arrays["names/numeric"]):
        values[str(name)] = _numeric_auc(arrays["numeric"][rows, position], labels)
    for at, step in enumerate(arrays["names/steps"]):
        for position, channel in enumerate(arrays["names/channels"]):
            values[step_column(str(channel), str(step))] = _numeric_auc(arrays["sequence"][rows, at, position], labels)
    for position, name in enumerate(arrays["names/categorical"]):
        values[str(name)] = _category_auc(arrays["categories"][rows, position], labels)
    return values


def _numeric_auc(column: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    missing = np.isnan(column)
    known = column[~missing].astype(np.float64)
    low, high = (known.min() - 1, known.max() + 1) if len(known) else (0.0, 0.0)
    aucs = [float(roc_auc_score(labels, np.where(missing, end, column))) for end in (low, high)]
    return max(max(auc, 1 - auc) for auc in aucs)


def _category_auc(codes: NDArray[np.int32], labels: NDArray[np.int64]) -> float:
    """Category by category, each half of the records judged by the shares of the other."""
    half = np.arange(len(codes)) % 2
    size = int(codes.max(initial=-1)) + 2
    score = np.empty(len(codes))
    for side in (0, 1):
        other = half != side
        n = np.bincount(codes[other] + 1, minlength=size)
        positive = np.bincount(codes[other] + 1, weights=labels[other], minlength=size)
        share = np.where(n > 0, positive / np.maximum(n, 1), labels.mean())
        score[~other] = share[codes[~other] + 1]
    return float(roc_auc_score(labels, score))
