"""The tagger beside the rule it has to beat, and the entities of every document."""

import logging
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd

from crm_pipelines import columns as c
from crm_pipelines.entities import gazetteer
from crm_pipelines.entities.rule import CapitalRule
from crm_pipelines.entities.spans import Sentence, Span, span_scores
from crm_pipelines.models.tagging.bilstm_crf import BiLSTMCRF, BiLSTMCRFConfig
from crm_pipelines.text.config import EntityParameters

logger = logging.getLogger(__name__)

RULE = "capital_rule"
SCORE_COLUMNS = (c.MODEL, "part", "type", "precision", "recall", "f1", "true", "found", "right")
ENTITY_COLUMNS = (c.DOCUMENT_ID, "start", "end", "text", "type", "source")
CHUNK = 10_000


def train_tagger(
    sentences: Mapping[str, Sequence[Sentence]], config: BiLSTMCRFConfig, seed: int
) -> tuple[BiLSTMCRF, pd.DataFrame]:
    """A tagger, and span scores on validation and test beside the rule's.

    Passes and offset are chosen on validation by a tagger of the training sentences, whose validation scores are
    reported. The tagger that is tested, once, and used is fitted anew on both; so are the rule's lists.
    """
    tagger, rule = BiLSTMCRF(config, seed), CapitalRule()
    train, validation = sentences["train"], sentences["validation"]
    history = tagger.fit(train, validation)
    best = max(history, key=lambda row: row["validation_f1"])
    logger.info("tagger: pass %d of %d is best, validation F1 %.3f", best["epoch"], len(history), best["validation_f1"])
    rule.fit(train)
    scores = _scores(tagger, rule, validation, "validation")
    tagger.refit([*train, *validation], int(best["epoch"]))
    rule.fit([*train, *validation])
    return tagger, pd.concat([*scores, *_scores(tagger, rule, sentences["test"], "test")], ignore_index=True)


def _scores(tagger: BiLSTMCRF, rule: CapitalRule, sentences: Sequence[Sentence], part: str) -> list[pd.DataFrame]:
    tokens, true = [sentence.tokens for sentence in sentences], [sentence.spans for sentence in sentences]
    found: dict[str, Sequence[Sequence[Span]]] = {
        tagger.name: tagger.find(tokens),
        RULE: [rule.find(each) for each in tokens],
    }
    tables = [span_scores(true, spans).assign(**{c.MODEL: name, "part": part}) for name, spans in found.items()]
    return [table[list(SCORE_COLUMNS)] for table in tables]


def find_entities(
    words: pd.DataFrame, names: pd.DataFrame, tagger: Any | None, parameters: EntityParameters
) -> pd.DataFrame:
    """`ENTITY_COLUMNS` of all documents, in their order: names of the catalogue, and what a trained tagger finds.

    Args:
        words: `documents.words.DOCUMENT_WORDS`; places are characters of their normalised text.
        names: `gazetteer.catalogue_names`.
        tagger: fitted; None where the source has no annotated sentences.
        parameters: how many documents the tagger is given.
    """
    texts = words[c.TEXT].fillna("").astype(object).tolist()
    catalogue = gazetteer.Gazetteer(names, parameters)
    given = np.zeros(len(texts), dtype=bool)
    if tagger is not None:
        time = words[c.TIMESTAMP].to_numpy(dtype=np.float64, na_value=-np.inf)
        given[np.argsort(-time, kind="stable")[: parameters.most_tagged]] = True
    rows = []
    for start in range(0, len(texts), CHUNK):
        part = texts[start : start + CHUNK]
        known = list(catalogue.find(part))
        mine = np.flatnonzero(given[start : start + CHUNK])
        tagged = (
            dict(zip(mine.tolist(), gazetteer.tagged(tagger, [part[i] for i in mine]), strict=True))
            if len(mine)
            else {}
        )
        for i, found in enumerate(known):
            together = gazetteer.without_overlaps([*found, *tagged.get(i, [])])
            rows += [(words[c.DOCUMENT_ID].iat[start + i], *entity) for entity in together]
        if start + CHUNK < len(texts):
            logger.info("entities of %s of %s documents", f"{start + CHUNK:,}", f"{len(texts):,}")
    return pd.DataFrame(rows, columns=list(ENTITY_COLUMNS))


def entity_counts(entities: pd.DataFrame, most: int = 30) -> pd.DataFrame:
    """``type, source, text, documents``: what is named in most documents, the ``most`` frequent of each type."""
    folded = entities.assign(_key=entities["text"].astype("object").str.lower())
    if folded.empty:
        return pd.DataFrame({"type": [], "source": [], "text": [], "documents": []})
    groups = folded.groupby(["type", "_key"], sort=False)
    counted = groups.agg(
        source=("source", "first"),
        text=("text", lambda t: t.value_counts().index[0]),
        documents=(c.DOCUMENT_ID, "nunique"),
    ).reset_index()
    counted = counted.sort_values(["type", "documents", "_key"], ascending=[True, False, True], kind="stable")
    return (
        counted.groupby("type", sort=False).head(most)[["type", "source", "text", "documents"]].reset_index(drop=True)
    )
