"""The demo world: a Taobao-format log, Amazon-format reviews and metadata, and a table of customers.

The reviews join the log as events labelled ``review`` (value = rating, with text), numbered after its rows.
"""

from dataclasses import replace
from typing import Final

from crm_pipelines.config import SourceSpec
from crm_pipelines.sources import amazon, entities, taobao
from crm_pipelines.sources.canonical import CanonicalTables, append
from crm_pipelines.sources.raw import RawFolder

REVIEWS: Final = "reviews"
REVIEW: Final = "review"
"""The label of a review; the source block lists it under ``context``."""


def read(raw: RawFolder, spec: SourceSpec) -> CanonicalTables:
    """Read the demo world; reviews and metadata are optional.

    Raises:
        UserError: see :func:`crm_pipelines.sources.canonical.read_log` and :mod:`crm_pipelines.sources.entities`.
    """
    log = taobao.read_behaviour_log(raw, spec, files=(REVIEWS, amazon.METADATA))
    if REVIEWS in spec.extra_files:
        log = append(log, amazon.read_reviews(raw, spec.extra_files[REVIEWS], spec, label=REVIEW))
    files, counts = amazon.item_files(raw, spec)
    tables = entities.tables(spec, log, files)
    return replace(tables, notes={**tables.notes, **counts})
