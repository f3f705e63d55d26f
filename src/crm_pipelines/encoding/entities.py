"""Customers and items as static features: imputed, scaled, one-hot encoded, and as codes for embeddings."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, Self

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.stats import skew

from crm_pipelines.config import EncodingParameters, EntitySpec
from crm_pipelines.encoding.imputation import NO_VALUE, Imputer
from crm_pipelines.encoding.scaling import FeatureScaler
from crm_pipelines.encoding.vocabulary import Vocabulary
from crm_pipelines.errors import UserError
from crm_pipelines.text.tfidf import TextProjection

SKEWED: Final = 1.0
"""Skewness from which a non-negative numeric column, such as a price, is given on a log scale too."""

_FILE: Final = "encoder.json"


@dataclass(frozen=True, eq=False)
class EntityFeatures:
    """Static features of N entities; row = dense id.

    Attributes:
        matrix: float32 (N, F); scaled numeric and text columns, then one-hot columns. Width 0 without attributes.
        names: of the F columns: ``price``, ``log1p(price)``, ``title[0]``, ``brand=yamaha``, ``brand=(other)``.
        codes: int32 (N, C), one per categorical column; 0 = not among the training categories.
        cardinalities: number of codes of each categorical column, 0 included.
        code_names: of the C categorical columns.
    """

    matrix: npt.NDArray[np.float32]
    names: tuple[str, ...]
    codes: npt.NDArray[np.int32]
    cardinalities: tuple[int, ...]
    code_names: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class EntityEncoder:
    """Everything fitted for one side (customers or items) of one protocol and fold.

    Sensitive columns are never looked at: they serve the measurement of fairness only.
    """

    imputer: Imputer
    logged: tuple[str, ...]
    scaler: FeatureScaler
    vocabularies: Mapping[str, Vocabulary]
    texts: Mapping[str, TextProjection] = field(default_factory=dict)

    @classmethod
    def fit(
        cls,
        attributes: pd.DataFrame,
        spec: EntitySpec,
        parameters: EncodingParameters,
        training: npt.NDArray[np.bool_],
    ) -> Self:
        """Fit on the training entities.

        Args:
            attributes: one row per entity in dense-id order (see `align`).
            spec: declares the columns and their types.
            parameters: ``scaling: entire`` fits the ranges (only those) on all entities, as paper A does.
            training: bool (N,), entities with an event in the training part.

        Raises:
            UserError: a declared column is absent, or attributes are declared but no entity is in training.
        """
        declared = (*spec.numeric, *spec.categorical, *spec.text)
        absent = [column for column in declared if column not in attributes.columns]
        if absent:
            where = spec.file or "the interaction log"
            raise UserError(f"{where}: no column {', '.join(absent)}; correct 'numeric', 'categorical' or 'text'")
        if declared and not training.any():
            raise UserError("no entity has an event in the training part; check the 'split' parameters")
        imputer = Imputer.fit(attributes, spec.numeric, spec.categorical, training)
        filled = imputer.apply(attributes)
        known = filled.loc[training]
        texts = {column: TextProjection.fit(attributes.loc[training, column], parameters) for column in spec.text}
        logged = tuple(column for column in spec.numeric if _is_skewed(known[column].to_numpy(np.float64)))
        dense = _dense(attributes, filled, logged, texts)
        rows = np.flatnonzero(training) if parameters.scaling == "train" else None
        return cls(
            imputer=imputer,
            logged=logged,
            scaler=FeatureScaler.fit(dense, rows),
            vocabularies={
                column: Vocabulary.fit(known[column].loc[known[column] != NO_VALUE], parameters.max_categories)
                for column in spec.categorical
            },
            texts=texts,
        )

    def transform(self, attributes: pd.DataFrame) -> EntityFeatures:
        """Encode N entities, also ones never seen; values outside the training range leave [0, 1]."""
        filled = self.imputer.apply(attributes)
        blocks = [self.scaler.transform(_dense(attributes, filled, self.logged, self.texts))]
        names = [*self.imputer.numeric, *(f"log1p({column})" for column in self.logged)]
        for column, projection in self.texts.items():
            names += [f"{column}[{dimension}]" for dimension in range(projection.width)]
        codes = np.zeros((len(attributes), len(self.vocabularies)), dtype=np.int32)
        for position, (column, vocabulary) in enumerate(self.vocabularies.items()):
            codes[:, position] = vocabulary.encode(filled[column])
            blocks.append(vocabulary.one_hot(codes[:, position]))
            names += [f"{column}={category}" for category in vocabulary.columns]
        return EntityFeatures(
            matrix=np.hstack(blocks),
            names=tuple(names),
            codes=codes,
            cardinalities=tuple(vocabulary.cardinality for vocabulary in self.vocabularies.values()),
            code_names=tuple(self.vocabularies),
        )

    def to_dict(self) -> dict[str, Any]:
        """Everything but the text projections, as plain values for JSON."""
        return {
            "numeric": dict(self.imputer.numeric),
            "categorical": dict(self.imputer.categorical),
            "logged": list(self.logged),
            "scaler": self.scaler.to_dict(),
            "vocabularies": {column: words.to_dict() for column, words in self.vocabularies.items()},
            "texts": list(self.texts),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any], texts: Mapping[str, TextProjection] | None = None) -> Self:
        """Inverse of `to_dict`; ``texts`` gives the projections of the columns listed there."""
        given = texts or {}
        return cls(
            imputer=Imputer(dict(data["numeric"]), dict(data["categorical"])),
            logged=tuple(data["logged"]),
            scaler=FeatureScaler.from_dict(data["scaler"]),
            vocabularies={column: Vocabulary.from_dict(words) for column, words in data["vocabularies"].items()},
            texts={column: given[column] for column in data["texts"]},
        )

    def save(self, directory: Path) -> None:
        """Write ``encoder.json`` and one folder per text column."""
        directory.mkdir(parents=True, exist_ok=True)
        described = json.dumps(self.to_dict(), ensure_ascii=False, allow_nan=False)
        (directory / _FILE).write_text(described, encoding="utf-8")
        for position, projection in enumerate(self.texts.values()):
            projection.save(directory / f"text_{position}")

    @classmethod
    def load(cls, directory: Path) -> Self:
        """Inverse of `save`."""
        data = json.loads((directory / _FILE).read_text(encoding="utf-8"))
        texts = {
            column: TextProjection.load(directory / f"text_{position}") for position, column in enumerate(data["texts"])
        }
        return cls.from_dict(data, texts)


def align(table: pd.DataFrame, id_column: str, ids: Sequence[str]) -> pd.DataFrame:
    """Rows of an attribute table in the order of ``ids`` (dense ids); an entity it lacks is all missing."""
    return table.set_index(id_column).reindex(pd.Index(ids, name=id_column)).reset_index()


def _dense(
    attributes: pd.DataFrame, filled: pd.DataFrame, logged: Sequence[str], texts: Mapping[str, TextProjection]
) -> npt.NDArray[np.float64]:
    """Numeric columns, those on a log scale, and projected texts, float64 (N, F), not yet scaled."""
    numbers = filled.select_dtypes("number")
    blocks = [numbers.to_numpy(np.float64)]
    # A later negative value of a column that had none in training is held at 0, where the log still exists.
    blocks += [np.log1p(np.maximum(filled[[column]].to_numpy(np.float64), 0.0)) for column in logged]
    blocks += [projection.transform(attributes[column]).astype(np.float64) for column, projection in texts.items()]
    return np.hstack(blocks)


def _is_skewed(values: npt.NDArray[np.float64]) -> bool:
    """Non-negative, with a long tail to the right."""
    return bool(values.min() >= 0 and values.max() > values.min() and skew(values) > SKEWED)
