"""Paired t-tests over folds and seeds, with the variance corrected for training parts that overlap.

Nadeau and Bengio 2003, "Inference for the generalization error", Machine Learning 52: scores of runs whose training
parts share records are not independent, so the variance of their mean is larger than that of as many independent ones:
(1 / k + n_test / n_train) times the variance of the differences. The usual test, which leaves the second term out,
finds differences where there are none.
"""

from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from crm_pipelines.columns import (
    FOLD,
    MAIN_VARIANT,
    METRIC,
    MODEL,
    PAPER,
    PIPELINE,
    PROTOCOL,
    RESULT_VALUE,
    SEED,
    SLICE,
    SOURCE,
    VARIANT,
    N,
)

TEST_COLUMNS: Final = (
    *(PAPER, PIPELINE, SOURCE, PROTOCOL, SLICE, MODEL, "peer", METRIC, "mean", "peer_mean", "difference"),
    *("low", "high", "t", "p", "runs", "test_over_train"),
)


class TTest(NamedTuple):
    """A paired test of k differences.

    Attributes:
        difference: their mean. low, high: its interval. t: the statistic; p: two-sided. runs: k.
    """

    difference: float
    low: float
    high: float
    t: float
    p: float
    runs: int


def corrected_t_test(differences: Sequence[float], test_over_train: float, level: float = 0.95) -> TTest:
    """The corrected resampled t-test.

    Args:
        differences: of paired scores, one a run.
        test_over_train: records of a test part over records of a training part; 0 is the usual paired t-test.
        level: of the interval.

    Returns:
        Interval, statistic and p are nan with fewer than two runs; with equal differences the interval is a point, and
        p is 0 unless they are all zero, when it is 1.

    Raises:
        ValueError: a difference is not finite, or the ratio is negative.
    """
    values = np.asarray(differences, dtype=np.float64)
    if not np.isfinite(values).all() or test_over_train < 0:
        raise ValueError("differences must be finite, and the ratio of test to training records not negative")
    k = len(values)
    nothing = float("nan")
    mean = float(values.mean()) if k else nothing
    if k < 2:
        return TTest(mean, nothing, nothing, nothing, nothing, k)
    error = float(np.sqrt((1 / k + test_over_train) * values.var(ddof=1)))
    if error <= 1e-15:
        same = abs(mean) <= 1e-15
        return TTest(mean, mean, mean, 0.0 if same else float(np.copysign(np.inf, mean)), 1.0 if same else 0.0, k)
    t = mean / error
    half = float(stats.t.ppf((1 + level) / 2, k - 1)) * error
    return TTest(mean, mean - half, mean + half, t, float(2 * stats.t.sf(abs(t), k - 1)), k)


def paired_tests(
    metrics: pd.DataFrame,
    training_records: Mapping[tuple[str, int], float],
    models: Sequence[str],
    wanted: Sequence[str],
    protocol: str,
    slice_name: str,
) -> pd.DataFrame:
    """Corrected tests of each of ``models`` against every other model, paired by fold and seed.

    A model run with fewer seeds than another (one that draws nothing, say) is paired with its mean over seeds.

    Args:
        metrics: ``RESULT_COLUMNS``.
        training_records: (protocol, fold) -> records that models learnt from.
        models: whose differences are tested.
        wanted: metrics.
        protocol, slice_name: of the rows that are compared.

    Returns:
        `TEST_COLUMNS`; ``difference`` is model minus peer.
    """
    rows = metrics[
        (metrics[VARIANT] == MAIN_VARIANT)
        & (metrics[PROTOCOL] == protocol)
        & (metrics[SLICE] == slice_name)
        & metrics[METRIC].isin(list(wanted))
        & metrics[RESULT_VALUE].notna()
    ]
    table: list[tuple[object, ...]] = []
    present = list(dict.fromkeys(rows[MODEL]))
    context = [rows[column].iloc[0] for column in (PAPER, PIPELINE, SOURCE)] if len(rows) else []
    sizes = {fold: n for (name, fold), n in training_records.items() if name == protocol}
    tested = rows.groupby(FOLD)[N].max()
    ratios = [float(tested[fold]) / sizes[fold] for fold in tested.index if sizes.get(fold)]
    ratio = float(np.mean(ratios)) if ratios else 0.0
    for metric in wanted:
        scores = rows[rows[METRIC] == metric].pivot_table(index=[FOLD, SEED], columns=MODEL, values=RESULT_VALUE)
        scores = scores.groupby(FOLD).transform(lambda column: column.fillna(column.mean()))
        for model in models:
            for peer in (other for other in present if other != model):
                if model not in scores or peer not in scores:
                    continue
                both = scores[[model, peer]].dropna()
                found = corrected_t_test((both[model] - both[peer]).tolist(), ratio)
                means = (float(both[model].mean()), float(both[peer].mean()))
                table.append((*context, protocol, slice_name, model, peer, metric, *means, *found, ratio))
    return pd.DataFrame(table, columns=list(TEST_COLUMNS))
