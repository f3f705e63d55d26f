"""Paired t-tests over folds with the variance corrected for training sets that overlap.

Nadeau and Bengio 2003, "Inference for the generalization error", Machine Learning 52: differences of the folds of a
cross-validation are not independent, since the folds share training cases, so the plain t-test finds too much. Their
variance is multiplied by 1/J + n_test/n_train instead of 1/J.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
import pandas as pd
from scipy import stats

from crm_pipelines.columns import (
    FOLD,
    MAIN_VARIANT,
    METRIC,
    MODEL,
    PROTOCOL,
    RESULT_VALUE,
    SEED,
    SLICE,
    SLICE_ALL,
    VARIANT,
)

TESTED: Final = ("accuracy", "precision", "recall", "f1", "macro_f1")
"""What Table 1 of paper D publishes, and the macro-F1."""
TEST_COLUMNS: Final = (MODEL, "peer", METRIC, "difference", "low", "high", "t", "p", "folds")


def corrected_t_test(
    differences: Sequence[float] | np.ndarray, test_share: float, level: float = 0.95
) -> tuple[float, float, float, float, float]:
    """Mean, interval, t and two-sided p of J paired differences.

    Args:
        differences: one per fold (J,).
        test_share: test cases per training case, ``n_test / n_train``.
        level: of the interval.

    Returns:
        Mean, low, high, t, p. With one fold everything but the mean is NaN; with differences that are all alike the
        interval has no width and p is 0, or 1 where they are all 0.
    """
    d = np.asarray(differences, dtype=np.float64)
    mean, nothing = float(d.mean()), float("nan")
    if len(d) < 2:
        return mean, nothing, nothing, nothing, nothing
    error = float(np.sqrt((1 / len(d) + test_share) * d.var(ddof=1)))
    if error == 0:
        return mean, mean, mean, float(np.copysign(np.inf, mean)) if mean else 0.0, 0.0 if mean else 1.0
    t = mean / error
    reach = float(stats.t.ppf((1 + level) / 2, len(d) - 1)) * error
    return mean, mean - reach, mean + reach, t, float(2 * stats.t.sf(abs(t), len(d) - 1))


def compare_over_folds(
    metrics: pd.DataFrame,
    challengers: Sequence[str],
    protocol: str,
    sizes: Mapping[int, tuple[int, int]],
    tested: Sequence[str] = TESTED,
) -> pd.DataFrame:
    """Every challenger against every other model over the folds of one protocol: `TEST_COLUMNS`.

    Args:
        metrics: ``RESULT_COLUMNS``; seeds of a fold are averaged first.
        challengers: models whose differences are tested; absent ones are passed over.
        protocol: whose folds are paired.
        sizes: fold -> training and test cases.
        tested: metrics.
    """
    rows = metrics[(metrics[PROTOCOL] == protocol) & (metrics[SLICE] == SLICE_ALL) & (metrics[VARIANT] == MAIN_VARIANT)]
    rows = rows[rows[METRIC].isin(list(tested))]
    found = []
    if len(rows):
        wide = rows.groupby([METRIC, MODEL, FOLD, SEED])[RESULT_VALUE].mean().groupby([METRIC, MODEL, FOLD]).mean()
        models = list(dict.fromkeys(rows[MODEL]))
        known = set(zip(rows[METRIC], rows[MODEL], strict=True))
        for model in (name for name in challengers if name in models):
            for peer in (name for name in models if name != model):
                for metric in tested:
                    if (metric, model) not in known or (metric, peer) not in known:
                        continue
                    both = pd.concat([wide[metric, model], wide[metric, peer]], axis=1, join="inner").dropna()
                    if both.empty:
                        continue
                    share = float(np.mean([sizes[fold][1] / sizes[fold][0] for fold in both.index]))
                    result = corrected_t_test((both.iloc[:, 0] - both.iloc[:, 1]).to_numpy(), share)
                    mean, low, high, t, p = result
                    found.append((model, peer, metric, mean, low, high, t, p, len(both)))
    return pd.DataFrame(found, columns=list(TEST_COLUMNS))
