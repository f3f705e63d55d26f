"""Clean documents to words: the text stage. Nothing here is fitted."""

import logging

import ibis.expr.types as ir
import pandas as pd

from crm_pipelines import columns as c
from crm_pipelines.documents.config import DocumentParameters
from crm_pipelines.text.language import ENGLISH, UNKNOWN, language_of
from crm_pipelines.text.normalise import Stemmer, content_words, normalise, tokenise

logger = logging.getLogger(__name__)

WORDS = "words"
"""Tokens of summary and text with blanks between them."""
STEMS = "stems"
"""Stems of the content words with blanks between them."""
DOCUMENT_WORDS = (*c.DOCUMENT_COLUMNS[:-1], c.LANGUAGE, WORDS, STEMS)
PROGRESS = 100_000


def to_words(documents: ir.Table, parameters: DocumentParameters) -> pd.DataFrame:
    """Each clean document with its language, words and stems, in the order of their rows.

    Args:
        documents: ``schemas.CleanDocuments``.
        parameters: from how many words a language is told.

    Returns:
        `DOCUMENT_WORDS`: summary and text are normalised (one line without markup; ``""`` where nothing is left).
    """
    frame = documents.order_by(c.ROW).to_pandas().drop(columns=c.ROW)
    stemmer = Stemmer()
    rows: list[tuple[str, str, str, str, str]] = []
    for number, (summary, text) in enumerate(zip(frame[c.SUMMARY], frame[c.TEXT], strict=True), start=1):
        head = normalise(summary) if isinstance(summary, str) else ""
        body = normalise(text)
        tokens = [*tokenise(head), *tokenise(body)] if head else tokenise(body)
        language = language_of(f"{head} {body}".strip(), tokens, parameters.least_words)
        stems = stemmer.stems(content_words(tokens)) if language in (ENGLISH, UNKNOWN) else []
        rows.append((head, body, language, " ".join(tokens), " ".join(stems)))
        if number % PROGRESS == 0:
            logger.info("words of %s of %s documents", f"{number:,}", f"{len(frame):,}")
    found = pd.DataFrame(rows, columns=[c.SUMMARY, c.TEXT, c.LANGUAGE, WORDS, STEMS])
    for name in found.columns:
        frame[name] = found[name].to_numpy(dtype=object)
    table: pd.DataFrame = frame[list(DOCUMENT_WORDS)]
    return table.astype({WORDS: "string", STEMS: "string", c.LANGUAGE: "string"})


def languages(words: pd.DataFrame) -> pd.DataFrame:
    """``language, documents, share``: how many documents are in each language, the most frequent first."""
    counted = words[c.LANGUAGE].value_counts()
    return pd.DataFrame(
        {
            c.LANGUAGE: counted.index.astype(str),
            "documents": counted.to_numpy(),
            "share": counted.to_numpy() / max(len(words), 1),
        }
    )
