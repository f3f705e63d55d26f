"""One row per record for use: risk, band, interval of the next amount, reasons, and whether the data suffice.

Every record is scored by the fold that did not learn from it, with that fold's temperature. Reasons come from
occlusion: a column (or a channel of the sequence) is set to what is typical of the training part, and the fall of the
log-odds is what it had added (Zeiler and Fergus 2014, arXiv:1311.2901). Within a channel the step is named whose own
occlusion, weighed by the model's attention, matters most. Shuffling a column among records (permutation importance)
checks the ranking.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logit
from sklearn.metrics import roc_auc_score

from crm_pipelines.benchmark.kept import validation_loss
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

Arrays = Mapping[str, NDArray[Any]]

SUFFICIENT: Final = "enough"
SHORT: Final = "short history"
BLANK: Final = "many blanks"
TINY: Final = 1e-6
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


@dataclass(frozen=True)
class Feature:
    """Something that is occluded as a whole: a numeric or categorical column, a channel, or a step."""

    kind: str
    name: str
    position: int


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
    for run in main_runs(runs[name]):
        inputs, model = load(int(run.manifest[FOLD])), open_model(run)
        temperature = fit_rules(run.predictions(), run.manifest["majority"]).temperature
        part, attributions = _score_fold(model, inputs, temperature, arrays, parameters)
        parts.append(part)
        truths.append(pd.DataFrame({"y": inputs.labels[inputs.test], "amount": inputs.amount[inputs.test]}))
        importance = _importance(model, inputs, attributions)  # of the last fold
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
) -> tuple[pd.DataFrame, dict[str, NDArray[np.float64]]]:
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
    shown, typical = take(small, chosen), Typical.of(inputs)
    added = {
        feature: log_odds(risk[chosen]) - log_odds(occluded(model, shown, typical, feature, temperature))
        for feature in (*features_of(inputs), *steps_of(inputs))
    }
    origin = np.asarray(arrays[f"{inputs.protocol}/fold={inputs.fold}/records"])[inputs.test][chosen]
    reasons = dict(zip(chosen, _reasons(model, shown, added, origin, arrays, parameters.reasons), strict=True))
    for place in range(parameters.reasons):
        mine = [reasons.get(record, []) for record in rows]
        table[f"reason_{place + 1}"] = [each[place] if place < len(each) else "" for each in mine]
    table["data"] = sufficiency(small)
    return table, {feature.name: values for feature, values in added.items() if feature.kind != "step"}


def take(inputs: RecordInputs, rows: NDArray[np.int64]) -> RecordInputs:
    """Some records alone, all of them in the test part."""
    nothing = np.empty(0, dtype=np.int64)
    one_per_record = ("record_id", "labels", "numeric", "codes", "sequence", "sequence_mask", "amount", "customer")
    return replace(
        inputs,
        **{name: getattr(inputs, name)[rows] for name in one_per_record},
        train=nothing,
        validation=nothing,
        test=np.arange(len(rows)),
        groups={axis: values[rows] for axis, values in inputs.groups.items()},
        modalities={name: values[rows] for name, values in inputs.modalities.items()},
    )


def features_of(inputs: RecordInputs) -> list[Feature]:
    """Columns and channels."""
    names = {"numeric": inputs.numeric_names, "category": inputs.categorical_names}
    columns = [Feature(kind, name, at) for kind, several in names.items() for at, name in enumerate(several)]
    channels = inputs.channel_names if inputs.step_names else ()
    return [*columns, *(Feature("channel", name, at) for at, name in enumerate(channels))]


def steps_of(inputs: RecordInputs) -> list[Feature]:
    """Steps of the sequence."""
    return [Feature("step", name, at) for at, name in enumerate(inputs.step_names if inputs.channel_names else ())]


class Typical(NamedTuple):
    """What is typical of the training part: medians and most frequent categories.

    Attributes:
        numeric: (Fn,). sequence: (T, C). codes: (Fc,).
    """

    numeric: NDArray[np.float32]
    sequence: NDArray[np.float32]
    codes: NDArray[np.int32]

    @classmethod
    def of(cls, inputs: RecordInputs) -> "Typical":
        """Of the training part of some inputs."""
        train = inputs.train
        columns = range(inputs.codes.shape[1])
        codes = [np.bincount(inputs.codes[train, column]).argmax() for column in columns]
        return cls(_median(inputs.numeric[train]), _median(inputs.sequence[train]), np.asarray(codes, dtype=np.int32))

    def occlude(self, inputs: RecordInputs, feature: Feature) -> RecordInputs:
        """The records with one feature made typical."""
        if feature.kind == "numeric":
            numeric = inputs.numeric.copy()
            numeric[:, feature.position] = self.numeric[feature.position]
            return replace(inputs, numeric=numeric)
        if feature.kind == "category":
            codes = inputs.codes.copy()
            codes[:, feature.position] = self.codes[feature.position]
            return replace(inputs, codes=codes)
        sequence = inputs.sequence.copy()
        at = (slice(None), feature.position) if feature.kind == "channel" else (feature.position,)
        sequence[(slice(None), *at)] = self.sequence[at]
        sequence[~inputs.sequence_mask] = np.nan
        return replace(inputs, sequence=sequence)


def _median(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median over records, 0 where none has a value."""
    known = ~np.isnan(values)
    filled = np.where(known.any(axis=0), values, 0.0)
    return np.asarray(np.nanmedian(filled, axis=0) if len(filled) else np.zeros(values.shape[1:]), dtype=np.float32)


def occluded(
    model: Any, inputs: RecordInputs, typical: Typical, feature: Feature, temperature: float
) -> NDArray[np.float64]:
    """(n,) risk with one feature made typical."""
    changed = typical.occlude(inputs, feature)
    probabilities = np.asarray(model.predict_proba(changed, np.arange(len(changed))), dtype=np.float64)
    return apply_temperature(probabilities, temperature)[:, 1]


def log_odds(risk: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of probabilities (n,), kept off 0 and 1."""
    return np.asarray(logit(np.clip(risk, TINY, 1 - TINY)), dtype=np.float64)


def amounts(model: Any, inputs: RecordInputs, rows: NDArray[np.int64]) -> NDArray[np.float64]:
    """(m, 3) lowest, middle and highest quantile of the next amount; nan where the model or the source has none."""
    if not hasattr(model, "amount_quantiles") or np.isnan(inputs.amount).all():
        return np.full((len(rows), 3), np.nan)
    quantiles = np.asarray(model.amount_quantiles(inputs, rows), dtype=np.float64)
    return quantiles[:, [0, quantiles.shape[1] // 2, -1]]


def _reasons(
    model: Any,
    small: RecordInputs,
    added: Mapping[Feature, NDArray[np.float64]],
    rows: NDArray[np.int64],
    arrays: Arrays,
    most: int,
) -> list[list[str]]:
    """For each record what raises its risk most, in words, strongest first; ``rows`` are its places in the table."""
    features = [feature for feature in added if feature.kind != "step"]
    steps = [feature for feature in added if feature.kind == "step"]
    if not features or not len(small):
        return [[] for _ in range(len(small))]
    values = np.stack([added[feature] for feature in features], axis=1)  # (m, features)
    when = np.zeros(len(small), dtype=np.int64)
    if steps:
        by_step = np.abs(np.stack([added[feature] for feature in steps], axis=1))
        when = np.argmax(by_step * _weights(model, small), axis=1)
    order = np.argsort(-values, axis=1, kind="stable")[:, :most]
    words = []
    for record, places in enumerate(order):
        words.append(
            [
                f"{_shown(features[at], record, int(when[record]), small, rows, arrays)} (+{values[record, at]:.2f})"
                for at in places
                if values[record, at] > 0
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
    found = model.attention(inputs, np.arange(len(inputs)))
    return np.asarray(found.weights.mean(axis=1), dtype=np.float64)


def sufficiency(inputs: RecordInputs) -> list[str]:
    """Whether a record holds enough to trust its score: at least half of its steps, and half of its columns."""
    flags = np.full(len(inputs), SUFFICIENT, dtype=object)
    columns = inputs.numeric.shape[1] + inputs.codes.shape[1]
    blank = np.isnan(inputs.numeric).sum(axis=1) + (inputs.codes == 0).sum(axis=1)
    flags[blank > columns / 2] = BLANK
    if inputs.step_names and inputs.channel_names:
        flags[inputs.sequence_mask.mean(axis=1) < 0.5] = SHORT
    return [str(flag) for flag in flags]


def _importance(
    model: Any, inputs: RecordInputs, attributions: Mapping[str, NDArray[np.float64]], seed: int = 0
) -> pd.DataFrame:
    """Mean absolute attribution of each feature beside the AUC that is lost when it is shuffled among records."""
    small = take(inputs, inputs.test)
    rows = np.arange(len(small))
    random = np.random.default_rng(seed)
    whole = roc_auc_score(small.labels, model.predict_proba(small, rows)[:, 1])
    table = []
    for feature in features_of(inputs):
        mixed = random.permutation(len(small))
        if feature.kind == "numeric":
            numeric = small.numeric.copy()
            numeric[:, feature.position] = numeric[mixed, feature.position]
            changed = replace(small, numeric=numeric)
        elif feature.kind == "category":
            codes = small.codes.copy()
            codes[:, feature.position] = codes[mixed, feature.position]
            changed = replace(small, codes=codes)
        else:
            sequence = small.sequence.copy()
            sequence[:, :, feature.position] = sequence[mixed, :, feature.position]
            changed = replace(small, sequence=sequence)
        lost = whole - roc_auc_score(small.labels, model.predict_proba(changed, rows)[:, 1])
        table.append((feature.name, float(np.abs(attributions[feature.name]).mean()), float(lost), len(small)))
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
        found = model.attention(inputs, inputs.test)
        weights = found.weights.mean(axis=1)  # (m, T)
        truth = inputs.labels[inputs.test]
        for code, label in enumerate(inputs.classes):
            rows = truth == code
            for position, step in enumerate(found.steps):
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
