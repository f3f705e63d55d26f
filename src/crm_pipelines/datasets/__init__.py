"""Datasets of the catalog: fixed classes for fixed formats, local files only, never a half-written result.

Every one writes beside its target first and moves the finished file or folder into place, so a stopped run leaves
either the old content or the new. Nothing is pickled, and no class is chosen by a name found in a file.
"""

from crm_pipelines.datasets.files import FigureJSON, HTMLFile, JSONFile
from crm_pipelines.datasets.folders import (
    ArraysDataset,
    CSVTablesDataset,
    EncodersDataset,
    EventStoresDataset,
    FolderDataset,
    KeptDataset,
    RawFolderDataset,
    ResultsDataset,
    SparseDataset,
    TaggerDataset,
    WorldDataset,
)
from crm_pipelines.datasets.runs import RunsDataset
from crm_pipelines.datasets.tables import (
    CSVTable,
    OptionalCSVTable,
    OptionalTable,
    ParquetTable,
    SheetTable,
    TableDataset,
)

__all__ = [
    "ArraysDataset",
    "CSVTable",
    "CSVTablesDataset",
    "EncodersDataset",
    "EventStoresDataset",
    "FigureJSON",
    "FolderDataset",
    "HTMLFile",
    "JSONFile",
    "KeptDataset",
    "OptionalCSVTable",
    "OptionalTable",
    "ParquetTable",
    "RawFolderDataset",
    "ResultsDataset",
    "RunsDataset",
    "SheetTable",
    "SparseDataset",
    "TableDataset",
    "TaggerDataset",
    "WorldDataset",
]
