"""Thin nodes of ``products``."""

import logging
from typing import Any

import ibis.expr.types as ir
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines import columns as c
from crm_pipelines.cleaning import clean_interactions, summarise_cleaning
from crm_pipelines.config import SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.pipelines.ingestion.nodes import read_source
from crm_pipelines.recommendation.preparation import build
from crm_pipelines.recommendation.sources import general_spec, product_spec
from crm_pipelines.sources import RawFolder

logger = logging.getLogger(__name__)

Arrays = dict[str, NDArray[Any]]


def read_products(raw_files: RawFolder, source_spec: SourceSpec) -> tuple[ir.Table, ir.Table, ir.Table, dict[str, int]]:
    """The log of products of the chosen source, its customers and products, and what was counted while reading.

    Raises:
        UserError: a mistake in the raw files or in the source block, or a source without a log.
    """
    spec = product_spec(source_spec)
    if spec.log is None:
        raise UserError(
            f"source '{spec.title}' has no 'interactions', so nobody takes a product there; choose another source "
            "(such as santander, fprt, movielens, beauty_sequences), or add that block or 'products'"
        )
    return read_source(raw_files, spec)


def prepare_products(
    interactions: ir.Table, customers: ir.Table, items: ir.Table, source_spec: SourceSpec
) -> tuple[Arrays, pd.DataFrame]:
    """Products taken, customer by customer, and what was dropped and counted."""
    spec = product_spec(source_spec)
    return _prepared(interactions, customers, items, spec)


def prepare_general(
    raw_files: RawFolder, source_spec: SourceSpec, sources: dict[str, Any]
) -> tuple[Arrays, pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """The same of the source to pre-train on, and its tables of attributes; empty where the block names none."""
    spec = general_spec(source_spec, sources)
    if spec is None:
        return {}, pd.DataFrame(), pd.DataFrame(), pd.DataFrame(columns=["step", "reason", "rows"])
    interactions, customers, items, _ = read_source(raw_files, spec)
    arrays, report = _prepared(interactions, customers, items, spec)
    return arrays, customers.to_pandas(), items.to_pandas(), report


def _prepared(
    interactions: ir.Table, customers: ir.Table, items: ir.Table, spec: SourceSpec
) -> tuple[Arrays, pd.DataFrame]:
    table, cleaning = clean_interactions(interactions, spec.interactions)
    logger.info("%s: %s", spec.title, summarise_cleaning(cleaning))
    names = (c.CUSTOMER_ID, c.ITEM_ID, c.TIMESTAMP, c.BEHAVIOUR, c.ROW)
    if spec.interactions.context:
        table = table.filter(~table[c.BEHAVIOUR].isin(spec.interactions.context))
    log = table.select(*names).order_by(c.TIMESTAMP, c.ROW).to_pandas()
    sides = [
        side.select(name).to_pandas()[name].astype(str)
        for side, name in ((customers, c.CUSTOMER_ID), (items, c.ITEM_ID))
    ]
    arrays, report = build(log, sides[0], sides[1], spec.offers, spec.interactions.file)
    return arrays, pd.concat([cleaning, report.assign(step="products: " + report["step"])], ignore_index=True)
