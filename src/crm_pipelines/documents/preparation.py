"""The labelled documents, their folds, and what the report says about all documents."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.config import FoldParameters
from crm_pipelines.documents.config import DocumentParameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.records.splits import make_splits

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class PreparedDocuments:
    """Labelled documents ready to be assembled into the inputs of any fold.

    Attributes:
        arrays: ``rows`` (n) of the labelled documents in the table of words, ``labels`` (n) int64, ``names/classes``,
            and ``<protocol>/fold=<f>/{train,validation,test}``, positions in ``rows``. Empty ``rows`` where sentiment
            cannot be learnt.
        splits: one mapping per protocol and fold, with the sizes of its parts.
        overview: what the report says.
    """

    arrays: Arrays
    splits: list[dict[str, Any]]
    overview: dict[str, Any]


def prepare(
    words: pd.DataFrame, parameters: DocumentParameters, folds: FoldParameters, title: str
) -> PreparedDocuments:
    """Folds of the labelled documents and an overview of all.

    Folds are those of ``StratifiedKFold(folds, shuffle=True, random_state=seed)`` over the labelled documents in the
    order of their rows, whoever wrote them; where all are dated there is also one cut in time.

    Args:
        words: `words.DOCUMENT_WORDS`.
        parameters: how many labelled documents are used at most.
        folds: how to split, and how many are needed.
        title: of the source.
    """
    label = words[c.LABEL].astype(object)
    counts = {name: int((label == name).sum()) for name in c.SENTIMENTS}
    classes = [name for name, count in counts.items() if count]
    rows = np.flatnonzero(label.isin(classes).to_numpy())
    why = _why_not(counts, folds)
    if why:
        logger.warning("sentiment is not learnt: %s", why)
        rows = rows[:0]
    if len(rows) > parameters.labelled:
        drawn = np.random.default_rng(parameters.seed).choice(rows, parameters.labelled, replace=False)
        rows = np.sort(drawn)
    codes = np.asarray(label.iloc[rows].map({name: code for code, name in enumerate(classes)}), dtype=np.int64)
    time = words[c.TIMESTAMP].to_numpy(dtype=np.float64, na_value=np.nan)
    arrays: Arrays = {"rows": rows, "labels": codes, "names/classes": np.asarray(classes, dtype=str)}
    splits = make_splits(codes, np.arange(len(rows)), time[rows], False, folds) if len(rows) else []
    for split in splits:
        arrays |= {f"{split.key}/{part}": getattr(split, part) for part in ("train", "validation", "test")}
    dated = time[~np.isnan(time)]
    texts = words[c.TEXT].fillna("").astype(object)
    alike = texts.iloc[rows].duplicated(keep=False)
    overview = {
        "title": title,
        "documents": len(words),
        "customers": int(words[c.CUSTOMER_ID].nunique()),
        "channels": {str(name): int(count) for name, count in words[c.CHANNEL].value_counts().items()},
        "start": float(dated.min()) if len(dated) else None,
        "end": float(dated.max()) if len(dated) else None,
        "labelled": len(rows),
        "class_counts": counts,
        "labelled_texts_alike": int(alike.sum()),
        "not_learnt": why,
    }
    sizes = [
        {
            c.PROTOCOL: s.protocol,
            c.FOLD: s.fold,
            "train": len(s.train),
            "validation": len(s.validation),
            "test": len(s.test),
        }
        for s in splits
    ]
    return PreparedDocuments(arrays, sizes, overview)


def _why_not(counts: Mapping[str, int], folds: FoldParameters) -> str:
    """Why sentiment cannot be learnt from so many labels; empty where it can."""
    present = {name: count for name, count in counts.items() if count}
    least, per_class = folds.minimum["records"], folds.minimum["class"]
    if not present:
        return "no document has a label"
    if len(present) == 1:
        return f"every label is '{next(iter(present))}'; labels of at least two classes are needed"
    if sum(present.values()) < least or min(present.values()) < per_class:
        listed = ", ".join(f"{name} {count}" for name, count in present.items())
        return f"{listed} labelled documents; at least {least}, {per_class} of each class, are needed ('folds.minimum')"
    return ""


def assemble(split: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]], words: pd.DataFrame) -> TextInputs:
    """The inputs of one fold."""
    key = f"{split[c.PROTOCOL]}/fold={split[c.FOLD]}"
    parts = {part: np.array(arrays[f"{key}/{part}"]) for part in ("train", "validation", "test")}
    return TextInputs.of(
        words.iloc[np.asarray(arrays["rows"])],
        [str(name) for name in arrays["names/classes"]],
        protocol=str(split[c.PROTOCOL]),
        fold=int(split[c.FOLD]),
        **parts,
    )


def fingerprint_arrays(words: pd.DataFrame, rows: Sequence[int] | NDArray[Any]) -> Arrays:
    """The labelled documents as arrays whose hash says whether they changed."""
    used = words.iloc[np.asarray(rows)]
    hashed = pd.util.hash_pandas_object(
        used[[c.SUMMARY, c.TEXT, c.LABEL, c.GRADE, "words"]].astype("object").fillna(""), index=False
    )
    return {"documents": hashed.to_numpy()}
