"""Writing the demo world: each file whole or not at all, in chunks, byte for byte the same everywhere."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
from pyarrow import csv

from crm_pipelines.errors import UserError
from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.sheets import Sheet
from crm_pipelines.simulate.world import World

CHUNK_ROWS = 500_000
PLAIN = ("interactions", "bills", "holdings")
"""Tables of numbers, labels and dates, long ones: no cell ever needs quotes."""
RECORD_CHUNK_ROWS = 20_000

FILES = {
    "interactions": "UserBehavior.csv",
    "reviews": "reviews_5.json",
    "metadata": "meta.json",
    "customers": "customers.csv",
    "bills": "bills.csv",
    "contracts": "telco.csv",
    "tickets": "tickets.csv",
    "surveys": "surveys.csv",
    "holdings": "holdings.csv",
    "contacts": "contacts.csv",
}
"""Table of :class:`World` -> file name."""
MENTIONS = ("mentions", "mentions.csv")
"""The table that is written only where there are mentions, and its file."""


def write_world(world: World, directory: Path | str) -> list[Path]:
    """Write every table of ``world`` to its file in ``directory`` (made if missing) and return the paths.

    A file appears under its name only when complete (an atomic rename of a temporary file beside it).
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    return [
        _write(folder / name, world.sheet(table), _writer(table)) for table, name in files_of(world.parameters).items()
    ]


def files_of(parameters: SimulateParameters) -> dict[str, str]:
    """Table -> file name of what a world writes.

    Raises:
        UserError: a table that there is none of.
    """
    known = {**FILES, **(dict([MENTIONS]) if parameters.mention_share > 0 else {})}
    unknown = [table for table in parameters.tables if table not in known]
    if unknown:
        raise UserError(f"'simulate.tables' names '{unknown[0]}'; there are {', '.join(known)}")
    return {table: name for table, name in known.items() if not parameters.tables or table in parameters.tables}


def _writer(table: str) -> Callable[[Sheet, BinaryIO], None]:
    """How a table is written."""
    if table in PLAIN:
        return _write_columns if table == "interactions" else _write_columns_with_header
    return _write_records if table in ("reviews", "metadata") else _write_table


def _write(path: Path, table: Sheet, writer: Callable[[Sheet, BinaryIO], None]) -> Path:
    """Write one file atomically."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        with temporary.open("wb") as stream:
            writer(table, stream)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
    return path


def _write_columns(table: Sheet, stream: BinaryIO) -> None:
    """Plain CSV without header or quotes, through Arrow, which is an order of magnitude faster."""
    options = csv.WriteOptions(include_header=False, quoting_style="none")
    for chunk in table.parts(CHUNK_ROWS):
        columns = pa.Table.from_pandas(chunk, preserve_index=False)
        for place, field in enumerate(columns.schema):
            if pa.types.is_dictionary(field.type):
                columns = columns.set_column(place, field.name, columns[place].cast(pa.string()))
        csv.write_csv(columns, stream, options)


def _write_columns_with_header(table: Sheet, stream: BinaryIO) -> None:
    """The same below a header, whose names are not quoted either."""
    stream.write((",".join(table.part(slice(0, 0)).columns) + "\n").encode())
    _write_columns(table, stream)


def _write_table(table: Sheet, stream: BinaryIO) -> None:
    """CSV with a header, quoted only where needed; blanks are empty cells."""
    for number, chunk in enumerate(table.parts(CHUNK_ROWS)):
        stream.write(chunk.to_csv(index=False, header=number == 0, lineterminator="\n").encode())


def _write_records(table: Sheet, stream: BinaryIO) -> None:
    """One JSON object a line; keys without a value (None) are left out, as published."""
    encode = json.JSONEncoder(ensure_ascii=False).encode
    for chunk in table.parts(RECORD_CHUNK_ROWS):
        names = list(chunk.columns)
        rows = zip(*(chunk[name].tolist() for name in names), strict=True)
        lines = [
            encode({name: value for name, value in zip(names, row, strict=True) if value is not None}) for row in rows
        ]
        stream.write("".join(f"{line}\n" for line in lines).encode())
