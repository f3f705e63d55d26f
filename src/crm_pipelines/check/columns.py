"""A look at every column of one's own files: what its cells are, and what is odd about them."""

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from crm_pipelines import columns as c
from crm_pipelines.config import EntitySpec, SourceSpec
from crm_pipelines.sources import cells
from crm_pipelines.sources.raw import RawFolder, RawTable
from crm_pipelines.sources.records import missing_words, with_guessed
from crm_pipelines.sources.timestamps import fitting_formats

COLUMNS: Final = ("file", "column", "role", "rows", "missing", "words", "values", "kind", "lowest", "highest")
UNUSED: Final = "not used"
SAMPLED: Final = 2_000
"""Cells by which the format of a time is told."""

_ISO_DATE: Final = r"(?:19|20)[0-9]{2}-[0-9]{2}-[0-9]{2}"
_BLANK: Final = r"[\s\x{00A0}\x{200B}\x{202F}\x{FEFF}]"
"""Blanks within an id, also those that spreadsheets and web pages leave and nobody sees."""
_COMMA: Final = r"[+-]?[0-9.]*[0-9],[0-9]+"


class OwnFile(NamedTuple):
    """A file of one's own and what its columns are for.

    Attributes:
        part: which block names it: ``interactions``, ``customers``, ``items``, ``records`` or ``contacts``.
        table: as read, all text.
        roles: column -> what it is for; others are not used.
        times: column -> its declared format.
    """

    part: str
    table: RawTable
    roles: Mapping[str, str]
    times: Mapping[str, str]


def part_files(raw: RawFolder, spec: SourceSpec, part: str) -> OwnFile | None:
    """The file of one part of a block; None for a published format, whose columns are known, or without the part.

    Raises:
        UserError: the file is missing or cannot be read.
    """
    raw = raw.written_as(spec)
    if part == "interactions" and spec.log is not None and spec.reader == "tables":
        log = spec.log
        named = {name: log.columns.get(name, name) for name in (*c.INTERACTION_COLUMNS[:-1],)}
        read = bool(log.behaviours or log.rating_classes)  # a list of orders may have such a column, which is not read
        roles = {column: name for name, column in named.items() if name != c.BEHAVIOUR or read}
        for side, entity in (("customer", spec.customers), ("item", spec.items)):
            if entity.file is None:
                roles |= {column: f"{side} {role}" for column, role in _roles(entity).items()}
        return OwnFile(part, raw.read(log.file), roles, {named[c.TIMESTAMP]: log.timestamp_format})
    if part in ("customers", "items") and spec.reader == "tables":
        entity = spec.customers if part == "customers" else spec.items
        if entity.file is None:
            return None
        id_column = entity.id or (c.CUSTOMER_ID if part == "customers" else c.ITEM_ID)
        return OwnFile(part, raw.read(entity.file), {id_column: f"{part[:-1]}_id", **_roles(entity)}, {})
    if part == "records" and spec.table is not None and spec.table.reader == "records":
        block, table = spec.table, raw.read(spec.table.file)
        if block.guess:
            block, _ = with_guessed(cells.tidied(table, table.columns, missing_words(block)), block)
        special = {block.id: c.RECORD_ID, block.customer: c.CUSTOMER_ID, block.label: c.LABEL, block.amount: c.AMOUNT}
        roles = {str(column): role for column, role in special.items() if column is not None}
        for role in ("numeric", "categorical", "sensitive", "leaky"):
            roles |= dict.fromkeys(getattr(block, role), role)
        for channel, several in block.channels.items():
            roles |= dict.fromkeys(several, f"channel {channel}")
        times = {} if block.date is None else {block.date: block.timestamp_format}
        return OwnFile(part, table, roles | dict.fromkeys(times, "date"), times)
    return None


def _roles(entity: EntitySpec) -> dict[str, str]:
    return {
        column: role for role in ("numeric", "categorical", "text", "sensitive") for column in getattr(entity, role)
    }


def profile(own: OwnFile) -> pd.DataFrame:
    """`COLUMNS` of every column of a file, in its order.

    ``missing`` is a share, ``words`` the number of cells that spell it out (``NULL``), ``values`` the number of
    different ones, ``kind`` what the cells are: ``empty``, ``constant``, ``whole numbers``, ``numbers``, ``numbers with
    a comma``, ``dates``, ``text`` or ``mixed`` (numbers and text); ``lowest`` and ``highest`` are of numbers. No cell
    of text is shown, for it may be an id.

    A column is read at a time and each of its different values looked at once: expressions over hundreds of columns
    take the engine longer to build than to answer.
    """
    return pd.DataFrame([_row(own, name) for name in own.table.columns], columns=list(COLUMNS))


def _row(own: OwnFile, name: str) -> tuple[Any, ...]:
    counted = pc.value_counts(own.table.table.select(name).to_pyarrow()[name])
    values = counted.field("values").to_pandas().astype("str").where(counted.field("values").is_valid().to_pandas())
    n = counted.field("counts").to_numpy()
    cell = values.str.strip(" \t\n\f\r")
    words = (cell.notna() & cell.str.lower().isin(cells.MISSING)).to_numpy(dtype=bool)
    known = (cell.notna() & (cell != "")).to_numpy(dtype=bool) & ~words
    spelt = int(n[words].sum())
    cell, rows = cell[known], n[known]
    number = pd.to_numeric(cell.where(~cell.str.contains("_", regex=False)), errors="coerce")
    number = number.where(np.isfinite(number))

    def of(flags: "pd.Series[Any]") -> int:
        return int(rows[flags.fillna(False).to_numpy(dtype=bool)].sum())

    counts = {
        "values": int(cell.nunique()),
        "numbers": of(number.notna()),
        "whole": of(cell.str.fullmatch(r"[+-]?[0-9]+(\.0+)?")),
        "comma": of(cell.str.fullmatch(_COMMA)),
        "dates": of(cell.str.match(_ISO_DATE)),
    }
    total, there = int(n.sum()), int(rows.sum())
    shown = (float(number.min()), float(number.max())) if counts["numbers"] else (None, None)
    share = 1 - there / total if total else 1.0
    role = own.roles.get(name, UNUSED)
    return (own.table.file, name, role, total, share, spelt, counts["values"], _kind(there, total, counts), *shown)


def _kind(known: int, rows: int, counts: Mapping[str, int]) -> str:
    if not known:
        return "empty"
    if counts["values"] == 1 and known == rows and rows > 1:
        return "constant"
    if counts["whole"] == known:
        return "whole numbers"
    if counts["numbers"] == known:
        return "numbers"
    if counts["comma"] and counts["comma"] + counts["numbers"] == known:
        return "numbers with a comma"
    if counts["dates"] == known:
        return "dates"
    return "mixed" if counts["numbers"] and counts["numbers"] > 0.05 * known else "text"


def formats_of(own: OwnFile, column: str) -> list[str]:
    """Values of ``timestamp_format`` that fit a sample of a column's cells, the likeliest first."""
    cell = cells.trimmed(own.table.table[column])
    sample = own.table.table.filter(cell.notnull()).select(cell=cell).distinct().order_by("cell").limit(SAMPLED)
    return fitting_formats([str(value) for value in sample.to_pandas()["cell"]])


def same_but_for_case(own: OwnFile, column: str) -> int:
    """Ids of a column that another id equals but for upper and lower case, for blanks or for leading zeros."""
    cell = cells.trimmed(own.table.table[column])
    folded = cell.lower().re_replace(_BLANK, "").re_replace(r"^0+", "")
    found = own.table.first(own.table.table.aggregate(written=cell.nunique(), meant=folded.nunique()))
    return int(found["written"] or 0) - int(found["meant"] or 0)


def predictability(own: OwnFile, label: str, names: list[str]) -> dict[str, float]:
    """Column -> share of the rows whose label follows from the column alone; of columns with few different values.

    The label of a row is taken from the other rows of its value: the most frequent one there. So a value that only one
    row has tells nothing, as little as it would of the next row.
    """
    table = own.table.table.filter(cells.trimmed(own.table.table[label]).notnull())
    found = {}
    for name in names:
        pairs = table.group_by(value=cells.trimmed(table[name]), label=cells.trimmed(table[label]))
        counts = pairs.aggregate(n=lambda t: t.count()).to_pandas()
        grid = counts.fillna({"value": ""}).pivot_table(index="value", columns="label", values="n", fill_value=0)
        ordered = np.sort(np.pad(grid.to_numpy(), ((0, 0), (1, 0))), axis=1)  # one label only: none is second
        first, second = ordered[:, -1], ordered[:, -2]
        found[name] = float(first[first - 1 >= np.maximum(second, 1)].sum() / max(counts["n"].sum(), 1))
    return found
