"""Prepared records for the commands of this folder, read from the published files as `records` does."""

from collections.abc import Iterator
from pathlib import Path

import ibis
import yaml

from crm_pipelines import sources
from crm_pipelines.columns import PROTOCOL, PROTOCOL_STRATIFIED
from crm_pipelines.config import FoldParameters, SourceSpec, parse
from crm_pipelines.records.assembly import assemble
from crm_pipelines.records.cleaning import clean_records
from crm_pipelines.records.inputs import RecordInputs
from crm_pipelines.records.preparation import prepare

CONF = Path(__file__).resolve().parent.parent / "conf" / "base" / "parameters"


def folds_of(raw: Path, source: str, seed: int, folds: int = 5) -> Iterator[RecordInputs]:
    """Inputs of every fold of ``StratifiedKFold(folds, shuffle=True, random_state=seed)``."""
    blocks = yaml.safe_load((CONF / "sources.yml").read_text(encoding="utf-8"))["sources"]
    spec = parse(SourceSpec, blocks[source], f"sources.{source}")
    settings = yaml.safe_load((CONF / "folds.yml").read_text(encoding="utf-8"))["folds"]
    parameters = FoldParameters(**{**settings, "seed": seed, "folds": folds, "leaks": False})
    found = sources.read_records(sources.RawFolder(raw, ibis.duckdb.connect()), spec)
    table, _ = clean_records(found.records, spec.records.file, found.lines)
    frame = table.order_by("row").to_pandas()
    prepared = prepare(frame, found.layout, parameters, spec.title, spec.records.file, spec.records.trusted)
    for split in prepared.splits:
        if split[PROTOCOL] == PROTOCOL_STRATIFIED:
            yield assemble(split, prepared.arrays)
