"""Schemas of the canonical tables, named by ``validator:`` in the catalog.

They state what may stand where; a broken one is a fault of ours, for the readers have turned users' mistakes
into messages before a table gets here.
"""

import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pandera.ibis as pa

from crm_pipelines import columns as c


class Interactions(pa.DataFrameModel):
    """The log of a source as read: every record, cells that could not be read are null.

    ``timestamp`` is in seconds since 1970 UTC; ``row`` numbers the records from 1.
    """

    customer_id: dt.String = pa.Field(nullable=True)
    item_id: dt.String = pa.Field(nullable=True)
    timestamp: dt.Int64 = pa.Field(nullable=True)
    behaviour: dt.String = pa.Field(nullable=True)
    value: dt.Float64 = pa.Field(nullable=True)
    text: dt.String = pa.Field(nullable=True)
    row: dt.Int64 = pa.Field(ge=1)

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True


class CleanInteractions(Interactions):
    """The log after cleaning: who, what, when and which behaviour are always known."""

    customer_id: dt.String = pa.Field()
    item_id: dt.String = pa.Field()
    timestamp: dt.Int64 = pa.Field()
    behaviour: dt.String = pa.Field()

    @pa.dataframe_check(error="a record appears twice: 'row' must be unique")
    def one_record_per_row(cls, data: pa.IbisData) -> ir.Table:  # noqa: N805
        """Every raw record survives at most once."""
        return _unique(data.table, c.ROW)


class Customers(pa.DataFrameModel):
    """Static attributes of customers; further columns are declared in the source block."""

    customer_id: dt.String = pa.Field()

    @pa.dataframe_check(error="a customer has more than one row")
    def one_row_per_customer(cls, data: pa.IbisData) -> ir.Table:  # noqa: N805
        """Ids are unique."""
        return _unique(data.table, c.CUSTOMER_ID)


class Items(pa.DataFrameModel):
    """Static attributes of items; further columns are declared in the source block."""

    item_id: dt.String = pa.Field()

    @pa.dataframe_check(error="an item has more than one row")
    def one_row_per_item(cls, data: pa.IbisData) -> ir.Table:  # noqa: N805
        """Ids are unique."""
        return _unique(data.table, c.ITEM_ID)


class Records(pa.DataFrameModel):
    """Records as read; attributes and the cells of the sequence are further columns, declared in the source block.

    ``position`` is UTC seconds or the place in an ordered file; ``row`` numbers the records from 1.
    """

    record_id: dt.String = pa.Field(nullable=True)
    customer_id: dt.String = pa.Field(nullable=True)
    label: dt.String = pa.Field(nullable=True)
    amount: dt.Float64 = pa.Field(nullable=True)
    position: dt.Int64 = pa.Field(nullable=True)
    row: dt.Int64 = pa.Field(ge=1)


class CleanRecords(Records):
    """Records after cleaning: each has an id of its own and an outcome."""

    record_id: dt.String = pa.Field()
    customer_id: dt.String = pa.Field()
    label: dt.String = pa.Field()

    @pa.dataframe_check(error="a record appears twice: 'record_id' must be unique")
    def one_row_per_record(cls, data: pa.IbisData) -> ir.Table:  # noqa: N805
        """Ids are unique."""
        return _unique(data.table, c.RECORD_ID)


def _unique(table: ir.Table, column: str) -> ir.Table:
    """One boolean: no value of the column repeats (pandera's own ``unique`` is not checked on Ibis tables)."""
    return table.aggregate(unique=table[column].nunique() + table[column].isnull().any().cast(int) == table.count())
