"""What a ranking by risk is worth: ROC, precision-recall, gain and lift as one table of cut-offs."""

from collections.abc import Iterable
from typing import Final

import numpy as np
import pandas as pd

from crm_pipelines.columns import (
    MAIN_VARIANT,
    MODEL,
    PAPER,
    PIPELINE,
    PROTOCOL,
    SEED,
    SLICE,
    SLICE_ALL,
    SOURCE,
    VARIANT,
    Y_TRUE,
    N,
)
from crm_pipelines.evaluation.calibration import apply_temperature
from crm_pipelines.evaluation.predictions import probability_matrix
from crm_pipelines.evaluation.rules import fit_rules
from crm_pipelines.runs import NOT_APPLICABLE, StoredRun

POINTS: Final = 100
CURVE_COLUMNS: Final = (
    *(PAPER, PIPELINE, SOURCE, PROTOCOL, MODEL),
    *("share", "threshold", "true_positive_rate", "false_positive_rate", "precision", "lift", N),
)


def risk_curves(runs: Iterable[StoredRun]) -> pd.DataFrame:
    """Cut-offs of each model over the test records of all folds together, first seed, calibrated fold by fold.

    Returns:
        `CURVE_COLUMNS`: contacting the ``share`` of records of highest risk (those above ``threshold``) reaches
        ``true_positive_rate`` of the positive ones (the gain) and ``false_positive_rate`` of the others; ``precision``
        of those contacted are positive, ``lift`` times as many as among all. ``n`` counts records.
    """
    pooled: dict[tuple[str, str], list[tuple[np.ndarray, np.ndarray]]] = {}
    first_seed: dict[str, int] = {}
    identity: dict[str, str] = {}
    for run in runs:
        manifest = run.manifest
        if NOT_APPLICABLE in manifest or manifest[VARIANT] != MAIN_VARIANT:
            continue
        if manifest[SEED] != first_seed.setdefault(manifest[MODEL], manifest[SEED]):
            continue
        identity = {column: manifest[column] for column in (PAPER, PIPELINE, SOURCE)}
        predictions = run.predictions()
        rules = fit_rules(predictions, manifest["majority"])
        test = predictions[predictions[SLICE] == SLICE_ALL]
        score = apply_temperature(probability_matrix(test), rules.temperature)[:, 1]
        positive = (test[Y_TRUE] == rules.classes[1]).to_numpy(dtype=np.float64)
        pooled.setdefault((manifest[PROTOCOL], manifest[MODEL]), []).append((score, positive))
    tables = [
        _curve(np.concatenate([s for s, _ in parts]), np.concatenate([p for _, p in parts])).assign(
            **identity, **{PROTOCOL: protocol, MODEL: model}
        )
        for (protocol, model), parts in pooled.items()
    ]
    if not tables:
        return pd.DataFrame(columns=list(CURVE_COLUMNS))
    return pd.concat(tables, ignore_index=True)[list(CURVE_COLUMNS)]


def _curve(score: np.ndarray, positive: np.ndarray) -> pd.DataFrame:
    order = np.argsort(-score, kind="stable")
    score, positive = score[order], positive[order]
    n = len(score)
    cuts = np.unique(np.linspace(0, n, POINTS + 1).round().astype(int))
    found = np.concatenate([[0.0], np.cumsum(positive)])[cuts]
    total = max(positive.sum(), 1.0)
    precision = np.divide(found, cuts, out=np.full(len(cuts), np.nan), where=cuts > 0)
    return pd.DataFrame(
        {
            "share": cuts / n,
            "threshold": [1.0 if cut == 0 else float(score[cut - 1]) for cut in cuts],
            "true_positive_rate": found / total,
            "false_positive_rate": (cuts - found) / max(n - positive.sum(), 1.0),
            "precision": precision,
            "lift": precision / max(positive.mean(), 1e-12),
            N: n,
        }
    )
