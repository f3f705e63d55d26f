"""The folder of raw files: every published or own file enters the project through :class:`RawFolder`.

A file becomes a :class:`RawTable`: all columns as text, plus the record number. Only this module knows the
engine; what happens to the text later is written in portable Ibis expressions.
"""

import difflib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

import duckdb
import ibis.expr.types as ir
import pandas as pd
from ibis.backends.duckdb import Backend
from ibis.util import gen_name

from crm_pipelines.errors import UserError
from crm_pipelines.sources import textfiles

ROW_NUMBER: Final = "__row__"
"""Record number of a raw file, from 1, in file order; a name that no file of ours can clash with."""

_CSV_SUFFIXES: Final = (".csv", ".tsv", ".txt")
_JSON_SUFFIXES: Final = (".jsonl", ".ndjson", ".json")


@dataclass(frozen=True)
class RawTable:
    """One raw file: its columns as nullable text and ``__row__`` int64.

    Attributes:
        table: the columns, lazily read.
        file: path below ``raw_root``, for messages.
        columns: names as found in the file, in order.
        explain: turns the engine's error into the message for the user.
    """

    table: ir.Table
    file: str
    columns: tuple[str, ...]
    explain: Callable[[Exception], UserError]

    def row(self) -> ir.IntegerColumn:
        """The record numbers."""
        return self.table[ROW_NUMBER]

    def first(self, query: ir.Table) -> dict[str, Any]:
        """Run a query on this file and return its first record.

        Raises:
            UserError: the engine met a record that it cannot read (with file and line).
        """
        try:
            record = query.limit(1).execute().to_dict("records")[0]
        except duckdb.Error as error:
            raise self.explain(error) from error
        return {str(name): None if pd.isna(value) else value for name, value in record.items()}

    def require(self, columns: Iterable[str], where: str) -> None:
        """Check that the file has these columns.

        Args:
            columns: names that must be there.
            where: the parameter that names them.

        Raises:
            UserError: names the first missing column, its closest match and the columns found.
        """
        for column in columns:
            if column not in self.columns:
                close = difflib.get_close_matches(column.lower(), [c.lower() for c in self.columns], n=1, cutoff=0.5)
                near = next((c for c in self.columns if close and c.lower() == close[0]), None)
                hint = f"; did you mean '{near}'?" if near else "."
                raise UserError(
                    f"{self.file} has no column '{column}', which {where} needs{hint} "
                    f"Columns found: {', '.join(self.columns) or 'none'}. Correct the file's header or the parameter."
                )

    def rename(self, names: Mapping[str, str]) -> "RawTable":
        """Keep the columns of ``names`` (new name -> name in the file) and call them by their new names."""
        table = self.table.select(self.table[ROW_NUMBER], **{new: self.table[old] for new, old in names.items()})
        return replace(self, table=table, columns=tuple(names))


@dataclass(frozen=True)
class RawFolder:
    """Where the raw files lie (``raw_root``) and the engine that reads them.

    Attributes:
        root: the folder; paths in source blocks are relative to it and may not leave it.
        connection: an Ibis DuckDB connection.
    """

    root: Path
    connection: Backend

    def path(self, relative: str) -> Path:
        """Absolute path of a file below ``root``.

        Raises:
            UserError: the folder or file is missing, is no file, or lies outside ``root`` (also by a link).
        """
        advice = f"raw_root is '{self.root}'; choose another by --params=raw_root=DIR"
        root = self.root.resolve()
        if not root.is_dir():
            raise UserError(f"The folder of raw files does not exist: {advice}, or create it")
        found = (root / relative).resolve()
        if not found.is_relative_to(root):
            raise UserError(f"'{relative}' leads outside the folder of raw files ({advice}); copy the file into it")
        if not found.exists():
            raise UserError(f"File '{relative}' not found: {advice}, put the file there or correct the source block")
        if not found.is_file():
            raise UserError(f"'{relative}' is not a file ({advice}); name a single file in the source block")
        if found.stat().st_size == 0:
            raise UserError(f"{relative} is empty: put the data there or name another file")
        if re.search(r"[*?\[\]{}]", str(found)):
            raise UserError(f"'{found}': a path with any of * ? [ ] {{ }} cannot be read, rename it")
        return found

    def read(self, relative: str) -> RawTable:
        """Read a file by its ending: CSV with a header line, JSON lines or parquet.

        Raises:
            UserError: an ending that is not known, or whatever the format's own method raises.
        """
        suffix = Path(relative.removesuffix(".gz")).suffix.lower()
        if suffix in _CSV_SUFFIXES:
            return self.csv(relative)
        if suffix in _JSON_SUFFIXES:
            return self.json_lines(relative)
        if suffix == ".parquet" and not relative.endswith(".gz"):
            return self.parquet(relative)
        raise UserError(f"'{relative}': the ending must be .csv, .jsonl (also with .gz) or .parquet")

    def csv(
        self,
        relative: str,
        *,
        names: Sequence[str] = (),
        delimiter: str | None = None,
        quote: str = '"',
        encoding: str = "utf-8",
    ) -> RawTable:
        """Read a CSV file.

        Args:
            relative: path below ``root``.
            names: columns of a file without a header line; empty for one with.
            delimiter: between cells; None takes the most frequent of ``, ; tab |`` in the header line.
            quote: around cells with delimiters or line breaks in them; empty for formats without.
            encoding: ``utf-8`` or ``latin-1``.

        Raises:
            UserError: see :func:`textfiles.check_text`; and, once rows are read, a record with too many or few columns.
        """
        path = self.path(relative)
        textfiles.check_text(path, relative, encoding)
        header = not names
        if header:
            names, delimiter = textfiles.read_header(path, relative, delimiter)
        delimiter = delimiter or ","
        options = {
            "auto_detect": "false",
            "columns": _struct(names),
            "header": str(header).lower(),
            "delim": _quoted(delimiter),
            "quote": _quoted(quote),
            "escape": _quoted(quote),
            "encoding": _quoted(encoding),
            "strict_mode": "true",
            "null_padding": "false",
        }

        def explain(error: Exception) -> UserError:
            where = textfiles.find_bad_record(path, delimiter, quote, encoding, names, header)
            return _unreadable(relative, where, error)

        return self._scan("read_csv", path, options, relative, names, explain)

    def json_lines(self, relative: str) -> RawTable:
        """Read a file with one JSON object a line; nested values become JSON text.

        The columns are the keys of all objects together, in alphabetical order; an absent key is null.

        Raises:
            UserError: see :func:`textfiles.check_text`; and a line that is not one JSON object.
        """
        path = self.path(relative)
        textfiles.check_text(path, relative, "utf-8")

        def explain(error: Exception) -> UserError:
            return _unreadable(relative, textfiles.find_bad_json(path), error)

        objects = f"read_json_objects({_quoted(str(path))}, format='newline_delimited')"
        query = f"select distinct unnest(json_keys(json)) from {objects}"  # noqa: S608 - the path is quoted
        try:
            keys = sorted(str(key) for (key,) in self.connection.raw_sql(query).fetchall())
        except duckdb.Error as error:
            raise explain(error) from error
        if not keys:
            raise _unreadable(relative, textfiles.find_bad_json(path) or "its objects are all empty", None)
        folded = [key.lower() for key in keys]
        for key in keys:
            if folded.count(key.lower()) > 1:
                raise UserError(f"{relative}: two keys are called '{key}' (upper and lower case alike); rename one")
        options = {"format": "'newline_delimited'", "records": "true", "columns": _struct(keys)}
        return self._scan("read_json", path, options, relative, keys, explain)

    def parquet(self, relative: str) -> RawTable:
        """Read a parquet file; every column is turned into text (dates and times as ISO).

        Raises:
            UserError: the file is damaged or no parquet file.
        """

        def explain(error: Exception) -> UserError:
            return _unreadable(relative, None, error)

        path = self.path(relative)
        try:
            query = f"describe select * from read_parquet({_quoted(str(path))})"  # noqa: S608 - the path is quoted
            found = self.connection.raw_sql(query).fetchall()
        except duckdb.Error as error:
            raise explain(error) from error
        return self._scan("read_parquet", path, {}, relative, [str(column[0]) for column in found], explain)

    def _scan(
        self,
        function: str,
        path: Path,
        options: Mapping[str, str],
        relative: str,
        names: Sequence[str],
        explain: Callable[[Exception], UserError],
    ) -> RawTable:
        arguments = ", ".join([_quoted(str(path)), *(f"{key}={value}" for key, value in options.items())])
        columns = ", ".join(f"cast({_identifier(name)} as varchar) as {_identifier(name)}" for name in names)
        # A window without an order keeps the order of the file, also when it is read by several threads.
        number = f"cast(row_number() over () as bigint) as {ROW_NUMBER}"
        rows = f"select {number}, {columns} from {function}({arguments})"  # noqa: S608 - names and values are quoted
        view = gen_name("raw")
        try:
            # A view, not Ibis' own ``Backend.sql``: that one calls a function that DuckDB 2.0 no longer has.
            self.connection.raw_sql(f"create temp view {view} as {rows}")
            table = self.connection.table(view)
        except duckdb.Error as error:
            raise explain(error) from error
        return RawTable(table, relative, tuple(names), explain)


def _unreadable(relative: str, where: str | None, error: Exception | None) -> UserError:
    """The engine's failure in one line; its own text, which repeats the record, only if we found no better."""
    reason = where or str(error).splitlines()[0]
    return UserError(f"{relative} cannot be read: {reason}. Repair or export the file again.")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _struct(names: Sequence[str]) -> str:
    return "{" + ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in names) + "}"
