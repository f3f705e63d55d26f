"""Text files as bytes: what must hold before an engine may read them, and where a broken record lies.

Engines differ in how they treat a NUL byte, a wrong encoding or a file cut short: some stop, some read on
and give fewer rows. These checks stream the file once and make each of them an error that names the line.
"""

import codecs
import csv
import gzip
import io
import json
import re
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Final, cast

from crm_pipelines.errors import UserError

CHUNK: Final = 1 << 20
_WINDOWS_ONLY: Final = re.compile(rb"[\x80-\x9f]")
"""Control characters in Latin-1 that no text holds; in Windows-1252 the euro sign, dashes and curly quotes."""
GZIP_MAGIC: Final = b"\x1f\x8b"
UTF16_MARKS: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
DELIMITERS: Final = ",;\t|"
_CHECK_DISK: Final = "check its permissions and its disk, then run again"
_OR_WINDOWS: Final = ", or, where an old Windows or Excel wrote it, set 'encoding: windows-1252' in the source block"


@contextmanager
def open_bytes(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading, unpacked when its name ends in ``.gz``.

    Raises:
        UserError: it may not be read, or reading broke off.
    """
    try:
        with cast(BinaryIO, gzip.open(path, "rb")) if path.suffix == ".gz" else path.open("rb") as stream:
            yield stream
    except gzip.BadGzipFile:
        raise
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{path.name} cannot be read: {reason}; {_CHECK_DISK}") from error


def check_text(path: Path, name: str, encoding: str) -> None:
    """Stream a text file once and refuse what no reader should guess about.

    Args:
        path: the file; gzip when its name ends in ``.gz``.
        name: how messages call it.
        encoding: a Python codec; ``latin-1`` accepts every byte but NUL and 0x80 to 0x9f.

    Raises:
        UserError: empty file, torn or false gzip, a NUL byte or a byte that is not ``encoding`` (with its line).
    """
    try:
        with path.open("rb") as stream:
            zipped = stream.read(2) == GZIP_MAGIC
    except OSError as error:
        reason = error.strerror or str(error)
        raise UserError(f"{name} cannot be read: {reason}; {_CHECK_DISK}") from error
    if path.stat().st_size == 0:
        raise UserError(f"{name} is empty: put the data there or name another file")
    if zipped != (path.suffix == ".gz"):
        is_, should = ("packed with gzip", "end in") if zipped else ("not a gzip file", "not end in")
        raise UserError(f"{name} is {is_}: its name must {should} '.gz'")
    decoder = codecs.getincrementaldecoder(encoding)()
    line, size = 1, 0
    try:
        with open_bytes(path) as stream:
            while chunk := stream.read(CHUNK):
                if size == 0 and chunk[:2] in UTF16_MARKS:
                    raise UserError(f"{name} is UTF-16 text: save it as UTF-8")
                _check_chunk(chunk, decoder, name, encoding, line)
                line += chunk.count(b"\n")
                size += len(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError as error:
        raise UserError(f"{name}, line {line}: the text ends inside a character; save it again as UTF-8") from error
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise UserError(f"{name} is a damaged gzip file ({error}): fetch or pack it again") from error
    if size == 0:
        raise UserError(f"{name} is empty: put the data there or name another file")


def _check_chunk(chunk: bytes, decoder: codecs.IncrementalDecoder, name: str, encoding: str, line: int) -> None:
    nul = chunk.find(b"\0")
    if nul >= 0:
        at = line + chunk.count(b"\n", 0, nul)
        raise UserError(f"{name}, line {at}: a NUL byte; the file is damaged or not plain text, export it again")
    if encoding == "latin-1" and (foreign := _WINDOWS_ONLY.search(chunk)):
        at = line + chunk.count(b"\n", 0, foreign.start())
        raise UserError(
            f"{name}, line {at}: a character that Latin-1 does not have, such as the euro sign of Windows; set "
            "'encoding: windows-1252' in the source block, or save the file as UTF-8"
        )
    try:
        decoder.decode(chunk)
    except UnicodeDecodeError as error:
        # Bytes kept from the chunk before are part of ``error.object``: they hold no line break.
        at = line + error.object.count(b"\n", 0, error.start)
        raise UserError(
            f"{name}, line {at}: not valid {encoding.upper()} text; save the file as UTF-8{_OR_WINDOWS}"
        ) from error


def write_utf8(path: Path, encoding: str, target: Path) -> None:
    """A copy of a text file in UTF-8, not packed, for an engine that does not know its encoding.

    Args:
        path: the file, checked by :func:`check_text`; gzip when its name ends in ``.gz``.
        encoding: a Python codec of one byte a character.
        target: where the copy is written.
    """
    with open_bytes(path) as stream, target.open("wb") as copy:
        while chunk := stream.read(CHUNK):
            copy.write(chunk.decode(encoding).encode())


def read_header(path: Path, name: str, delimiter: str | None, encoding: str = "utf-8") -> tuple[tuple[str, ...], str]:
    """Column names of a CSV file's first record and its delimiter (guessed from that record if not given).

    Names are trimmed; an unnamed column is called ``unnamed_<position>``.

    Raises:
        UserError: the first line is blank, or two columns have the same name (upper and lower case alike).
    """
    codec = "utf-8-sig" if encoding == "utf-8" else encoding
    with open_bytes(path) as stream, io.TextIOWrapper(stream, encoding=codec, newline="") as text:
        first = text.readline()
        unquoted = re.sub(r'"[^"]*"', "", first)
        delimiter = delimiter or max(DELIMITERS, key=unquoted.count)
        text.seek(0)
        record = next(csv.reader(text, delimiter=delimiter), [])
    if not any(cell.strip() for cell in record):
        raise UserError(f"{name}: the first line must hold the column names, but it is blank")
    names = tuple(cell.strip() or f"unnamed_{i}" for i, cell in enumerate(record, start=1))
    seen: set[str] = set()
    for column in names:
        if column.lower() in seen:
            raise UserError(f"{name}: two columns are called '{column}' (upper and lower case alike); rename one")
        seen.add(column.lower())
    return names, delimiter


def find_bad_record(
    path: Path, delimiter: str, quote: str, encoding: str, columns: Sequence[str], header: bool
) -> str | None:
    """Say where the first record without exactly the expected columns lies, or None if Python finds none.

    Read only after the engine has failed: its own line numbers count records of quoted line breaks once.
    """
    quoting = {"quotechar": quote} if quote else {"quoting": csv.QUOTE_NONE}
    with open_bytes(path) as stream, io.TextIOWrapper(stream, encoding=encoding, newline="") as text:
        reader = csv.reader(text, delimiter=delimiter, strict=True, **quoting)
        line, row = 1, 0 if header else 1
        try:
            for record in reader:
                if record and len(record) != len(columns):
                    wanted = f"{len(columns)} columns ({', '.join(columns)})"
                    return f"line {line} (row {row}) has {len(record)} columns instead of {wanted}"
                line = reader.line_num + 1
                row += bool(record)
        except csv.Error as error:
            return f"line {line} (row {row}): {error}; a quoted cell may not be closed"
    return None


def find_bad_json(path: Path) -> str | None:
    """Say which line of a JSON-lines file is not one JSON object, or None if Python finds none."""
    wanted = "the file must hold one JSON object a line"
    with open_bytes(path) as stream:
        for number, line in enumerate(stream, start=1):
            if line.startswith(codecs.BOM_UTF8):
                return f"line {number} begins with a byte order mark; save the file as UTF-8 without it"
            if not line.strip():
                continue
            try:
                value = json.loads(line)
            except ValueError as error:
                return f"line {number} is not JSON ({getattr(error, 'msg', error)}); {wanted}"
            if not isinstance(value, dict):
                return f"line {number} is a JSON {type(value).__name__}, not an object; {wanted}"
    return None
