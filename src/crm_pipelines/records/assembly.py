"""Prepared records of one protocol and fold as the inputs of a model."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from crm_pipelines.columns import FOLD, PROTOCOL
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.records.splits import LEAK_COLUMN

Arrays = Mapping[str, NDArray[Any]]


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
