"""What other stages know of customers: optional columns of the row per customer. A stage adds one entry to `EXTRAS`."""

from collections.abc import Mapping
from typing import Final, NamedTuple

import pandas as pd

from crm_pipelines.columns import CUSTOMER_ID
from crm_pipelines.errors import UserError


class Extra(NamedTuple):
    """A table of another stage.

    Attributes:
        dataset: its name in the catalog, an ``OptionalTable``.
        columns: our column -> column of that table.
    """

    dataset: str
    columns: Mapping[str, str]


EXTRAS: Final[tuple[Extra, ...]] = (
    Extra("scoring_profiles", {"segment": "segment", "sentiment_trend": "sentiment_trend"}),
    Extra("scoring_products", {"top_products": "top_products"}),
)
"""Tables with a row per ``customer_id``; empty where their stage has not been run on the source."""


def joined(tables: tuple[pd.DataFrame, ...]) -> pd.DataFrame:
    """``customer_id`` and every optional column that some table holds.

    Raises:
        UserError: a table without ``customer_id``.
    """
    found = pd.DataFrame({CUSTOMER_ID: pd.Series(dtype="str")})
    for extra, table in zip(EXTRAS, tables, strict=True):
        if table.empty:
            continue
        if CUSTOMER_ID not in table:
            raise UserError(
                f"table '{extra.dataset}' has no column '{CUSTOMER_ID}'; run the stage that writes it again"
            )
        named = {theirs: ours for ours, theirs in extra.columns.items() if theirs in table}
        mine = table[[CUSTOMER_ID, *named]].rename(columns=named).drop_duplicates(CUSTOMER_ID)
        found = found.merge(mine.astype({CUSTOMER_ID: str}), on=CUSTOMER_ID, how="outer")
    return found
