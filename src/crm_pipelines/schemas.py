"""Schemas of the canonical tables, named by ``validator:`` in the catalog.

They state what may stand where; a broken one is a fault of ours, for the readers have turned users' mistakes
into messages before a table gets here.
"""

from functools import reduce
from operator import and_
from typing import Any

import ibis.expr.datatypes as dt
import ibis.expr.types as ir
import pandera.ibis as pa

from crm_pipelines import columns as c


class CheckedTable(pa.DataFrameModel):
    """A schema whose checks take one pass over a table that keeps them."""

    @classmethod
    def validate(cls, check_obj: ir.Table, *args: Any, **kwargs: Any) -> Any:
        """The table, checked: pandera, which reads a table once for every check, sees it only if one is broken."""
        return check_obj if cls._holds(check_obj) else super().validate(check_obj, *args, **kwargs)

    @classmethod
    def _holds(cls, table: ir.Table) -> bool:
        """Whether the table has the columns and keeps every promise about them."""
        columns = cls.to_schema().columns
        found = table.schema()
        if not set(columns) <= set(found) or (cls.to_schema().strict and tuple(columns) != tuple(found)):
            return False
        if any(found[name] != column.dtype.type for name, column in columns.items()):
            return False
        promises = [table[name].notnull().all() for name, column in columns.items() if not column.nullable]
        promises += cls.promises(table)
        kept = table.aggregate(kept=reduce(and_, promises), rows=table.count()).to_pyarrow().to_pylist()[0]
        return bool(kept["kept"]) or not kept["rows"]

    @classmethod
    def promises(cls, table: ir.Table) -> list[ir.BooleanScalar]:
        """What else pandera would check."""
        return []


class Interactions(CheckedTable):
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

    @classmethod
    def promises(cls, table: ir.Table) -> list[ir.BooleanScalar]:
        """Rows are numbered from 1."""
        return [table[c.ROW].min() >= 1]


class CleanInteractions(Interactions):
    """The log after cleaning: who, what, when and which behaviour are always known."""

    customer_id: dt.String = pa.Field()
    item_id: dt.String = pa.Field()
    timestamp: dt.Int64 = pa.Field()
    behaviour: dt.String = pa.Field()

    @pa.dataframe_check(error="a record appears twice: 'row' must be unique")
    def one_record_per_row(cls, data: pa.IbisData) -> ir.Table:  # noqa: N805
        """Every raw record survives at most once."""
        return _as_table(data.table, _unique(data.table, c.ROW))

    @classmethod
    def promises(cls, table: ir.Table) -> list[ir.BooleanScalar]:
        """Every raw record survives at most once."""
        return [*super().promises(table), _unique(table, c.ROW)]


class Customers(CheckedTable):
    """Static attributes of customers; further columns are declared in the source block."""

    customer_id: dt.String = pa.Field()

    @pa.dataframe_check(error="a customer has more than one row")
    def one_row_per_customer(cls, data: pa.IbisData) -> ir.Table:  # noqa: N805
        """Ids are unique."""
        return _as_table(data.table, _unique(data.table, c.CUSTOMER_ID))

    @classmethod
    def promises(cls, table: ir.Table) -> list[ir.BooleanScalar]:
        """Ids are unique."""
        return [_unique(table, c.CUSTOMER_ID)]


class Items(CheckedTable):
    """Static attributes of items; further columns are declared in the source block."""

    item_id: dt.String = pa.Field()

    @pa.dataframe_check(error="an item has more than one row")
    def one_row_per_item(cls, data: pa.IbisData) -> ir.Table:  # noqa: N805
        """Ids are unique."""
        return _as_table(data.table, _unique(data.table, c.ITEM_ID))

    @classmethod
    def promises(cls, table: ir.Table) -> list[ir.BooleanScalar]:
        """Ids are unique."""
        return [_unique(table, c.ITEM_ID)]


class Records(CheckedTable):
    """Records as read; attributes and the cells of the sequence are further columns, declared in the source block.

    ``position`` is UTC seconds or the place in an ordered file; ``row`` numbers the records from 1.
    """

    record_id: dt.String = pa.Field(nullable=True)
    customer_id: dt.String = pa.Field(nullable=True)
    label: dt.String = pa.Field(nullable=True)
    amount: dt.Float64 = pa.Field(nullable=True)
    position: dt.Int64 = pa.Field(nullable=True)
    row: dt.Int64 = pa.Field(ge=1)

    @classmethod
    def promises(cls, table: ir.Table) -> list[ir.BooleanScalar]:
        """Rows count from 1."""
        return [(table.row >= 1).all()]


class CleanRecords(Records):
    """Records after cleaning: each has an id of its own and an outcome."""

    record_id: dt.String = pa.Field()
    customer_id: dt.String = pa.Field()
    label: dt.String = pa.Field()

    @pa.dataframe_check(error="a record appears twice: 'record_id' must be unique")
    def one_row_per_record(cls, data: pa.IbisData) -> ir.Table:  # noqa: N805
        """Ids are unique."""
        return _as_table(data.table, _unique(data.table, c.RECORD_ID))

    @classmethod
    def promises(cls, table: ir.Table) -> list[ir.BooleanScalar]:
        """The same, and ids are unique."""
        return [*super().promises(table), _unique(table, c.RECORD_ID)]


class Documents(CheckedTable):
    """Documents as read: nothing is left out, cells that could not be read are null.

    ``document_id`` is ``<part>-<id>``; ``timestamp`` is in seconds since 1970 UTC; ``label`` is the sentiment that the
    author gave (``negative``, ``neutral``, ``positive``), ``grade`` the rating it comes from; ``row`` numbers the
    documents of all parts from 1.
    """

    document_id: dt.String = pa.Field()
    customer_id: dt.String = pa.Field(nullable=True)
    item_id: dt.String = pa.Field(nullable=True)
    timestamp: dt.Int64 = pa.Field(nullable=True)
    channel: dt.String = pa.Field(isin=c.CHANNELS)
    summary: dt.String = pa.Field(nullable=True)
    text: dt.String = pa.Field(nullable=True)
    label: dt.String = pa.Field(nullable=True, isin=c.SENTIMENTS)
    grade: dt.Float64 = pa.Field(nullable=True)
    row: dt.Int64 = pa.Field(ge=1)

    class Config:
        """Exactly these columns, in this order."""

        strict = True
        ordered = True

    @classmethod
    def promises(cls, table: ir.Table) -> list[ir.BooleanScalar]:
        """Rows count from 1; channels and sentiments are known ones."""
        return [
            (table.row >= 1).all(),
            table.channel.isin(c.CHANNELS).all(),
            (table.label.isnull() | table.label.isin(c.SENTIMENTS)).all(),
        ]


class CleanDocuments(Documents):
    """Documents after cleaning: each says something, once. Markup is still in the text: escape it wherever shown."""

    text: dt.String = pa.Field()

    @pa.dataframe_check(error="a document appears twice: 'document_id' must be unique")
    def one_row_per_document(cls, data: pa.IbisData) -> ir.Table:  # noqa: N805
        """Ids are unique."""
        return _as_table(data.table, _unique(data.table, c.DOCUMENT_ID))

    @classmethod
    def promises(cls, table: ir.Table) -> list[ir.BooleanScalar]:
        """The same, and ids are unique."""
        return [*super().promises(table), _unique(table, c.DOCUMENT_ID)]


class DocumentProfiles(CheckedTable):
    """What is known of each clean document: the table that customer profiles are made from.

    ``p_negative + p_neutral + p_positive = 1`` (calibrated); ``sentiment`` is the decision, not always the largest of
    them; all three and the decision are null where the source has no labels to learn from. ``theme`` is null for a
    document without a word of any theme. ``entities`` is a JSON list of ``{"start", "end", "text", "type", "source"}``
    in characters of the document's text. ``fitted`` says how the sentiment came about, and ``fitted_before`` is the cut
    (UTC seconds, the same in every row; null where documents have no times): themes, embedding and sentiment know
    nothing from then on, and no document's sentiment comes from a model that has seen its label. ``embedding_00`` to
    ``embedding_31`` is a vector of length 1, or of zeros for a document without a known word.
    """

    document_id: dt.String = pa.Field()
    customer_id: dt.String = pa.Field(nullable=True)
    item_id: dt.String = pa.Field(nullable=True)
    timestamp: dt.Int64 = pa.Field(nullable=True)
    channel: dt.String = pa.Field()
    language: dt.String = pa.Field()
    p_negative: dt.Float64 = pa.Field(nullable=True)
    p_neutral: dt.Float64 = pa.Field(nullable=True)
    p_positive: dt.Float64 = pa.Field(nullable=True)
    sentiment: dt.String = pa.Field(nullable=True)
    fitted: dt.String = pa.Field(nullable=True)
    fitted_before: dt.Int64 = pa.Field(nullable=True)
    theme: dt.String = pa.Field(nullable=True)
    entities: dt.String = pa.Field()

    @pa.dataframe_check(error="a document has more than one row")
    def one_row_per_document(cls, data: pa.IbisData) -> ir.Table:  # noqa: N805
        """Ids are unique."""
        return _as_table(data.table, _unique(data.table, c.DOCUMENT_ID))

    @classmethod
    def promises(cls, table: ir.Table) -> list[ir.BooleanScalar]:
        """Ids are unique."""
        return [_unique(table, c.DOCUMENT_ID)]


def _unique(table: ir.Table, column: str) -> ir.BooleanScalar:
    """No value of the column repeats (pandera's own ``unique`` is not checked on Ibis tables)."""
    return table[column].nunique() + table[column].isnull().any().cast(int) == table.count()


def _as_table(table: ir.Table, kept: ir.BooleanScalar) -> ir.Table:
    """One boolean, as pandera wants it."""
    return table.aggregate(unique=kept)
