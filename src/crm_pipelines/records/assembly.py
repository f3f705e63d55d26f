"""Prepared records of one protocol and fold as the inputs of a model."""

from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.columns import FOLD, PROTOCOL
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.records.splits import LEAK_COLUMN

Arrays = Mapping[str, NDArray[Any]]

MODALITY: Final = "modality/"
"""Arrays of further views of the records are called ``modality/<name>``."""


def assemble(split: Mapping[str, Any], arrays: Arrays) -> RecordInputs:
    """The inputs of one fold; categories are numbered by those of its training part.

    Args:
        split: ``protocol`` and ``fold``.
        arrays: of ``preparation.prepare``.
    """
    protocol, fold = str(split[PROTOCOL]), int(split[FOLD])
    rows, train, validation, test = (
        np.array(arrays[f"{protocol}/fold={fold}/{part}"]) for part in ("records", "train", "validation", "test")
    )
    numeric, names = np.asarray(arrays["numeric"])[rows], [str(name) for name in arrays["names/numeric"]]
    if protocol == LEAK_COLUMN:
        numeric = np.concatenate([numeric, np.asarray(arrays["leaky"])[rows]], axis=1)
        names += [str(name) for name in arrays["names/leaky"]]
    codes, cardinalities = _codes(np.asarray(arrays["categories"])[rows], train)
    sequence = np.asarray(arrays["sequence"])[rows]
    negative, positive = (str(name) for name in arrays["names/classes"])
    return RecordInputs(
        protocol=protocol,
        fold=fold,
        record_id=np.asarray(arrays["record_id"])[rows],
        classes=(negative, positive),
        labels=np.asarray(arrays["labels"])[rows],
        numeric=numeric,
        numeric_names=tuple(names),
        codes=codes,
        cardinalities=cardinalities,
        categorical_names=tuple(str(name) for name in arrays["names/categorical"]),
        sequence=sequence,
        sequence_mask=~np.isnan(sequence).all(axis=2) if sequence.shape[2] else np.zeros(sequence.shape[:2], bool),
        channel_names=tuple(str(name) for name in arrays["names/channels"]),
        step_names=tuple(str(name) for name in arrays["names/steps"]),
        amount=np.asarray(arrays["amount"])[rows],
        customer=np.asarray(arrays["customer"])[rows],
        train=train,
        validation=validation,
        test=test,
        groups={
            name.removeprefix("group/"): _groups(np.asarray(values)[rows])
            for name, values in arrays.items()
            if name.startswith("group/")
        },
        modalities={
            name.removeprefix(MODALITY): np.asarray(values)[rows]
            for name, values in arrays.items()
            if name.startswith(MODALITY)
        },
    )


def assemble_new(split: Mapping[str, Any], arrays: Arrays, new: Arrays) -> RecordInputs:
    """Records without an outcome as a model of one fold reads them: all of them in the test part, labels zero.

    Args:
        split: ``protocol`` and ``fold`` of the model.
        arrays: of ``preparation.prepare``, from which categories get their numbers.
        new: of ``preparation.prepare_new``.
    """
    protocol, fold = str(split[PROTOCOL]), int(split[FOLD])
    rows = np.array(arrays[f"{protocol}/fold={fold}/records"])[np.array(arrays[f"{protocol}/fold={fold}/train"])]
    known = np.asarray(arrays["categories"])[rows]
    both = np.concatenate([known, np.asarray(new["categories"])])
    codes, cardinalities = _codes(both, np.arange(len(known)))
    n, nothing = len(new["record_id"]), np.empty(0, dtype=np.int64)
    sequence = np.asarray(new["sequence"])
    negative, positive = (str(name) for name in arrays["names/classes"])
    return RecordInputs(
        protocol=protocol,
        fold=fold,
        record_id=np.asarray(new["record_id"]),
        classes=(negative, positive),
        labels=np.zeros(n, dtype=np.int64),
        numeric=np.asarray(new["numeric"]),
        numeric_names=tuple(str(name) for name in arrays["names/numeric"]),
        codes=codes[len(known) :],
        cardinalities=cardinalities,
        categorical_names=tuple(str(name) for name in arrays["names/categorical"]),
        sequence=sequence,
        sequence_mask=~np.isnan(sequence).all(axis=2) if sequence.shape[2] else np.zeros(sequence.shape[:2], bool),
        channel_names=tuple(str(name) for name in arrays["names/channels"]),
        step_names=tuple(str(name) for name in arrays["names/steps"]),
        amount=np.full(n, np.nan, dtype=np.float32),
        customer=np.arange(n, dtype=np.int64),
        train=nothing,
        validation=nothing,
        test=np.arange(n, dtype=np.int64),
        groups={},
        modalities={name.removeprefix(MODALITY): v for name, v in new.items() if name.startswith(MODALITY)},
    )


def _groups(names: NDArray[Any]) -> NDArray[np.object_]:
    """Names of groups, None where missing."""
    groups = names.astype(object)
    groups[names == ""] = None
    return groups


def _codes(categories: NDArray[np.int32], train: NDArray[np.int64]) -> tuple[NDArray[np.int32], tuple[int, ...]]:
    """Codes from 1 of the categories seen in training, 0 for all others; and how many codes each column has."""
    codes = np.zeros_like(categories)
    cardinalities = []
    for column in range(categories.shape[1]):
        seen = np.unique(categories[train, column])
        seen = seen[seen >= 0]
        number = np.zeros(int(categories[:, column].max(initial=-1)) + 2, dtype=np.int32)
        number[seen + 1] = np.arange(1, len(seen) + 1)
        codes[:, column] = number[categories[:, column] + 1]
        cardinalities.append(len(seen) + 1)
    return codes, tuple(cardinalities)
