"""Thin nodes of ``records``; the work is done in ``sources`` and ``records``."""

import logging
from typing import Any

import ibis.expr.types as ir
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import sources
from crm_pipelines.cleaning import summarise_cleaning
from crm_pipelines.config import FoldParameters, SourceSpec, parse
from crm_pipelines.records.cleaning import clean_records
from crm_pipelines.records.layout import Layout
from crm_pipelines.records.preparation import prepare
from crm_pipelines.sources import RawFolder

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]


def read(raw_files: RawFolder, source_spec: SourceSpec) -> tuple[ir.Table, dict[str, Any], dict[str, int]]:
    """The records of the chosen source as read, which column is what, and what was counted while reading.

    Raises:
        UserError: a mistake in the raw files or in the source block.
    """
    found = sources.read_records(raw_files, source_spec)
    lines = [list(line) for line in found.lines]
    return found.records, {**found.layout.model_dump(mode="json"), "lines": lines}, found.notes


def clean(records: ir.Table, records_layout: dict[str, Any], source_spec: SourceSpec) -> tuple[ir.Table, pd.DataFrame]:
    """Clean records and the report in which rows in = rows dropped + rows out."""
    return clean_from(records, records_layout, source_spec.records.file)


def clean_from(records: ir.Table, layout: dict[str, Any], file: str) -> tuple[ir.Table, pd.DataFrame]:
    """The same of records that come from ``file``."""
    table, report = clean_records(records, file, map(tuple, layout["lines"]))
    logger.info("%s", summarise_cleaning(report))
    return table, report


def prepare_records(
    clean_records: ir.Table, records_layout: dict[str, Any], source_spec: SourceSpec, folds: FoldParameters
) -> tuple[Arrays, list[dict[str, Any]], pd.DataFrame, dict[str, Any]]:
    """Arrays of the records, their splits, a look at every column, and an overview."""
    spec = source_spec.records
    return prepare_from(clean_records, records_layout, source_spec.title, spec.file, spec.trusted, folds)


def prepare_from(
    clean_records: ir.Table,
    records_layout: dict[str, Any],
    title: str,
    file: str,
    trusted: tuple[str, ...],
    folds: FoldParameters,
) -> tuple[Arrays, list[dict[str, Any]], pd.DataFrame, dict[str, Any]]:
    """The same of records that come from ``file``."""
    layout = parse(Layout, {key: value for key, value in records_layout.items() if key != "lines"}, "records_layout")
    # Read back in the order of the rows, which an engine is free to change.
    frame = clean_records.order_by("row").to_pandas()
    prepared = prepare(frame, layout, folds, title, file, trusted)
    return prepared.arrays, prepared.splits, prepared.columns, prepared.overview
