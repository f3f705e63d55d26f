"""Paper D's benchmark of purchases: what its tables and figures are made of, beside what all benchmarks give."""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import accuracy_score, f1_score

from crm_pipelines.benchmark.risk_scores import main_runs as runs_of_protocol
from crm_pipelines.columns import (
    EVENT_ID,
    FOLD,
    MODEL,
    PROTOCOL,
    PROTOCOL_TIME,
    SEED,
    SLICE,
    SLICE_ALL,
    Y_TRUE,
    N,
)
from crm_pipelines.evaluation.calibration import apply_temperature
from crm_pipelines.evaluation.predictions import probability_matrix
from crm_pipelines.evaluation.rules import fit_rules
from crm_pipelines.models.layers.boosting import BoostedTrees, TableBoostingParameters
from crm_pipelines.models.layers.record_columns import coded_columns
from crm_pipelines.records.assembly import assemble
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.runs import StoredRun

PAPER_D: Final = "D"
PROFILE: Final = "profile"
TABLE_1: Final = ("accuracy", "precision", "recall", "f1", "roc_auc", "macro_f1", "log_loss")
"""Metrics of the paper's Table 1, and those that depend on no threshold or on no share of buyers."""
FORECAST_COLUMNS: Final = (MODEL, FOLD, "date", "expected", "observed", N)
BAND_COLUMNS: Final = (MODEL, FOLD, "accuracy", "macro_f1", N)
BANDS: Final = ("low", "middle", "high")
USUAL: Final = "usual_value"
"""Peer of value bands: the band of the customer's own mean."""

Arrays = dict[str, NDArray[Any]]
Views = Mapping[str, Callable[[], RecordInputs]]


def views_of(splits: Sequence[Mapping[str, Any]], arrays: Arrays) -> dict[str, Callable[[], RecordInputs]]:
    """``<protocol>/fold=<f>`` -> loads its inputs."""
    return {f"{each[PROTOCOL]}/fold={each[FOLD]}": partial(assemble, each, arrays) for each in splits}


def main_runs(runs: Sequence[StoredRun]) -> list[StoredRun]:
    """A model's runs of the main variant with the first seed, by fold."""
    return runs_of_protocol(runs, PROTOCOL_TIME)


def calibrated(run: StoredRun) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Test rows of a run, and the calibrated probability (n,) of a purchase."""
    predictions = run.predictions()
    rules = fit_rules(predictions, run.manifest["majority"])
    test = predictions[predictions[SLICE] == SLICE_ALL]
    return test, np.asarray(apply_temperature(probability_matrix(test), rules.temperature)[:, 1])


def forecasts(models: Mapping[str, Sequence[StoredRun]], arrays: Arrays) -> pd.DataFrame:
    """Purchases predicted and observed at each reference date that is tested: `FORECAST_COLUMNS`.

    Args:
        models: name -> its runs.
        arrays: of ``records.preparation.prepare``.
    """
    rows = []
    for name, runs in models.items():
        for run in main_runs(runs):
            test, buys = calibrated(run)
            fold = int(run.manifest[FOLD])
            moment = arrays["position"][arrays[f"{PROTOCOL_TIME}/fold={fold}/records"][int(test[EVENT_ID].iloc[0])]]
            bought = float((test[Y_TRUE] == run.manifest["classes"][1]).sum())
            date = f"{pd.Timestamp(float(moment), unit='s'):%Y-%m-%d}"
            rows.append((name, fold, date, float(buys.sum()), bought, len(test)))
    return pd.DataFrame(rows, columns=list(FORECAST_COLUMNS))


def value_bands(
    models: Mapping[str, Sequence[StoredRun]],
    views: Views,
    open_model: Callable[[StoredRun], Any],
    boosting: TableBoostingParameters,
) -> pd.DataFrame:
    """How well the value band of the next purchase is named, among test customers who bought: `BAND_COLUMNS`.

    Bands are thirds of the training part. Peers: the band of what the customer usually spends, the band that was most
    frequent in training, and trees boosted on the same columns.

    Args:
        models: name -> runs, of models that state bands (``fused``).
        views: inputs of each fold.
        open_model: a run -> its fitted model.
        boosting: hyper-parameters of the trees.
    """
    rows: list[tuple[object, ...]] = []
    peered: set[str] = set()
    for name, runs in models.items():
        for run in main_runs(runs):
            view = f"{PROTOCOL_TIME}/fold={run.manifest[FOLD]}"
            inputs = views[view]()
            train, validation, test = (_bought(inputs, part) for part in (inputs.train, inputs.validation, inputs.test))
            if min(len(train), len(test)) < 2 * len(BANDS):
                continue
            shares = np.arange(1, len(BANDS)) / len(BANDS)
            edges = np.quantile(inputs.amount[train].astype(np.float64), shares)
            truth = _band(inputs.amount[test], edges)
            found = {name: open_model(run).fused(inputs, test)[1].argmax(axis=1)}
            if view not in peered:
                peered.add(view)
                found |= _peers(inputs, train, validation, test, edges, boosting, int(run.manifest[SEED]))
            for model, bands in found.items():
                score = f1_score(truth, bands, average="macro", labels=np.unique(truth), zero_division=0)
                rows.append((model, run.manifest[FOLD], float(accuracy_score(truth, bands)), float(score), len(test)))
    return pd.DataFrame(rows, columns=list(BAND_COLUMNS))


def _bought(inputs: RecordInputs, rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Records with a purchase of known value."""
    known: NDArray[np.int64] = rows[(inputs.labels[rows] == 1) & np.isfinite(inputs.amount[rows])]
    return known


def _band(amounts: NDArray[Any], edges: NDArray[np.float64]) -> NDArray[np.int64]:
    return np.asarray(np.searchsorted(edges, amounts, side="right"), dtype=np.int64)


def _peers(
    inputs: RecordInputs,
    train: NDArray[np.int64],
    validation: NDArray[np.int64],
    test: NDArray[np.int64],
    edges: NDArray[np.float64],
    boosting: TableBoostingParameters,
    seed: int,
) -> dict[str, NDArray[np.int64]]:
    of_train = _band(inputs.amount[train], edges)
    most = int(np.bincount(of_train, minlength=len(BANDS)).argmax())
    found = {"majority": np.full(len(test), most)}
    if "spend_mean" in inputs.numeric_names:
        usual = inputs.numeric[test, inputs.numeric_names.index("spend_mean")]
        found[USUAL] = np.where(np.isnan(usual), most, _band(usual, edges))
    if len(validation) >= len(BANDS):
        trees = BoostedTrees(boosting, seed, len(BANDS))
        x = coded_columns(inputs, train)
        trees.fit(
            x,
            of_train,
            coded_columns(inputs, validation),
            _band(inputs.amount[validation], edges),
            categorical=range(x.shape[1] - len(inputs.cardinalities), x.shape[1]),
        )
        found["lightgbm"] = np.asarray(trees.predict_proba(coded_columns(inputs, test)).argmax(axis=1), dtype=np.int64)
    return found
