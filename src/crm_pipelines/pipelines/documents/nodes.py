"""Thin nodes of ``documents``; the work is done in ``sources``, ``documents`` and ``text``."""

import logging
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines import sources
from crm_pipelines.cleaning import summarise_cleaning
from crm_pipelines.config import FoldParameters, SourceSpec
from crm_pipelines.documents.cleaning import clean_documents
from crm_pipelines.documents.config import DocumentParameters
from crm_pipelines.documents.preparation import prepare
from crm_pipelines.documents.words import languages, to_words
from crm_pipelines.entities.gazetteer import catalogue_names
from crm_pipelines.sources import RawFolder, conll

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]
NO_DOCUMENTS: Final = pa.schema(
    {
        **{name: pa.int64() if name in (c.TIMESTAMP, c.ROW) else pa.string() for name in c.DOCUMENT_COLUMNS},
        c.GRADE: pa.float64(),
    }
).empty_table()
Sentences = dict[str, list[tuple[list[str], list[str]]]]


def read(raw_files: RawFolder, source_spec: SourceSpec) -> tuple[ir.Table, dict[str, int]]:
    """The documents of the chosen source as read, and what was counted while reading.

    A source without documents has none, if it says what a purchase is: the profile is then made of behaviour alone.

    Raises:
        UserError: a mistake in the raw files or in the source block, or a source with nothing for this chain.
    """
    if not source_spec.texts and source_spec.purchase is not None:
        return ibis.memtable(NO_DOCUMENTS), {}
    found = sources.read_documents(raw_files, source_spec)
    return found.documents, found.notes


def read_sentences(raw_files: RawFolder, source_spec: SourceSpec) -> Sentences:
    """Tokens and tags of annotated sentences by part; nothing for a source without any.

    Raises:
        UserError: a mistake in the files.
    """
    if source_spec.annotated is None:
        return {}
    parts = conll.read(raw_files, source_spec.annotated)
    return {part: [(list(each.tokens), list(each.tags)) for each in several] for part, several in parts.items()}


def read_names(raw_files: RawFolder, source_spec: SourceSpec) -> pd.DataFrame:
    """Products and brands of the source's items, and places: ``name, type``."""
    return catalogue_names(raw_files, source_spec)


def clean(
    documents: ir.Table,
    document_notes: dict[str, int],
    raw_files: RawFolder,
    source_spec: SourceSpec,
    parameters: DocumentParameters,
) -> tuple[ir.Table, pd.DataFrame]:
    """Clean documents and the report in which rows in = rows dropped + rows out."""
    if not source_spec.texts:
        return documents, pd.DataFrame(columns=["step", "reason", "rows"])
    known = sources.documents.known_customers(raw_files, source_spec)
    table, report = clean_documents(documents, known, document_notes, parameters, f"source '{source_spec.title}'")
    logger.info("%s", summarise_cleaning(report))
    return table, report


def words(clean_documents: ir.Table, parameters: DocumentParameters) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Words of every document, and how many are in which language."""
    found = to_words(clean_documents, parameters)
    return found, languages(found)


def prepare_documents(
    document_words: pd.DataFrame, source_spec: SourceSpec, parameters: DocumentParameters, folds: FoldParameters
) -> tuple[Arrays, list[dict[str, Any]], dict[str, Any]]:
    """The labelled documents, their folds, and an overview."""
    prepared = prepare(document_words, parameters, folds, source_spec.title)
    return prepared.arrays, prepared.splits, prepared.overview
