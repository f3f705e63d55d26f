"""One row per record for use: risk, band, interval of the next amount, reasons, and whether the data suffice.

Every record is scored by the fold that did not learn from it, with that fold's temperature. Reasons come from
occlusion (`benchmark.occlusion`): what a column, or a channel of the sequence, added to the log-odds. Within a channel
the step is named whose own occlusion, weighed by the model's attention, matters most. Shuffling a column among records
(permutation importance) checks the ranking.
"""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from crm_pipelines.benchmark.kept import validation_loss
from crm_pipelines.benchmark.occlusion import (
    Feature,
    Typical,
    added,
    features_of,
    predicted,
    shuffle,
    steps_of,
    take,
)
from crm_pipelines.columns import (
    EVENT_ID,
    FOLD,
    MAIN_VARIANT,
    MODEL,
    PROTOCOL,
    PROTOCOL_STRATIFIED,
    SEED,
    SLICE,
    SLICE_ALL,
    VARIANT,
)
from crm_pipelines.config import ScoringParameters
from crm_pipelines.errors import UserError
from crm_pipelines.evaluation.calibration import apply_temperature
from crm_pipelines.evaluation.predictions import probability_matrix
from crm_pipelines.evaluation.rules import fit_rules
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.runs import NOT_APPLICABLE, StoredRun

logger = logging.getLogger(__name__)

Arrays = Mapping[str, NDArray[Any]]

SUFFICIENT: Final = "enough"
SHORT: Final = "short history"
BLANK: Final = "many blanks"
ATTENTION_CELLS: Final = 20_000_000
"""Weights of attention that are held at once."""
SHUFFLED: Final = 1_000_000
"""Most predictions of records with a shuffled column, and..."""
LEAST_SHUFFLED: Final = 500
"""...records that are shuffled however many columns there are."""
SCORE_COLUMNS: Final = ("record_id", "risk", "band", "amount_low", "amount_median", "amount_high")
ATTENTION_COLUMNS: Final = ("model", "step", "position", "class", "weight", "n")
IMPORTANCE_COLUMNS: Final = ("model", "feature", "attribution", "permutation", "n")
INTERVAL_COLUMNS: Final = ("model", "decile", "risk", "observed", "low", "high", "amount_coverage", "n")


class RiskScores(NamedTuple):
    """What scoring gives.

    Attributes:
        scores: `SCORE_COLUMNS`, ``reason_1`` ..., ``data``, ``model``; one row per record, highest risk first.
        attention: `ATTENTION_COLUMNS`, mean weight of each step by true class.
        importance: `IMPORTANCE_COLUMNS`, mean absolute attribution beside the loss of AUC when shuffled.
        intervals: `INTERVAL_COLUMNS`, stated risk against observed with its 95 % interval, by tenth of the records.
    """

    scores: pd.DataFrame
    attention: pd.DataFrame
    importance: pd.DataFrame
    intervals: pd.DataFrame


def chosen_model(
    runs: Mapping[str, Sequence[StoredRun]],
    wanted: str,
    protocol: str = PROTOCOL_STRATIFIED,
    key: str = "risk.scoring.model",
) -> str | None:
    """The model that scores: the one asked for, else the one of lowest calibrated log-loss on validation.

    Args:
        runs: name of a model -> its runs. wanted: the one asked for; empty for none.
        protocol: of the runs that count. key: the parameter by which it is asked for, for messages.

    Raises:
        UserError: the one asked for was not run.
    """
    usable = {name: mine for name, several in runs.items() if (mine := main_runs(several, protocol))}
    if wanted:
        if wanted not in usable:
            raise UserError(f"parameter '{key}': '{wanted}' was not run on this source; run it, or leave it empty")
        return wanted
    losses = {name: float(np.mean([validation_loss(run) for run in mine])) for name, mine in usable.items()}
    return min(losses, key=lambda name: losses[name]) if losses else None


def out_of_fold(runs: Sequence[StoredRun], arrays: Arrays) -> pd.DataFrame:
    """``record_id, risk``: calibrated probability of each record from the fold that did not learn from it.

    Args:
        runs: of one model.
        arrays: of ``records.preparation.prepare``.
    """
    parts = []
    for run in main_runs(runs):
        predictions = run.predictions()
        rules = fit_rules(predictions, run.manifest["majority"])
        test = predictions[predictions[SLICE] == SLICE_ALL]
        rows = np.asarray(arrays[f"{PROTOCOL_STRATIFIED}/fold={run.manifest[FOLD]}/records"])[test[EVENT_ID]]
        risk = apply_temperature(probability_matrix(test), rules.temperature)[:, 1]
        parts.append(pd.DataFrame({"record_id": np.asarray(arrays["record_id"])[rows], "risk": risk}))
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame({"record_id": [], "risk": []})


def main_runs(runs: Sequence[StoredRun], protocol: str = PROTOCOL_STRATIFIED) -> list[StoredRun]:
    """Main runs of a protocol, first seed, by fold; those that applied."""
    mine = [
        run
        for run in runs
        if (run.manifest[VARIANT], run.manifest[PROTOCOL]) == (MAIN_VARIANT, protocol)
        and NOT_APPLICABLE not in run.manifest
    ]
    first = [run for run in mine if run.manifest[SEED] == mine[0].manifest[SEED]]
    return sorted(first, key=lambda run: int(run.manifest[FOLD]))


def score(
    runs: Mapping[str, Sequence[StoredRun]],
    load: Callable[[int], RecordInputs],
    open_model: Callable[[StoredRun], Any],
    arrays: Arrays,
    parameters: ScoringParameters,
) -> RiskScores:
    """Score every record of the stratified folds.

    Args:
        runs: name of a model -> its runs.
        load: fold -> its inputs.
        open_model: a run -> its fitted model.
        arrays: of ``records.preparation.prepare``, for the names of categories.
        parameters: bands, model and number of reasons.
    """
    name = chosen_model(runs, parameters.model)
    if name is None:
        return RiskScores(
            pd.DataFrame(columns=list(SCORE_COLUMNS)),
            pd.DataFrame(columns=list(ATTENTION_COLUMNS)),
            pd.DataFrame(columns=list(IMPORTANCE_COLUMNS)),
            pd.DataFrame(columns=list(INTERVAL_COLUMNS)),
        )
    parts, truths, importance = [], [], pd.DataFrame()
    several = main_runs(runs[name])
    for number, run in enumerate(several, start=1):
        logger.info("scores and reasons by %s: fold %d of %d", name, number, len(several))
        inputs, model = load(int(run.manifest[FOLD])), open_model(run)
        temperature = fit_rules(run.predictions(), run.manifest["majority"]).temperature
        part, attributions = _score_fold(model, inputs, temperature, arrays, parameters)
        parts.append(part)
        truths.append(pd.DataFrame({"y": inputs.labels[inputs.test], "amount": inputs.amount[inputs.test]}))
        if run is several[-1]:
            importance = _importance(model, inputs, attributions)
    table, truth = pd.concat(parts, ignore_index=True), pd.concat(truths, ignore_index=True)
    stated = intervals(table, truth).assign(**{MODEL: name})[list(INTERVAL_COLUMNS)]
    table = table.assign(**{MODEL: name}).sort_values(["risk", "record_id"], ascending=[False, True], kind="stable")
    return RiskScores(
        table.reset_index(drop=True),
        _attention(runs, load, open_model),
        importance.assign(**{MODEL: name})[list(IMPORTANCE_COLUMNS)],
        stated,
    )


def _score_fold(
    model: Any, inputs: RecordInputs, temperature: float, arrays: Arrays, parameters: ScoringParameters
) -> tuple[pd.DataFrame, NDArray[np.float64]]:
    """Rows of one fold's test records, and what each feature added to the log-odds of those explained."""
    small = take(inputs, inputs.test)
    rows = np.arange(len(small))
    risk = apply_temperature(np.asarray(model.predict_proba(small, rows), dtype=np.float64), temperature)[:, 1]
    names = list(parameters.bands)
    band = np.searchsorted(np.asarray(list(parameters.bands.values())), risk, side="right")
    table = pd.DataFrame({"record_id": small.record_id, "risk": risk})
    table["band"] = [names[min(int(at), len(names) - 1)] for at in band]
    quantiles = amounts(model, small, rows)
    for position, column in enumerate(("amount_low", "amount_median", "amount_high")):
        table[column] = quantiles[:, position]
    chosen = np.sort(np.argsort(-risk, kind="stable")[: int(np.ceil(parameters.explained * len(risk)))])
    shown, typical, features = take(small, chosen), Typical.of(inputs), features_of(inputs)
    by_feature = added(model, shown, risk[chosen], features, typical, temperature, parameters.columns)
    steps = steps_of(inputs)
    by_step = added(model, shown, risk[chosen], steps, typical, temperature, len(steps))
    origin = np.asarray(arrays[f"{inputs.protocol}/fold={inputs.fold}/records"])[inputs.test][chosen]
    found = _reasons(model, shown, features, by_feature, by_step, origin, arrays, parameters.reasons)
    reasons = dict(zip(chosen, found, strict=True))
    for place in range(parameters.reasons):
        mine = [reasons.get(record, []) for record in rows]
        table[f"reason_{place + 1}"] = [each[place] if place < len(each) else "" for each in mine]
    table["data"] = sufficiency(small)
    return table, by_feature


def amounts(model: Any, inputs: RecordInputs, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(m, 3) lowest, middle and highest quantile of the next amount; nan where the model or the source has none."""
    if not hasattr(model, "amount_quantiles") or np.isnan(inputs.amount).all():
        return np.full((len(rows), 3), np.nan)
    quantiles = np.asarray(model.amount_quantiles(inputs, rows), dtype=np.float64)
    return quantiles[:, [0, quantiles.shape[1] // 2, -1]]


def _reasons(
    model: Any,
    small: RecordInputs,
    features: Sequence[Feature],
    by_feature: NDArray[np.float64],
    by_step: NDArray[np.float64],
    rows: NDArray[np.int64],
    arrays: Arrays,
    most: int,
) -> list[list[str]]:
    """For each record what raises its risk most, in words, strongest first.

    Args:
        model: whose attention says which step matters. small: the m records.
        features: columns and channels. by_feature: (m, features) what each added. by_step: (m, T) what each step added.
        rows: places of the records in the table. arrays: for the names of categories. most: reasons of a record.
    """
    if not features or not len(small):
        return [[] for _ in range(len(small))]
    when = np.zeros(len(small), dtype=np.int64)
    if by_step.shape[1]:
        when = np.argmax(np.abs(by_step) * _weights(model, small), axis=1)
    order = np.argsort(-by_feature, axis=1, kind="stable")[:, :most]
    words = []
    for record, places in enumerate(order):
        step = int(when[record])
        effects = by_feature[record]
        words.append(
            [
                f"{_shown(features[at], record, step, small, rows, arrays)} (+{effects[at]:.2f})"
                for at in places
                if effects[at] > 0
            ]
        )
    return words


def _shown(
    feature: Feature, record: int, when: int, small: RecordInputs, rows: NDArray[np.int64], arrays: Arrays
) -> str:
    """A feature with its value: ``LIMIT_BAL = 20,000``, ``status = 2 in 2005-09``."""
    if feature.kind == "numeric":
        return f"{feature.name} = {_number(float(small.numeric[record, feature.position]))}"
    if feature.kind == "category":
        code = int(arrays["categories"][rows[record], feature.position])
        return f"{feature.name} = {arrays[f'values/{feature.position}'][code] if code >= 0 else 'missing'}"
    cell = float(small.sequence[record, when, feature.position])
    return f"{feature.name} = {_number(cell)} in {small.step_names[when]}"


def _number(value: float) -> str:
    if np.isnan(value):
        return "missing"
    return f"{value:,.0f}" if value == round(value) or abs(value) >= 1000 else f"{value:.4g}"


def _weights(model: Any, inputs: RecordInputs) -> NDArray[np.float64]:
    """(m, T) mean attention over the model's queries; even where it has none."""
    if not hasattr(model, "attention"):
        return np.ones((len(inputs), len(inputs.step_names)))
    return _mean_attention(model, inputs, np.arange(len(inputs)))[0]


def _mean_attention(
    model: Any, inputs: RecordInputs, rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], tuple[str, ...]]:
    """(m, T) mean attention over the model's queries, a bounded number of records at once; names of the T steps."""
    columns = inputs.numeric.shape[1] + inputs.codes.shape[1]
    cells = columns * max(columns, len(inputs.step_names))  # without a sequence the columns are the steps
    at_once = max(1, ATTENTION_CELLS // max(1, cells))
    parts, steps = [], ()
    for start in range(0, max(1, len(rows)), at_once):
        found = model.attention(inputs, rows[start : start + at_once])
        parts.append(np.asarray(found.weights.mean(axis=1), dtype=np.float64))
        steps = tuple(found.steps)
    return np.concatenate(parts), steps


def sufficiency(inputs: RecordInputs) -> list[str]:
    """Whether a record holds enough to trust its score: at least half of its steps, and half of its columns."""
    flags = np.full(len(inputs), SUFFICIENT, dtype=object)
    columns = inputs.numeric.shape[1] + inputs.codes.shape[1]
    blank = np.isnan(inputs.numeric).sum(axis=1) + (inputs.codes == 0).sum(axis=1)
    flags[blank > columns / 2] = BLANK
    if inputs.step_names and inputs.channel_names:
        flags[inputs.sequence_mask.mean(axis=1) < 0.5] = SHORT
    return [str(flag) for flag in flags]


def _importance(model: Any, inputs: RecordInputs, by_feature: NDArray[np.float64], seed: int = 0) -> pd.DataFrame:
    """Mean absolute attribution of each feature beside the AUC that is lost when it is shuffled among records.

    Of a wide table as many records are shuffled as `SHUFFLED` predictions allow.
    """
    features = features_of(inputs)
    records = inputs.test
    most = max(LEAST_SHUFFLED, SHUFFLED // max(1, len(features)))
    if len(records) > most:
        records = np.sort(np.random.default_rng(seed).permutation(records)[:most])
    small = take(inputs, records)
    if len(np.unique(small.labels)) < 2:
        return pd.DataFrame(columns=["feature", "attribution", "permutation", "n"])
    whole = roc_auc_score(small.labels, model.predict_proba(small, np.arange(len(small)))[:, 1])
    changed = predicted(model, small, features, shuffle(small, features, seed))[:, :, 1]
    table = [
        (feature.name, float(np.nanmean(np.abs(mine))), float(whole - roc_auc_score(small.labels, scores)), len(small))
        for feature, mine, scores in zip(features, by_feature.T, changed.T, strict=True)
    ]
    frame = pd.DataFrame(table, columns=["feature", "attribution", "permutation", "n"])
    return frame.sort_values("attribution", ascending=False, kind="stable", ignore_index=True)


def _attention(
    runs: Mapping[str, Sequence[StoredRun]],
    load: Callable[[int], RecordInputs],
    open_model: Callable[[StoredRun], Any],
) -> pd.DataFrame:
    """Mean attention of each step by true class, of every model that has attention, on the last fold."""
    tables = []
    for name, several in runs.items():
        mine = main_runs(several)
        model = open_model(mine[-1]) if mine else None
        if model is None or not hasattr(model, "attention"):
            continue
        inputs = load(int(mine[-1].manifest[FOLD]))
        weights, steps = _mean_attention(model, inputs, inputs.test)
        truth = inputs.labels[inputs.test]
        for code, label in enumerate(inputs.classes):
            rows = truth == code
            for position, step in enumerate(steps):
                mean = float(weights[rows, position].mean()) if rows.any() else float("nan")
                tables.append((name, step, position, label, mean, int(rows.sum())))
    return pd.DataFrame(tables, columns=list(ATTENTION_COLUMNS))


def intervals(scores: pd.DataFrame, truth: pd.DataFrame, bins: int = 10) -> pd.DataFrame:
    """Stated and observed risk by tenth, with Wilson's 95 % interval of the observed, and coverage of the amounts.

    Wilson 1927, "Probable inference, the law of succession, and statistical inference", JASA 22.
    """
    order = np.argsort(scores["risk"].to_numpy(), kind="stable")
    rows = []
    z = 1.959964
    for decile, members in enumerate(np.array_split(order, bins), start=1):
        n = len(members)
        if n == 0:
            continue
        p = float(truth["y"].to_numpy()[members].mean())
        middle = (p + z * z / (2 * n)) / (1 + z * z / n)
        half = z / (1 + z * z / n) * float(np.sqrt(p * (1 - p) / n + z * z / (4 * n * n)))
        amount = truth["amount"].to_numpy()[members]
        low, high = (scores[column].to_numpy()[members] for column in ("amount_low", "amount_high"))
        known = ~np.isnan(amount) & ~np.isnan(low)
        covered = float(((amount >= low) & (amount <= high))[known].mean()) if known.any() else float("nan")
        risk = float(scores["risk"].to_numpy()[members].mean())
        rows.append((decile, risk, p, middle - half, middle + half, covered, n))
    return pd.DataFrame(rows, columns=["decile", "risk", "observed", "low", "high", "amount_coverage", "n"])
