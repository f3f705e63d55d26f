"""Bootstrap over customers: resample customers with all their events, and score confusion counts.

Events of one customer are alike, so resampling events would make intervals too narrow. A resample is a vector of
multinomial weights, one per customer, shared by everything that is compared: differences are paired.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.sparse import csr_matrix

from crm_pipelines.columns import CUSTOMER, SLICE
from crm_pipelines.evaluation.predictions import Codes, Floats

CHUNK_VALUES: Final = 4_000_000
"""Weights held at a time: 32 MB, whatever the number of customers and resamples."""
LEVEL: Final = 95.0
"""Per cent covered by an interval."""


def customers_of(shards: Iterable[pd.DataFrame], slice_name: str) -> Codes:
    """The different customers (U,) with rows in a slice, rising."""
    found = [np.unique(shard.loc[shard[SLICE] == slice_name, CUSTOMER].to_numpy(dtype=np.int64)) for shard in shards]
    return np.unique(np.concatenate(found))


def customer_counts(customers: Codes, true: Codes, decided: Codes, n_classes: int, n_customers: int) -> Any:
    """Sparse confusion counts (C*C, U): a column per customer, a row per (true, decided) pair.

    Args:
        customers: customer (N,) of each event, from 0 to ``n_customers`` - 1.
        true, decided: class positions (N,).
    """
    cells = true * n_classes + decided
    return csr_matrix((np.ones(len(cells)), (cells, customers)), shape=(n_classes**2, n_customers))


def total_counts(counts: Any, n_classes: int) -> Floats:
    """Confusion counts (C, C) over all customers."""
    return np.asarray(counts.sum(axis=1), dtype=np.float64).reshape(n_classes, n_classes)


def resample_weights(random: np.random.Generator, n_customers: int, resamples: int) -> Floats:
    """Multinomial weights (U, resamples): how often each customer was drawn in U draws with replacement."""
    weights = np.empty((n_customers, resamples))
    for column in range(resamples):
        drawn = random.integers(0, n_customers, size=n_customers)
        weights[:, column] = np.bincount(drawn, minlength=n_customers)
    return weights


def resample_metrics(
    counts: Sequence[Any],
    n_classes: int,
    functions: Mapping[str, Callable[[Floats], Floats]],
    resamples: int,
    seed: int,
    chunk_values: int = CHUNK_VALUES,
) -> dict[str, Floats]:
    """Metrics of each table of counts in each resample: name -> (resamples, R).

    Args:
        counts: R tables from ``customer_counts`` over the same customers.
        n_classes: C.
        functions: name -> function of confusion counts (..., C, C).
        resamples: number of resamples, the same customers in all R tables.
        seed: of the draws; the result does not depend on ``chunk_values``.
    """
    n_customers = counts[0].shape[1]
    random = np.random.default_rng(seed)
    results: dict[str, Floats] = {name: np.empty((resamples, len(counts))) for name in functions}
    size = max(1, min(resamples, chunk_values // max(n_customers, 1)))
    for start in range(0, resamples, size):
        stop = min(start + size, resamples)
        weights = resample_weights(random, n_customers, stop - start)
        for run, table in enumerate(counts):
            resampled = np.asarray(table @ weights).T.reshape(stop - start, n_classes, n_classes)
            for name, function in functions.items():
                results[name][start:stop, run] = function(resampled)
    return results


def interval(values: npt.NDArray[np.float64]) -> tuple[float, float]:
    """Percentile interval of ``LEVEL`` per cent over resamples (B,), NaN resamples left out."""
    known = values[~np.isnan(values)]
    if len(known) == 0:
        return float("nan"), float("nan")
    tail = (100.0 - LEVEL) / 2
    low, high = np.percentile(known, [tail, 100.0 - tail])
    return float(low), float(high)
