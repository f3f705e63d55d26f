"""Tables: Ibis expressions on the engine of the environment, and small pandas frames."""

import atexit
import gc
import json
from pathlib import Path
from typing import Any, ClassVar

import ibis
import ibis.expr.types as ir
import pandas as pd
from kedro_datasets._typing import TablePreview
from kedro_datasets.ibis import FileDataset
from kedro_datasets.pandas import CSVDataset, ParquetDataset

from crm_pipelines.datasets.atomic import existing, replacing


class TableDataset(FileDataset):
    """A parquet file as an Ibis table, on DuckDB or on Spark as the catalog's ``connection`` says.

    All datasets with the same ``connection`` share one backend, so their tables can be joined.
    """

    def load(self) -> ir.Table:
        """The table, not yet read.

        Raises:
            UserError: if the file does not exist.
        """
        path = existing(Path(self._filepath))
        return self.connection.read_parquet(str(path), table_name=self._table_name, **self._load_args)

    def save(self, data: ir.Table | pd.DataFrame) -> None:
        """Compute the table and write it, also over a file it is computed from."""
        table = ibis.memtable(data) if isinstance(data, pd.DataFrame) else data
        with replacing(Path(self._filepath)) as partial:
            self.connection.to_parquet(table, str(partial), **self._save_args)

    def preview(self, nrows: int = 5) -> TablePreview:
        """The first rows, for Kedro-Viz."""
        return _preview(self.load().head(nrows).to_pandas())


class ParquetTable(ParquetDataset):
    """A parquet file as a pandas frame, for tables of the size of a report."""

    def load(self) -> pd.DataFrame:
        """The frame.

        Raises:
            UserError: if the file does not exist.
        """
        return pd.read_parquet(existing(Path(self._filepath)), **self._load_args)

    def save(self, data: pd.DataFrame) -> None:
        """Write the frame."""
        with replacing(Path(self._filepath)) as partial:
            data.to_parquet(partial, **self._save_args)

    def preview(self, nrows: int = 5) -> TablePreview:
        """The first rows, for Kedro-Viz."""
        return _preview(self.load().head(nrows))


class CSVTable(CSVDataset):
    """A CSV file as a pandas frame, for people and scripts; the same bytes for the same frame."""

    DEFAULT_SAVE_ARGS: ClassVar[dict[str, Any]] = {"index": False, "lineterminator": "\n"}

    def load(self) -> pd.DataFrame:
        """The frame, every float exactly as it was written.

        Raises:
            UserError: if the file does not exist.
        """
        existing(Path(self._filepath))
        frame: pd.DataFrame = CSVDataset.load.__wrapped__(self)
        return frame

    def save(self, data: pd.DataFrame) -> None:
        """Write the frame; floats in their shortest exact form."""
        with replacing(Path(self._filepath)) as partial:
            data.to_csv(partial, **self._save_args)

    def preview(self, nrows: int = 5) -> TablePreview:
        """The first rows, for Kedro-Viz."""
        return _preview(pd.read_csv(Path(self._filepath), nrows=nrows))


class SheetTable(CSVTable):
    """A CSV file meant for spreadsheets, in which no text can become a formula.

    A cell of text that begins with ``= + - @``, a tab or a line break gets an apostrophe before it, as OWASP advises
    against CSV injection; reading takes it away again. A plain number is no formula: an id such as ``-17`` stays.
    """

    FORMULA: ClassVar[str] = r"(?=[=+\-@\t\r\n])(?![+\-]?[0-9]+(?:\.[0-9]+)?$)"
    GUARDED: ClassVar[str] = f"^{FORMULA}"

    def load(self) -> pd.DataFrame:
        """The frame, texts as they were before they were guarded.

        Raises:
            UserError: if the file does not exist.
        """
        frame = super().load()
        for name in frame.select_dtypes(["object", "string"]):
            frame[name] = frame[name].str.replace(f"^'{self.FORMULA}", "", regex=True)
        return frame

    def save(self, data: pd.DataFrame) -> None:
        """Write the frame."""
        safe = data.copy(deep=False)
        for name in safe.select_dtypes(["object", "string", "category"]):
            safe[name] = (
                safe[name].astype("str").where(safe[name].notna(), "").str.replace(self.GUARDED, "'", regex=True)
            )
        safe.columns = pd.Index(pd.Series(safe.columns, dtype="str").str.replace(self.GUARDED, "'", regex=True))
        super().save(safe)


class OptionalTable(ParquetTable):
    """A parquet file that may not be there: a stage that was not run leaves a frame without rows and columns."""

    def load(self) -> pd.DataFrame:
        """The frame, or an empty one."""
        return super().load() if Path(self._filepath).is_file() else pd.DataFrame()

    def _exists(self) -> bool:
        return True


class OptionalCSVTable(CSVTable):
    """A CSV file that may not be there, as `OptionalTable`."""

    def load(self) -> pd.DataFrame:
        """The frame, or an empty one."""
        return super().load() if Path(self._filepath).is_file() else pd.DataFrame()

    def _exists(self) -> bool:
        return True


@atexit.register
def _let_go() -> None:
    """Forget the engine while the interpreter is still whole; else it complains of what it finds on its way out."""
    ibis.options.default_backend = None
    TableDataset._connections.clear()
    gc.collect()


def _preview(frame: pd.DataFrame) -> TablePreview:
    """Rows as Kedro-Viz wants them: plain JSON values, None for what is missing, lists for arrays."""
    return TablePreview(json.loads(frame.to_json(orient="split", date_format="iso")))
