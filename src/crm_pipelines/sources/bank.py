"""UCI "Bank marketing" (Moro et al. 2014): ``bank-full`` and ``bank-additional-full``, separated by semicolons.

See docs/sources.md. ``duration`` is known only after the call; a customer never contacted before has ``pdays`` -1 in
the one file and 999 in the other, which is no number of days.
"""

from dataclasses import replace
from typing import Final

import ibis

from crm_pipelines.config import RecordsSpec
from crm_pipelines.sources import cells, records
from crm_pipelines.sources.raw import RawFolder
from crm_pipelines.sources.records import RecordTables

PDAYS: Final = "pdays"
NEVER: Final = (-1.0, 999.0)


def read(raw: RawFolder, spec: RecordsSpec, where: str) -> RecordTables:
    """Read either file; ``pdays`` of customers never contacted is missing (counted).

    Raises:
        UserError: see :func:`crm_pipelines.sources.records.read_table`.
    """
    found = raw.read(spec.file)
    never = 0
    if PDAYS in found.columns:
        days = cells.number(found.table[PDAYS])
        never = int(found.first(found.table.aggregate(n=days.isin(NEVER).sum()))["n"] or 0)
        known = days.isin(NEVER).ifelse(ibis.null("string"), found.table[PDAYS])
        found = replace(found, table=found.table.mutate(**{PDAYS: known}))
    tables = records.read_table(found, spec, where)
    return replace(tables, notes={**tables.notes, "never_contacted_before": never})
