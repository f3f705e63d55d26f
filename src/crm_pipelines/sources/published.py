"""What the readers of published formats share."""

from typing import Literal

from crm_pipelines.config import SourceSpec
from crm_pipelines.errors import UserError


def check_block(spec: SourceSpec, target: Literal["behaviours", "rating_classes"], files: tuple[str, ...] = ()) -> None:
    """Check that a source block fits a published format.

    Args:
        spec: the source block.
        target: what the format's log holds: labels or ratings.
        files: roles that ``extra_files`` may name.

    Raises:
        UserError: the block names columns, roles or classes that the format does not have.
    """
    start = f"Source '{spec.title}': reader '{spec.reader}'"
    if spec.interactions.columns:
        raise UserError(f"{start} knows its columns; remove 'interactions.columns' or choose reader 'tables'")
    if not getattr(spec.interactions, target):
        raise UserError(f"{start} needs 'interactions.{target}'")
    unknown = sorted(set(spec.extra_files) - set(files))
    if unknown:
        raise UserError(f"{start} knows no extra file '{unknown[0]}'; it may have: {', '.join(files) or 'none'}")
