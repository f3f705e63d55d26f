"""The folder of raw files: every published or own file enters the project through :class:`RawFolder`.

A file becomes a :class:`RawTable`: all columns as text, plus the record number. DuckDB parses it once and keeps the
text as parquet (the *staged* file), which every later question reads: a column at a time, on all threads, and on
whatever engine the tables are on. What happens to the text is written in portable Ibis expressions.
"""

import difflib
import errno
import os
import re
import tempfile
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, reduce
from operator import or_
from pathlib import Path
from typing import Any, Final

import duckdb
import ibis
import ibis.expr.types as ir
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from ibis.backends import BaseBackend
from ibis.backends.duckdb import Backend
from ibis.util import gen_name

from crm_pipelines.config import SourceSpec
from crm_pipelines.errors import UserError
from crm_pipelines.sources import textfiles

ROW_NUMBER: Final = "__row__"
"""Record number of a raw file, from 1, in file order; a name that no file of ours can clash with."""

WINDOWS: Final = "windows-1252"
"""An encoding that DuckDB does not read by itself; such a file is read from a copy."""
_CSV_SUFFIXES: Final = (".csv", ".tsv", ".txt")
_THOUSANDS: Final = "[. \u00a0\u202f]"
"""Between groups of three digits: a point, or a blank as in French, which keeps the line together."""
_COMMA_NUMBER: Final = rf"^[ \t]*[+-]?(([0-9]{{1,3}}({_THOUSANDS}[0-9]{{3}})+(,[0-9]+)?)|([0-9]+,[0-9]+))[ \t]*$"
_COMMA_WHOLE: Final = r"^[ \t]*[+-]?[0-9]+,0+[ \t]*$"
_NO_MEMORY: Final = "Out of Memory Error"
_NO_SPACE: Final = os.strerror(errno.ENOSPC)
_JSON_SUFFIXES: Final = (".jsonl", ".ndjson", ".json")
_NESTED: Final = ('{"', "{'", "{}", "[")
"""How an object or a list begins as text: braces alone may enclose an id (GUIDs)."""


@dataclass(frozen=True)
class RawTable:
    """One raw file: its columns as nullable text and ``__row__`` int64.

    Attributes:
        table: the columns, read from the staged file whenever they are asked for.
        file: path below ``raw_root``, for messages.
        columns: names as found in the file, in order.
        explain: turns the engine's error into the message for the user.
        keep: computes a table once and gives it back as a staged file, for what is read several times.
    """

    table: ir.Table
    file: str
    columns: tuple[str, ...]
    explain: Callable[[Exception], UserError]
    keep: Callable[[ir.Table], ir.Table]

    def nested(self, column: str) -> ir.BooleanColumn | None:
        """Whether a cell was an object or a list; None for CSV files, which have none."""
        if Path(self.file.removesuffix(".gz")).suffix.lower() not in (*_JSON_SUFFIXES, ".parquet"):
            return None
        cell = self.table[column]
        return reduce(or_, [cell.startswith(opening) for opening in _NESTED]).fill_null(False)

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


@cache
def _scratch() -> "tempfile.TemporaryDirectory[str]":
    """A folder for the staged files of this process, removed when it ends."""
    return tempfile.TemporaryDirectory(prefix="crm_pipelines-", ignore_cleanup_errors=True)


@dataclass(frozen=True)
class RawFolder:
    """Where the raw files lie (``raw_root``) and the engine that their tables are on.

    Attributes:
        root: the folder; paths in source blocks are relative to it and may not leave it.
        connection: an Ibis connection, DuckDB's or another's. DuckDB parses the files in any case.
        staging: folder of the staged files, where that engine can read them; by default one below the system's folder
            of temporary files (``TMPDIR``), removed when the process ends.
        encoding, delimiter, decimal: of one's own CSV files; see :class:`crm_pipelines.config.SourceSpec`.
        words: columns in which a number is a name, such as ids: never rewritten by ``decimal``.
    """

    root: Path
    connection: BaseBackend
    staging: Path = field(default_factory=lambda: Path(_scratch().name))
    encoding: str = "utf-8"
    delimiter: str = ""
    decimal: str = "."
    words: frozenset[str] = frozenset()

    def written_as(self, spec: SourceSpec) -> "RawFolder":
        """The same folder, its CSV files read as a source block says that they are written."""
        return replace(
            self, encoding=spec.encoding, delimiter=spec.delimiter, decimal=spec.decimal, words=spec.columns_of_words
        )

    @cached_property
    def _parser(self) -> Backend:
        """The DuckDB connection that parses files."""
        return self.connection if isinstance(self.connection, Backend) else ibis.duckdb.connect()

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
            raise UserError(
                f"'{relative}' is not a file ({advice}); name a single file in the source block, and join part files "
                "first (one header line in all)"
            )
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
        if suffix not in (*_CSV_SUFFIXES, *_JSON_SUFFIXES, ".parquet") and (self.root / relative).is_dir():
            self.path(relative)  # says that it is a folder, which a wrong ending does not
        if suffix in _CSV_SUFFIXES:
            found = self.csv(relative, delimiter=self.delimiter or None, encoding=self.encoding)
            return _with_points(found, self.words) if self.decimal == "," else found
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
            encoding: ``utf-8``, ``latin-1`` or ``windows-1252``.

        Raises:
            UserError: see :func:`textfiles.check_text`; and, once rows are read, a record with too many or few columns.
        """
        path = self.path(relative)
        textfiles.check_text(path, relative, encoding)
        header = not names
        if header:
            names, delimiter = textfiles.read_header(path, relative, delimiter, encoding)
        delimiter = delimiter or ","
        options = {
            "auto_detect": "false",
            "columns": _struct(names),
            "header": str(header).lower(),
            "delim": _quoted(delimiter),
            "quote": _quoted(quote),
            "escape": _quoted(quote),
            "encoding": _quoted("utf-8" if encoding == WINDOWS else encoding),
            "strict_mode": "true",
            "null_padding": "false",
        }

        def explain(error: Exception) -> UserError:
            where = textfiles.find_bad_record(path, delimiter, quote, encoding, names, header)
            return _unreadable(relative, where, error)

        if encoding != WINDOWS:
            return self._scan("read_csv", path, options, relative, names, explain)
        copy = self._staged(relative).with_suffix(".csv")
        try:
            textfiles.write_utf8(path, encoding, copy)
            return self._scan("read_csv", copy, options, relative, names, explain)
        except OSError as error:
            raise _unreadable(relative, error.strerror, error) from error
        finally:
            copy.unlink(missing_ok=True)

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
            keys = sorted(str(key) for (key,) in self._parser.raw_sql(query).fetchall())
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
            found = self._parser.raw_sql(query).fetchall()
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
        staged = self._staged(relative)
        # Rows keep the order of the file, also when it is parsed by several threads: DuckDB's default.
        rows = f"select {columns} from {function}({arguments})"  # noqa: S608 - names and values are quoted
        try:
            self._parser.raw_sql(f"copy ({rows}) to {_quoted(str(staged))} (format parquet)")
        except duckdb.Error as error:
            staged.unlink(missing_ok=True)
            raise explain(error) from error
        return RawTable(self._numbered(staged), relative, tuple(names), explain, self.keep)

    def table(self, data: pa.Table, name: str) -> ir.Table:
        """A table made in memory on the engine of the others, kept in a staged file."""
        path = self._staged(name)
        pq.write_table(data, path)
        return self.connection.read_parquet(str(path), table_name=gen_name("raw"))

    def keep(self, table: ir.Table) -> ir.Table:
        """The table, computed and kept in a staged file."""
        path = self._staged("kept")
        self.connection.to_parquet(table, str(path))
        return self.connection.read_parquet(str(path), table_name=gen_name("raw"))

    def _staged(self, name: str) -> Path:
        """A new path for a staged file."""
        return self.staging / f"{gen_name(re.sub(r'[^A-Za-z0-9._-]', '_', name))}.parquet"

    def _numbered(self, staged: Path) -> ir.Table:
        """The staged rows with their numbers, from 1."""
        source = f"read_parquet({_quoted(str(staged))}, file_row_number=true)"
        rows = f"select file_row_number + 1 as {ROW_NUMBER}, * exclude (file_row_number) from {source}"  # noqa: S608
        if self._parser is self.connection:
            view = gen_name("raw")
            # A view, not Ibis' own ``Backend.sql``: that one calls a function that DuckDB 2.0 no longer has.
            self._parser.raw_sql(f"create temp view {view} as {rows}")
            return self._parser.table(view)
        numbered = staged.with_suffix(".numbered.parquet")  # other engines do not number the rows of a file
        self._parser.raw_sql(f"copy ({rows}) to {_quoted(str(numbered))} (format parquet)")
        staged.unlink()
        return self.connection.read_parquet(str(numbered), table_name=gen_name("raw"))


def _with_points(found: RawTable, words: Collection[str]) -> RawTable:
    """A table in which numbers with a decimal comma are written with a point: ``1.234,5`` and ``1 234,5`` are 1234.5.

    Columns of ``words`` stay as they are: an article ``100.200`` is no number with a separator of thousands. Only a
    whole number written as a decimal (``17850,0``) gets its point, by which it is known for one (`cells.Ids`).
    """
    cells = {}
    for name in found.columns:
        cell = found.table[name]
        form, plain = _COMMA_NUMBER, cell.re_replace(_THOUSANDS, "").replace(",", ".")
        if name in words:
            form, plain = _COMMA_WHOLE, cell.replace(",", ".")
        cells[name] = cell.re_search(form).fill_null(False).ifelse(plain, cell)
    return replace(found, table=found.table.mutate(**cells))


def made_table(raw: RawFolder, data: pa.Table, relative: str) -> RawTable:
    """A file whose records were read by other means than the engine's, as one that was.

    Args:
        raw: the folder.
        data: ``__row__`` int64 and columns of text.
        relative: path below ``root``, for messages.
    """

    def explain(error: Exception) -> UserError:
        return _unreadable(relative, None, error)

    columns = tuple(name for name in data.column_names if name != ROW_NUMBER)
    return RawTable(raw.table(data, relative), relative, columns, explain, raw.keep)


def _unreadable(relative: str, where: str | None, error: Exception | None) -> UserError:
    """The engine's failure in one line; its own text, which repeats the record, only if we found no better."""
    if _NO_SPACE in str(error):
        return UserError(
            f"no space is left for a copy of {relative} in the folder of temporary files; free some, or name another "
            "folder in the environment variable TMPDIR"
        )
    if _NO_MEMORY in str(error):
        return UserError(
            f"{relative} needs more memory than the tables may use: raise 'memory_limit' under 'ibis_connection' in "
            "conf/local/globals.yml, or leave columns out of the file"
        )
    reason = where or str(error).splitlines()[0]
    return UserError(f"{relative} cannot be read: {reason}. Repair or export the file again.")


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _identifier(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _struct(names: Sequence[str]) -> str:
    return "{" + ", ".join(f"{_quoted(name)}: 'VARCHAR'" for name in names) + "}"
