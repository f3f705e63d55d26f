"""What each column of a record added to its risk, by occlusion, in predictions of many changed records at once.

A column (or a channel of the sequence, or a step) is set to what is typical of the training part, and the fall of the
log-odds is what it had added (Zeiler and Fergus 2014, arXiv:1311.2901). The changed copies of all records and columns
are predicted together, as many as fit into a bounded memory: a prediction of a few records costs little less than one
of a thousand, and a wide table asks for hundreds of columns.
"""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import logit

from crm_pipelines.evaluation.calibration import apply_temperature
from crm_pipelines.records.inputs import RecordInputs

logger = logging.getLogger(__name__)

CELLS: Final = 2_000_000
"""Numbers in the changed records that are held at once."""
ROWS: Final = 8_192
"""Changed records predicted at once."""
SAMPLE: Final = 100
"""Records by which the columns worth explaining are chosen where there are too many."""
SILENCE: Final = 10.0
"""Seconds after which a line says how far a long explanation is."""
TINY: Final = 1e-6


@dataclass(frozen=True)
class Feature:
    """Something that is changed as a whole: a numeric or categorical column, a channel, or a step."""

    kind: str
    name: str
    position: int


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


def _median(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median over records, 0 where none has a value."""
    known = ~np.isnan(values)
    filled = np.where(known.any(axis=0), values, 0.0)
    return np.asarray(np.nanmedian(filled, axis=0) if len(filled) else np.zeros(values.shape[1:]), dtype=np.float32)


def take(inputs: RecordInputs, rows: NDArray[np.int64]) -> RecordInputs:
    """Some records alone, all of them in the test part; a record may come several times."""
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


def log_odds(risk: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of probabilities, kept off 0 and 1."""
    return np.asarray(logit(np.clip(risk, TINY, 1 - TINY)), dtype=np.float64)


Change = Callable[[RecordInputs, slice, Feature, NDArray[np.int64]], None]
"""Copies of records, the places among them that a feature is changed at, the feature, and which records they are."""


def predicted(model: Any, inputs: RecordInputs, features: Sequence[Feature], change: Change) -> NDArray[np.float64]:
    """(n, features, 2) probabilities of records with one feature changed.

    Args:
        model: predicts. inputs: n records. features: each changed by itself.
        change: changes copies in place.
    """
    n, total = len(inputs), len(inputs) * len(features)
    width = inputs.numeric.shape[1] + inputs.codes.shape[1] + inputs.sequence.shape[1] * inputs.sequence.shape[2]
    width += sum(int(np.prod(values.shape[1:])) for values in inputs.modalities.values())
    at_once = max(1, min(ROWS, CELLS // max(1, width)))
    found = np.empty((total, 2))
    said = time.monotonic()
    for start in range(0, total, at_once):
        end = min(start + at_once, total)
        records = np.arange(start, end) % n
        copies = take(inputs, records)
        for number in range(start // n, (end - 1) // n + 1):
            part = slice(max(0, number * n - start), min(end, (number + 1) * n) - start)
            change(copies, part, features[number], records[part])
        found[start:end] = model.predict_proba(copies, np.arange(end - start))
        if time.monotonic() - said > SILENCE:
            said = time.monotonic()
            logger.info("%s of %s predictions of changed records", f"{end:,}", f"{total:,}")
    return found.reshape(len(features), n, 2).transpose(1, 0, 2)


def occlude(typical: Typical) -> Change:
    """Makes a feature typical of the training part."""

    def change(copies: RecordInputs, part: slice, feature: Feature, _: NDArray[np.int64]) -> None:
        at = feature.position
        if feature.kind == "numeric":
            copies.numeric[part, at] = typical.numeric[at]
        elif feature.kind == "category":
            copies.codes[part, at] = typical.codes[at]
        else:
            cells = (slice(None), at) if feature.kind == "channel" else (at,)
            sequence = copies.sequence[part]  # a view: what is written into it is written into the copies
            sequence[(slice(None), *cells)] = typical.sequence[cells]
            sequence[~copies.sequence_mask[part]] = np.nan

    return change


def shuffle(inputs: RecordInputs, features: Sequence[Feature], seed: int) -> Change:
    """Gives each record the feature of another one, drawn anew for each feature."""
    random = np.random.default_rng(seed)
    mixed = {feature: random.permutation(len(inputs)) for feature in features}

    def change(copies: RecordInputs, part: slice, feature: Feature, records: NDArray[np.int64]) -> None:
        at, others = feature.position, mixed[feature][records]
        if feature.kind == "numeric":
            copies.numeric[part, at] = inputs.numeric[others, at]
        elif feature.kind == "category":
            copies.codes[part, at] = inputs.codes[others, at]
        else:
            copies.sequence[part, :, at] = inputs.sequence[others, :, at]

    return change


def added(
    model: Any,
    inputs: RecordInputs,
    risk: NDArray[np.float64],
    features: Sequence[Feature],
    typical: Typical,
    temperature: float,
    most: int,
) -> NDArray[np.float64]:
    """(n, features) what each feature added to the log-odds of n records.

    Of more than ``most`` features only those are asked of every record that add most to `SAMPLE` of the records, spread
    evenly; what the others add to those not in the sample is nan.

    Args:
        model: predicts. inputs: n records. risk: their calibrated risk (n,).
        features: columns, channels or steps. typical: of the training part.
        temperature: of the calibration. most: features asked of every record.
    """
    everybody = np.arange(len(inputs))

    def fall(rows: NDArray[np.int64], asked: Sequence[Feature]) -> NDArray[np.float64]:
        shown = take(inputs, rows)
        changed = predicted(model, shown, asked, occlude(typical)).reshape(-1, 2)
        after = apply_temperature(changed, temperature)[:, 1].reshape(len(rows), len(asked))
        return np.asarray(log_odds(risk[rows])[:, None] - log_odds(after), dtype=np.float64)

    if not len(inputs) or not features:
        return np.zeros((len(inputs), len(features)))
    if len(features) <= most or len(inputs) <= SAMPLE:
        return fall(everybody, features)
    sample = np.unique(np.linspace(0, len(inputs) - 1, SAMPLE).astype(np.int64))
    of_sample = fall(sample, features)
    kept = np.sort(np.argsort(-np.abs(of_sample).mean(axis=0), kind="stable")[:most])
    rest = np.setdiff1d(everybody, sample)
    out = np.full((len(inputs), len(features)), np.nan)
    out[sample] = of_sample
    out[np.ix_(rest, kept)] = fall(rest, [features[at] for at in kept])
    return out
