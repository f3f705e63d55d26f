"""UCI "default of credit card clients" (Yeh 2016): with its own column names, or called X1 to X23 and Y.

See docs/sources.md. The file of the publisher has both headers, one below the other; exports have either.
"""

from dataclasses import replace
from typing import Final

from crm_pipelines.config import RecordsSpec
from crm_pipelines.sources import cells, records
from crm_pipelines.sources.raw import ROW_NUMBER, RawFolder, RawTable
from crm_pipelines.sources.records import RecordTables

ID: Final = "ID"
DEFAULT: Final = "default"
"""What the outcome is called here; the copies in circulation do not agree."""
OUTCOMES: Final = ("default payment next month", "default.payment.next.month", "target", "y")
NAMES: Final = (
    *("LIMIT_BAL", "SEX", "EDUCATION", "MARRIAGE", "AGE"),
    *("PAY_0", "PAY_2", "PAY_3", "PAY_4", "PAY_5", "PAY_6"),
    *(f"BILL_AMT{month}" for month in range(1, 7)),
    *(f"PAY_AMT{month}" for month in range(1, 7)),
)
"""X1 to X23 in order; the column after PAY_0 is PAY_2."""


def read(raw: RawFolder, spec: RecordsSpec, where: str) -> RecordTables:
    """Read the file; the block names its columns as above, with ``ID`` and ``default``.

    Raises:
        UserError: see :func:`crm_pipelines.sources.records.read_table`.
    """
    return records.read_table(with_names(raw.read(spec.file)), spec, where)


def with_names(found: RawTable) -> RawTable:
    """The file under the names above, whichever it has; ids are row numbers where it has none."""
    by_lower = {name.lower(): name for name in found.columns}
    numbered = "x1" in by_lower
    names = {f"x{number}": name for number, name in enumerate(NAMES, start=1)} if numbered else {}
    names |= {"pay_1": "PAY_0", **dict.fromkeys((*OUTCOMES, DEFAULT), DEFAULT), "id": ID}
    if numbered:
        names["unnamed_1"] = ID
    names |= {name.lower(): name for name in NAMES}
    renamed = {names.get(lower, column): column for lower, column in by_lower.items()}
    table = replace(found.rename(renamed))
    if numbered:  # the second header of the publisher's file stands as the first record
        below = cells.trimmed(table.table["LIMIT_BAL"])
        kept = table.table.filter(below.isnull() | (below.lower() != "limit_bal"))
        table = replace(table, table=kept)
    if ID not in table.columns:
        numbers = table.table.mutate(**{ID: table.table[ROW_NUMBER].cast("string")})
        table = replace(table, table=numbers, columns=(*table.columns, ID))
    return table
