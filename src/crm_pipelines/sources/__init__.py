"""Data sources: one reader per published format, and one for one's own tables.

A reader turns the raw files of a source block into the canonical tables, keeping every row of the log. Readers of
interactions and of records are two kinds; a block may ask for one of each.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from crm_pipelines.config import RecordsSpec, SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.sources import (
    amazon,
    bank,
    credit,
    demo,
    documents,
    holdings,
    item_sequences,
    market,
    movielens,
    records,
    retail,
    tables,
    taobao,
    telco,
)
from crm_pipelines.sources.canonical import CanonicalTables
from crm_pipelines.sources.documents import DocumentTables
from crm_pipelines.sources.raw import RawFolder
from crm_pipelines.sources.records import RecordTables
from crm_pipelines.sources.selection import select_source

Reader = Callable[[RawFolder, SourceSpec], CanonicalTables]

READERS: Final = MappingProxyType(
    {
        "amazon": amazon.read,
        "demo": demo.read,
        "holdings": holdings.read,
        "item_sequences": item_sequences.read,
        "market": market.read,
        "movielens": movielens.read,
        "tables": tables.read,
        "taobao": taobao.read,
    }
)
"""Name in ``reader:`` -> reader; :class:`crm_pipelines.config.SourceSpec` lists the same names."""

RecordReader = Callable[[RawFolder, RecordsSpec, str], RecordTables]

RECORD_READERS: Final = MappingProxyType(
    {
        "bank": bank.read,
        "credit": credit.read,
        "records": records.read,
        "retail": retail.read,
        "telco": telco.read,
    }
)
"""Name in ``records.reader:`` -> reader; :class:`crm_pipelines.config.RecordsSpec` lists the same names."""

__all__ = [
    "READERS",
    "RECORD_READERS",
    "CanonicalTables",
    "DocumentTables",
    "RawFolder",
    "Reader",
    "RecordReader",
    "RecordTables",
    "read",
    "read_documents",
    "read_records",
    "select_source",
]


def read(raw: RawFolder, spec: SourceSpec) -> CanonicalTables:
    """Read a source with the reader that its block names.

    Raises:
        UserError: whatever the files or the block do wrong, naming file, column, row or key.
    """
    if spec.log is None or spec.reader is None:
        raise UserError(f"source '{spec.title}' has no 'interactions' to read; run --pipelines=risk on its records")
    return READERS[spec.reader](raw.written_as(spec), spec)


def read_records(raw: RawFolder, spec: SourceSpec) -> RecordTables:
    """Read a source's records with the reader that its block names.

    Raises:
        UserError: the source has none, or whatever the file or the block do wrong.
    """
    block = spec.records
    return RECORD_READERS[block.reader](raw.written_as(spec), block, f"'records' of source '{spec.title}'")


def read_documents(raw: RawFolder, spec: SourceSpec) -> DocumentTables:
    """Read a source's documents.

    Raises:
        UserError: the source has none, or whatever the files or the block do wrong.
    """
    return documents.read(raw.written_as(spec), spec)
