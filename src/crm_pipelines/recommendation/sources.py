"""Which block of a source recommendation reads, and which log it pre-trains on."""

from collections.abc import Mapping
from typing import Any

from crm_pipelines.config import SourceSpec, parse
from crm_pipelines.errors import UserError
from crm_pipelines.failures import did_you_mean


def product_spec(source: SourceSpec) -> SourceSpec:
    """The block of products: ``products`` where there is one, else the source's own."""
    return source.products or source


def general_spec(source: SourceSpec, sources: Mapping[str, Any]) -> SourceSpec | None:
    """The block whose log is pre-trained on; None where the known part itself is.

    Args:
        source: the chosen block. sources: all blocks by name.

    Raises:
        UserError: ``pretrain`` names no source, or one without a log.
    """
    name = product_spec(source).offers.pretrain
    if not name:
        return None
    if name not in sources:
        raise UserError(f"source '{source.title}': 'pretrain' names no source '{name}'{did_you_mean(name, sources)}")
    found = product_spec(parse(SourceSpec, sources[name], f"sources.{name}"))
    if found.log is None:
        raise UserError(f"source '{source.title}': 'pretrain: {name}' has no 'interactions' to pre-train on")
    return found
