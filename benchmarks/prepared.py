"""Prepared inputs for the commands of this folder, read from what `ingestion` and `preprocessing` left."""

import json
from pathlib import Path

from crm_pipelines.config import InteractionsSpec, SourceSpec
from crm_pipelines.datasets import ArraysDataset, EventStoresDataset, ParquetTable
from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.preparation.assembly import assemble


def load(data_root: Path, source: str, fold: int = -1) -> EventInputs:
    """Prepared inputs of the protocol `time` and one of its folds, the last by default."""
    splits = json.loads((data_root / "08_reporting" / source / "preprocessing" / "splits.json").read_text())
    split = [row for row in splits if row["protocol"] == "time"][fold]
    stores = EventStoresDataset(filepath=str(data_root / "03_primary" / source / "event_stores")).load()
    features = ArraysDataset(filepath=str(data_root / "04_feature" / source / "event_features")).load()
    fitted = ArraysDataset(filepath=str(data_root / "04_feature" / source / "fitted_inputs")).load()
    cold = ParquetTable(filepath=str(data_root / "03_primary" / source / "cold_start_sets.parquet")).load()
    classes = {name: name for name in stores["time"].classes}
    unused = InteractionsSpec(file="unused.csv", behaviours=classes)
    spec = SourceSpec(title=source, reader="tables", interactions=unused)
    return assemble(split, stores, features, fitted, cold, spec)
