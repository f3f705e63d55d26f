"""Which block of ``sources:`` a run uses.

YAML interpolation cannot do this: every environment's files are resolved before they are merged, so a block that
a user adds in ``conf/local`` is not yet there when ``conf/base`` asks for it. Only the chosen block is validated;
a mistake in another one stops nobody.
"""

from collections.abc import Mapping
from typing import Any

from crm_pipelines.config import SourceSpec, parse
from crm_pipelines.errors import UserError
from crm_pipelines.failures import did_you_mean


def select_source(sources: Mapping[str, Any] | None, source: str) -> SourceSpec:
    """The block of the chosen source.

    Args:
        sources: the merged ``sources:`` parameters of all environments.
        source: the chosen name.

    Raises:
        UserError: no such block (the known ones are listed), or a mistake in it (with the path of the key).
    """
    known = sorted(sources or {})
    if source not in known:
        hint = did_you_mean(str(source), known)
        raise UserError(
            f"Unknown source '{source}'{hint}. Sources declared: {', '.join(known) or 'none'}. "
            "Choose one by --params=source=NAME, or add a block under 'sources:' in conf/local/parameters/sources.yml."
        )
    return parse(SourceSpec, (sources or {})[source], f"sources.{source}")
