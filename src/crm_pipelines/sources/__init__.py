"""Data sources: one reader per published format, and one for one's own tables.

A reader turns the raw files of a source block into the canonical tables, keeping every row of the log.
"""

from collections.abc import Callable
from types import MappingProxyType
from typing import Final

from crm_pipelines.config import SourceSpec
from crm_pipelines.sources import amazon, demo, movielens, tables, taobao
from crm_pipelines.sources.canonical import CanonicalTables
from crm_pipelines.sources.raw import RawFolder
from crm_pipelines.sources.selection import select_source

Reader = Callable[[RawFolder, SourceSpec], CanonicalTables]

READERS: Final = MappingProxyType(
    {
        "amazon": amazon.read,
        "demo": demo.read,
        "movielens": movielens.read,
        "tables": tables.read,
        "taobao": taobao.read,
    }
)
"""Name in ``reader:`` -> reader; :class:`crm_pipelines.config.SourceSpec` lists the same names."""

__all__ = ["READERS", "CanonicalTables", "RawFolder", "Reader", "read", "select_source"]


def read(raw: RawFolder, spec: SourceSpec) -> CanonicalTables:
    """Read a source with the reader that its block names.

    Raises:
        UserError: whatever the files or the block do wrong, naming file, column, row or key.
    """
    return READERS[spec.reader](raw, spec)
