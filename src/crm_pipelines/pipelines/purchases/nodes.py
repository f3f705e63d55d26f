"""Thin nodes of ``purchases``. A source may have no purchases: what is made of them is then empty."""

import logging
from typing import Any, Final

import ibis
import ibis.expr.types as ir
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.config import FoldParameters, SourceSpec
from crm_pipelines.pipelines.ingestion.nodes import read_source
from crm_pipelines.pipelines.records import nodes as of_records
from crm_pipelines.pipelines.sequences import nodes as of_sequences
from crm_pipelines.records.purchases import Past, purchase_records
from crm_pipelines.records.voices import NEEDED
from crm_pipelines.sources import RawFolder, retail

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]
Layouts = dict[str, Any]
LOG: Final = (c.CUSTOMER_ID, c.ITEM_ID, c.TIMESTAMP, c.BEHAVIOUR, c.VALUE)


def read_log(raw_files: RawFolder, source_spec: SourceSpec) -> tuple[ir.Table, ir.Table, ir.Table, dict[str, int]]:
    """The log of the chosen source, its customers and items, and what was counted; empty for a source without one.

    Raises:
        UserError: a mistake in the raw files or in the source block.
    """
    if source_spec.log is not None and source_spec.purchase is not None:
        return read_source(raw_files, source_spec)
    return of_sequences.no_log()


def clean_log(interactions: ir.Table, source_spec: SourceSpec) -> tuple[ir.Table, pd.DataFrame]:
    """Clean interactions and the report in which rows in = rows dropped + rows out."""
    if source_spec.purchase is None:
        return interactions, pd.DataFrame(columns=list(of_sequences.REPORT))
    return of_sequences.clean_log(interactions, source_spec)


def find_purchases(
    raw_files: RawFolder, clean_interactions: ir.Table, customers: ir.Table, items: ir.Table, source_spec: SourceSpec
) -> tuple[ir.Table, ir.Table, pd.DataFrame]:
    """The log in which purchases are looked for, whose customers they are, and what was counted line by line.

    Invoices are a log of their own. Where a log has no values, an item's attribute may say what an event was worth.
    """
    report = pd.DataFrame(columns=list(of_sequences.REPORT))
    spec = source_spec.purchase
    if spec is None:
        return clean_interactions.select(*LOG), customers, report
    if source_spec.log is None:
        found, people, lines = retail.read_log(raw_files, source_spec.records, f"'records' of '{source_spec.title}'")
        return found, people, pd.DataFrame(list(lines), columns=list(of_sequences.REPORT))
    log = clean_interactions.select(*LOG)
    if source_spec.log.rating_classes:  # a rating is no amount
        log = log.mutate(**{c.VALUE: ibis.null("float64")})
    if spec.value is not None:
        worth = items.select(c.ITEM_ID, worth=items[spec.value])
        bought = log[c.BEHAVIOUR].isin(spec.behaviours) if spec.behaviours else log[c.ITEM_ID].notnull()
        joined = log.left_join(worth, c.ITEM_ID)
        log = joined.select(*LOG[:-1], **{c.VALUE: bought.ifelse(joined.worth, 0.0)})
    return log, customers, report


def make_records(
    purchase_log: ir.Table, purchase_customers: ir.Table, document_profiles: ir.Table, source_spec: SourceSpec
) -> tuple[ir.Table, Layouts, dict[str, int]]:
    """Records of purchases, which column is what, and what was counted.

    Raises:
        UserError: the definition of a purchase, or a log too short.
    """
    if source_spec.purchase is None:
        return of_sequences.no_records(), {}, {}
    chosen, left_out = _sample(purchase_customers, source_spec.purchase.most_customers)
    found = purchase_records(
        past_of(purchase_log, purchase_customers, document_profiles, source_spec, chosen), source_spec.customers
    )
    notes = {**found.notes, **({"customers_not_drawn": left_out} if left_out else {})}
    for name, count in notes.items():
        logger.info("%s %s", f"{count:,}", name.replace("_", " "))
    return found.records, {**found.layout.model_dump(mode="json"), "lines": []}, notes


def past_of(
    log: ir.Table,
    customers: ir.Table,
    documents: ir.Table,
    source_spec: SourceSpec,
    chosen: pd.Index | None,
    **known: Any,
) -> Past:
    """What is known of some customers, or of all where ``chosen`` is None; ``known`` as for `Past.of`."""
    assert source_spec.purchase is not None
    texts = documents.select(*NEEDED)
    people = customers
    if chosen is not None:
        wanted = _as_table(chosen)
        log, people, texts = (table.semi_join(wanted, c.CUSTOMER_ID) for table in (log, people, texts))
    return Past.of(log.select(*LOG).to_pandas(), texts.to_pandas(), people.to_pandas(), source_spec.purchase, **known)


def _as_table(customers: pd.Index) -> ir.Table:
    """Customers as a table of one column, to join with."""
    return ibis.memtable(pd.DataFrame({c.CUSTOMER_ID: customers.astype(str)}))


def _sample(customers: ir.Table, most: int) -> tuple[pd.Index | None, int]:
    """At most so many customers, drawn at random, None for all; and how many were left out."""
    ids = np.sort(customers.select(c.CUSTOMER_ID).distinct().to_pandas()[c.CUSTOMER_ID].astype(str).to_numpy())
    if len(ids) <= most:
        return None, 0
    return pd.Index(np.random.default_rng(0).choice(ids, most, replace=False)), len(ids) - most


def clean_records(
    purchase_records: ir.Table, purchase_layout: Layouts, source_spec: SourceSpec
) -> tuple[ir.Table, pd.DataFrame]:
    """Clean records and the report in which rows in = rows dropped + rows out."""
    if not purchase_layout:
        return purchase_records, pd.DataFrame(columns=list(of_sequences.REPORT))
    return of_records.clean_from(purchase_records, purchase_layout, _file(source_spec))


def prepare_records(
    clean_purchase_records: ir.Table,
    purchase_layout: Layouts,
    purchase_log: ir.Table,
    purchase_customers: ir.Table,
    document_profiles: ir.Table,
    source_spec: SourceSpec,
    folds: FoldParameters,
) -> tuple[Arrays, list[dict[str, Any]], pd.DataFrame, dict[str, Any]]:
    """Arrays of the records with every view of them, their splits, a look at every column, and an overview."""
    if not purchase_layout:
        return {}, [], pd.DataFrame(columns=list(of_sequences.COLUMNS)), {}
    arrays, splits, columns, overview = of_records.prepare_from(
        clean_purchase_records, purchase_layout, source_spec.title, _file(source_spec), (), folds
    )
    frame = clean_purchase_records.order_by(c.ROW).select(c.CUSTOMER_ID, c.POSITION).to_pandas()
    chosen = pd.Index(frame[c.CUSTOMER_ID].unique())
    past = past_of(purchase_log, purchase_customers, document_profiles, source_spec, chosen)
    views = past.modalities(pd.Index(frame[c.CUSTOMER_ID]), frame[c.POSITION].to_numpy(dtype=np.int64))
    overview |= {"modalities": sorted(name.partition("/")[2] for name in views)}
    return {**arrays, **views}, splits, columns, overview


def _file(source_spec: SourceSpec) -> str:
    """The file that purchases come from, for messages."""
    return source_spec.log.file if source_spec.log is not None else source_spec.records.file
