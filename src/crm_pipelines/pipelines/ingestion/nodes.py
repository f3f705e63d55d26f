"""Nodes of ingestion."""

import ibis.expr.types as ir

from crm_pipelines import sources
from crm_pipelines.config import SourceSpec
from crm_pipelines.sources import RawFolder


def read_source(raw_files: RawFolder, source_spec: SourceSpec) -> tuple[ir.Table, ir.Table, ir.Table, dict[str, int]]:
    """Read the chosen source.

    Returns:
        ``interactions``, ``customers``, ``items`` (see :mod:`crm_pipelines.schemas`) and ``ingestion_notes``: what
        was counted while reading, by name.

    Raises:
        UserError: a mistake in the raw files or in the source block.
    """
    found = sources.read(raw_files, source_spec)
    return found.interactions, found.customers, found.items, found.notes
