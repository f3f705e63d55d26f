"""IBM sample "Telco customer churn": 7,043 customers of a fictional company. See docs/sources.md."""

from dataclasses import replace
from typing import Final

import ibis.expr.types as ir

from crm_pipelines.config import RecordsSpec
from crm_pipelines.sources import cells, records
from crm_pipelines.sources.raw import RawFolder, RawTable
from crm_pipelines.sources.records import RecordTables

TOTAL: Final = "TotalCharges"
TENURE: Final = "tenure"


def read(raw: RawFolder, spec: RecordsSpec, where: str) -> RecordTables:
    """Read the file; newcomers, whose total is blank, have been charged nothing yet (counted).

    Raises:
        UserError: see :func:`crm_pipelines.sources.records.read_table`.
    """
    found = raw.read(spec.file)
    blank = 0
    if {TOTAL, TENURE} <= set(found.columns):
        blank = int(found.first(found.table.aggregate(n=_is_newcomer(found).sum()))["n"] or 0)
        total = _is_newcomer(found).ifelse("0", found.table[TOTAL])
        found = replace(found, table=found.table.mutate(**{TOTAL: total}))
    tables = records.read_table(found, spec, where)
    return replace(tables, notes={**tables.notes, "blank_totals_of_newcomers": blank})


def _is_newcomer(found: RawTable) -> ir.BooleanValue:
    return cells.trimmed(found.table[TOTAL]).isnull() & (cells.number(found.table[TENURE]) == 0)
