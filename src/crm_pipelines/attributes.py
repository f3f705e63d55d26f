"""Values of attributes that a block names, such as who may not be contacted, looked for among those of customers."""

from collections.abc import Sequence
from typing import Any

import pandas as pd

from crm_pipelines.errors import UserError


def is_among(column: "pd.Series[Any]", values: Sequence[str]) -> "pd.Series[bool]":
    """Whether each cell (n,) is one of some values, which a block gives as text: ``1`` is a number's 1.0 too."""
    if pd.api.types.is_numeric_dtype(column):
        return column.isin(pd.to_numeric(pd.Series(list(values), dtype="object"), errors="coerce").dropna())
    return column.notna() & column.astype(str).isin(values)


def check_spelling(column: "pd.Series[Any]", values: Sequence[str], where: str) -> None:
    """Stop at a value that no customer has while they have another spelling of it: nobody would be spared, or served.

    Args:
        column: an attribute of all customers. values: of the block. where: the key that names them, for messages.

    Raises:
        UserError: naming both spellings.
    """
    written = {str(value) for value in column.dropna().unique()}
    folded = {name.strip().casefold(): name for name in sorted(written)}
    for value in values:
        other = folded.get(value.strip().casefold())
        if value not in written and other is not None:
            raise UserError(
                f"'{where}' names '{value}', which the table of customers writes '{other}'; write it alike in the block"
            )
