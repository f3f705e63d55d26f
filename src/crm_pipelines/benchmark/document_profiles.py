"""One row per document: sentiment, theme, language, entities and embedding, none of which knows what comes later.

Everything fitted is fitted on documents before a cut in time, and the sentiment of a labelled document before the cut
comes from a model of other documents. So whoever predicts what happens after the cut may use every column.
"""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.model_selection import StratifiedKFold, train_test_split

from crm_pipelines import columns as c
from crm_pipelines.config import EncodingParameters, Parameters
from crm_pipelines.documents.inputs import TextInputs
from crm_pipelines.documents.words import STEMS, WORDS
from crm_pipelines.evaluation.calibration import apply_temperature, fit_temperature
from crm_pipelines.evaluation.decision import fit_decision_rule
from crm_pipelines.text.config import ProfileParameters, ThemeParameters
from crm_pipelines.text.language import ENGLISH
from crm_pipelines.text.tfidf import TextProjection
from crm_pipelines.text.themes import Themes
from crm_pipelines.text.valence import compounds

logger = logging.getLogger(__name__)

DAY = 86_400
CHUNK = 50_000
VALIDATION_SHARE = 0.2
LEXICON_MARGIN = 0.05
"""Compound score from which on VADER calls a text positive, as its authors do; below its negative, negative."""


@dataclass(frozen=True)
class SentimentModel:
    """What scores documents: a class of `models.text` with its hyper-parameters."""

    kind: Any
    config: Parameters
    seed: int

    def fit(self, inputs: TextInputs, rows: NDArray[np.int64]) -> Any:
        """The model of some labelled rows, a part of them kept for stopping."""
        labels = inputs.labels[rows]
        rare = np.bincount(labels)
        stratify = labels if rare[rare > 0].min() >= 2 else None
        train, held = train_test_split(rows, test_size=VALIDATION_SHARE, stratify=stratify, random_state=self.seed)
        parts = {"train": np.sort(train), "validation": np.sort(held), "test": np.empty(0, dtype=np.int64)}
        model = self.kind(self.config, self.seed)
        model.fit(TextInputs(**{**_fields(inputs), **parts}))
        return model


def cut_of(words: pd.DataFrame, days: float) -> int | None:
    """UTC seconds from which on nothing may be fitted: ``days`` before the last document; None without times."""
    time = words[c.TIMESTAMP].dropna()
    return None if time.empty else int(time.max() - days * DAY)


def document_profiles(
    words: pd.DataFrame,
    labelled: NDArray[np.int64],
    classes: Sequence[str],
    entities: pd.DataFrame,
    sentiment: SentimentModel,
    themes: ThemeParameters,
    profiles: ProfileParameters,
    days: float,
) -> pd.DataFrame:
    """`schemas.DocumentProfiles`, in the order of the documents.

    Args:
        words: `documents.words.DOCUMENT_WORDS`.
        labelled: rows that sentiment may be learnt from; none where it cannot be learnt.
        classes: their sentiments.
        entities: ``document_id, start, end, text, type, source``.
        sentiment: what scores them.
        themes, profiles: parameters.
        days: that nothing may be fitted on.
    """
    cut = cut_of(words, profiles.days if profiles.days is not None else days)
    time = words[c.TIMESTAMP].to_numpy(dtype=np.float64, na_value=np.nan)
    before = np.ones(len(words), dtype=bool) if cut is None else ~(time >= cut)
    table = words[[c.DOCUMENT_ID, c.CUSTOMER_ID, c.ITEM_ID, c.TIMESTAMP, c.CHANNEL, c.LANGUAGE]].reset_index(drop=True)
    texts = (c.DOCUMENT_ID, c.CUSTOMER_ID, c.ITEM_ID, c.CHANNEL, c.LANGUAGE)
    table = table.astype({**dict.fromkeys(texts, "string"), c.TIMESTAMP: "Int64"})  # also where all are missing
    scored = _scored(words, labelled[before[labelled]], classes, sentiment, profiles.folds)
    table = table.join(scored)
    table["fitted_before"] = pd.array([cut] * len(table), dtype="Int64")
    table[c.THEME] = _themes(words, before, themes)
    table[c.ENTITIES] = _as_json(words[c.DOCUMENT_ID], entities)
    vectors = embedding(words, before, profiles.fitted_on)
    return table.join(pd.DataFrame(vectors, columns=list(c.EMBEDDING_COLUMNS), index=table.index))


def _scored(
    words: pd.DataFrame, rows: NDArray[np.int64], classes: Sequence[str], sentiment: SentimentModel, folds: int
) -> pd.DataFrame:
    """``p_<class>, sentiment, fitted`` of every document; by a lexicon where nothing can be learnt."""
    n = len(words)
    out = pd.DataFrame({c.probability(name): np.full(n, np.nan) for name in c.SENTIMENTS})
    out[c.SENTIMENT] = pd.Series([None] * n, dtype="string")
    out[c.FITTED] = pd.Series([None] * n, dtype="string")
    inputs = TextInputs.of(words, classes) if len(rows) else None
    if inputs is None or np.unique(inputs.labels[rows]).size < 2 or np.bincount(inputs.labels[rows]).max() < folds:
        return _by_lexicon(words, out)
    logger.info("sentiment of %s documents, from %s labelled ones", f"{n:,}", f"{len(rows):,}")
    probabilities = np.zeros((n, len(classes)))
    whole = sentiment.fit(inputs, rows)
    others = np.setdiff1d(np.arange(n), rows)
    for start in range(0, len(others), CHUNK):
        part = others[start : start + CHUNK]
        probabilities[part] = whole.predict_proba(inputs, part)
    smallest = int(np.bincount(inputs.labels[rows])[np.unique(inputs.labels[rows])].min())
    count = max(2, min(folds, smallest))
    folding = StratifiedKFold(count, shuffle=True, random_state=sentiment.seed)
    for rest, own in folding.split(rows, inputs.labels[rows]):
        probabilities[rows[own]] = sentiment.fit(inputs, rows[rest]).predict_proba(inputs, rows[own])
    # Temperature and decisions rest on scores that no model has been fitted to.
    temperature = fit_temperature(probabilities[rows], inputs.labels[rows])
    rule = fit_decision_rule(probabilities[rows], inputs.labels[rows])
    calibrated = apply_temperature(probabilities, temperature)
    for name in c.SENTIMENTS:
        out[c.probability(name)] = calibrated[:, classes.index(name)] if name in classes else 0.0
    out[c.SENTIMENT] = pd.array(np.asarray(classes, dtype=object)[rule.apply(probabilities)], dtype="string")
    fitted = np.full(n, c.BEFORE_CUT, dtype=object)
    fitted[rows] = c.OUT_OF_FOLD
    out[c.FITTED] = pd.array(fitted, dtype="string")
    return out


def _by_lexicon(words: pd.DataFrame, out: pd.DataFrame) -> pd.DataFrame:
    """The same by VADER's compound score and its published thresholds; null for documents that are not English.

    Nothing is fitted, so probabilities are 0 and 1 and say no more than the sentiment does.
    """
    english = (words[c.LANGUAGE] == ENGLISH).fillna(False).to_numpy(dtype=bool)
    told = words.loc[english, [c.SUMMARY, c.TEXT]].fillna("").astype(str).agg(" ".join, axis=1)
    score = compounds(told.tolist())
    logger.info("sentiment of %s English documents by a lexicon: labels are too few to learn from", f"{len(told):,}")
    negative, neutral, positive = c.SENTIMENTS
    names = np.select([score <= -LEXICON_MARGIN, score >= LEXICON_MARGIN], [negative, positive], neutral)
    for name in c.SENTIMENTS:
        out.loc[english, c.probability(name)] = (names == name).astype(np.float64)
    out.loc[english, c.SENTIMENT] = names
    out.loc[english, c.FITTED] = c.LEXICON
    return out


def _themes(words: pd.DataFrame, before: NDArray[np.bool_], parameters: ThemeParameters) -> pd.Series:
    stems = words[STEMS].fillna("").astype(object).to_numpy()
    plain = words[WORDS].fillna("").astype(object).to_numpy()
    found = Themes.fit(list(stems[before]), list(plain[before]), parameters)
    if found is None:
        return pd.Series([None] * len(words), dtype="string")
    names = np.array([*found.names, None], dtype=object)
    return pd.Series(names[found.main(list(stems))], dtype="string")


def embedding(words: pd.DataFrame, before: NDArray[np.bool_], fitted_on: int, seed: int = 42) -> NDArray[np.float32]:
    """Vectors (N, `EMBEDDING_WIDTH`) of length 1: TF-IDF of the words projected by a truncated SVD.

    A corpus too small for so many dimensions leaves the last ones 0.
    """
    texts = words[WORDS].fillna("").astype(object)
    rows = np.flatnonzero(before)
    if len(rows) > fitted_on:
        rows = np.sort(np.random.default_rng(seed).choice(rows, fitted_on, replace=False))
    parameters = EncodingParameters(text_dimensions=c.EMBEDDING_WIDTH, tfidf_vocabulary=20_000, seed=seed)
    projection = TextProjection.fit(texts.iloc[rows], parameters)
    out = np.zeros((len(words), c.EMBEDDING_WIDTH), dtype=np.float32)
    found = projection.transform(texts)[:, : c.EMBEDDING_WIDTH]
    norm = np.linalg.norm(found, axis=1, keepdims=True)
    out[:, : found.shape[1]] = found / np.where(norm > 0, norm, 1)
    return out


def _as_json(documents: pd.Series, entities: pd.DataFrame) -> pd.Series:
    """The entities of each document as a JSON list."""
    listed: dict[str, list[Mapping[str, Any]]] = {}
    for record in entities.to_dict("records"):
        key = str(record.pop(c.DOCUMENT_ID))
        listed.setdefault(key, []).append({str(k): v for k, v in record.items()})
    texts = [json.dumps(listed.get(str(key), []), ensure_ascii=False) for key in documents]
    return pd.Series(texts, dtype="string")


def _fields(inputs: TextInputs) -> dict[str, Any]:
    return {name: getattr(inputs, name) for name in inputs.__dataclass_fields__}
