"""Thin nodes of ``sequences``. A source may lack a log or records of churn: what is made of them is then empty."""

import logging
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines import sources
from crm_pipelines.config import FoldParameters, SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.pipelines.ingestion.nodes import read_source
from crm_pipelines.pipelines.preprocessing.nodes import clean
from crm_pipelines.pipelines.records import nodes as of_records
from crm_pipelines.records.layout import Layout
from crm_pipelines.records.preparation import TooFewRecordsError
from crm_pipelines.records.snapshots import snapshot_records
from crm_pipelines.sequences.preparation import build
from crm_pipelines.sources import RawFolder
from crm_pipelines.sources.records import RecordTables

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]
Layouts = dict[str, Any]

_TEXT, _NUMBER, _WHOLE = pa.string(), pa.float64(), pa.int64()
EVENTS: Final = dict(zip(c.INTERACTION_COLUMNS, (_TEXT, _TEXT, _WHOLE, _TEXT, _NUMBER, _TEXT, _WHOLE), strict=True))
RECORDS: Final = dict(zip(c.RECORD_COLUMNS, (_TEXT, _TEXT, _TEXT, _NUMBER, _WHOLE, _WHOLE), strict=True))
REPORT: Final = ("step", "reason", "rows")
COLUMNS: Final = ("column", "role", "missing", "values", "use")


def read_log(raw_files: RawFolder, source_spec: SourceSpec) -> tuple[ir.Table, ir.Table, ir.Table, dict[str, int]]:
    """The log of the chosen source, its customers and items, and what was counted while reading.

    Raises:
        UserError: a mistake in the raw files or in the source block, or a source with nothing for this pipeline.
    """
    if source_spec.log is not None:
        return read_source(raw_files, source_spec)
    if source_spec.table is None or not source_spec.table.churn:
        raise UserError(
            f"source '{source_spec.title}' has neither 'interactions' nor records of churn; choose another source "
            "(such as movielens, beauty_sequences, telco, retail), or set 'churn: true' below its 'records'"
        )
    return no_log()


def no_log() -> tuple[ir.Table, ir.Table, ir.Table, dict[str, int]]:
    """Interactions, customers and items of a source without a log: none."""
    return empty(EVENTS), empty({c.CUSTOMER_ID: _TEXT}), empty({c.ITEM_ID: _TEXT}), {}


def no_records() -> ir.Table:
    """Records of a source without any."""
    return empty(RECORDS)


def clean_log(interactions: ir.Table, source_spec: SourceSpec) -> tuple[ir.Table, pd.DataFrame]:
    """Clean interactions and the report in which rows in = rows dropped + rows out."""
    if source_spec.log is None:
        return interactions, pd.DataFrame(columns=list(REPORT))
    return clean(interactions, source_spec)


def prepare_sequences(
    clean_interactions: ir.Table, customers: ir.Table, source_spec: SourceSpec
) -> tuple[Arrays, pd.DataFrame]:
    """Sequences of items in the order of each customer's events, and what was dropped and counted."""
    if source_spec.log is None:
        return {}, pd.DataFrame(columns=list(REPORT))
    spec = source_spec.interactions
    events = clean_interactions
    if spec.context:
        events = events.filter(~events[c.BEHAVIOUR].isin(spec.context))
    log = events.order_by(c.TIMESTAMP, c.ROW).select(c.CUSTOMER_ID, c.ITEM_ID, c.TIMESTAMP).to_pandas()
    found = build(log, customers.select(c.CUSTOMER_ID).to_pandas()[c.CUSTOMER_ID], spec.file)
    for row in found.report[found.report["step"] == "customers"].itertuples():
        logger.info("%s customers %s", f"{row.rows:,}", str(row.reason).replace("_", " "))
    return found.arrays, found.report


def read_churn(
    raw_files: RawFolder, clean_interactions: ir.Table, customers: ir.Table, source_spec: SourceSpec
) -> tuple[ir.Table, Layouts, dict[str, int]]:
    """Records of churn: by the definition in ``churn``, or the source's own; and which column is what.

    Raises:
        UserError: a mistake in the raw files, in the source block, or in the definition.
    """
    if source_spec.churn is not None:
        names = [c.CUSTOMER_ID, c.ITEM_ID, c.TIMESTAMP, c.BEHAVIOUR, c.VALUE]
        log = clean_interactions.select(*names).to_pandas()
        return with_lines(snapshot_records(log, customers.to_pandas(), source_spec.churn, source_spec.customers))
    if source_spec.table is not None and source_spec.table.churn:
        return with_lines(sources.read_records(raw_files, source_spec))
    return no_records(), {}, {}


def clean_churn(records: ir.Table, records_layout: Layouts, source_spec: SourceSpec) -> tuple[ir.Table, pd.DataFrame]:
    """Clean records and the report in which rows in = rows dropped + rows out."""
    if not records_layout:
        return records, pd.DataFrame(columns=list(REPORT))
    return of_records.clean_from(records, records_layout, _file(source_spec))


def prepare_churn(
    clean_records: ir.Table, records_layout: Layouts, source_spec: SourceSpec, folds: FoldParameters
) -> tuple[Arrays, list[dict[str, Any]], pd.DataFrame, dict[str, Any]]:
    """Arrays of the records, their splits without leaky rows, a look at every column, and an overview.

    Where there are too few records, nothing is said of churn; a log is planned for all the same.

    Raises:
        UserError: a column holds the outcome; or too few records, in a source without a log.
    """
    nothing: tuple[Arrays, list[dict[str, Any]], pd.DataFrame, dict[str, Any]]
    nothing = {}, [], pd.DataFrame(columns=list(COLUMNS)), {}
    if not records_layout:
        return nothing
    honest = folds.model_copy(update={"leaks": False})
    trusted = source_spec.table.trusted if source_spec.table is not None else ()
    if source_spec.churn is not None:  # what was done before the date cannot hold what followed, however much it tells
        made = (*records_layout["numeric"], *records_layout["channels"])
        trusted = tuple(name for name in made if source_spec.is_history(name))
    file = _file(source_spec)
    try:
        return of_records.prepare_from(clean_records, records_layout, source_spec.title, file, trusted, honest)
    except TooFewRecordsError as error:
        if source_spec.log is None:
            raise
        logger.warning("churn is left out, plans are not adjusted to it: %s", error)
        return nothing


def _file(source_spec: SourceSpec) -> str:
    """The file that records of churn come from, for messages."""
    if source_spec.churn is not None:
        return source_spec.interactions.file
    return source_spec.records.file


def with_lines(found: RecordTables) -> tuple[ir.Table, Layouts, dict[str, int]]:
    """Records, their layout as plain values, and what was counted."""
    lines = [list(line) for line in found.lines]
    return found.records, {**_plain(found.layout), "lines": lines}, found.notes


def _plain(layout: Layout) -> Layouts:
    return layout.model_dump(mode="json")


def empty(columns: dict[str, Any]) -> ir.Table:
    """A table without rows."""
    return ibis.memtable(pa.schema(columns).empty_table())
