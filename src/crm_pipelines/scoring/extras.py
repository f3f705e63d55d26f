"""What other stages know of customers: optional columns of the row per customer. A stage adds one entry to `EXTRAS`."""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

import pandas as pd

from crm_pipelines.columns import CUSTOMER_ID, ITEM_ID
from crm_pipelines.errors import UserError

MOST_PRODUCTS: Final = 3
"""Products named of all those recommended."""


def top_products(recommended: pd.DataFrame) -> pd.DataFrame:
    """``customer_id, top_products``: the best products of each customer with their chances, bars between them.

    Args:
        recommended: ``customer_id, rank, item_id, acceptance_probability``; rank 0 stands for no product.
    """
    best = recommended[recommended["rank"].between(1, MOST_PRODUCTS)].sort_values([CUSTOMER_ID, "rank"], kind="stable")
    chance = best["acceptance_probability"].map(lambda share: "" if pd.isna(share) else f" ({share:.0%})")
    told = pd.DataFrame({CUSTOMER_ID: best[CUSTOMER_ID], "top_products": best[ITEM_ID].astype(str) + chance})
    return told.groupby(CUSTOMER_ID, sort=True)["top_products"].agg(" | ".join).reset_index()


class Extra(NamedTuple):
    """A table of another stage.

    Attributes:
        dataset: its name in the catalog, one that is empty where the stage was not run.
        columns: our column -> column of that table.
        prepared: makes one row per customer of it.
    """

    dataset: str
    columns: Mapping[str, str]
    prepared: Callable[[pd.DataFrame], pd.DataFrame] | None = None


EXTRAS: Final[tuple[Extra, ...]] = (
    Extra(
        "customer_voice",
        {
            "segment": "segment_name",
            "sentiment_now": "sentiment_now",
            "sentiment_trend": "sentiment_trend",
            "themes": "themes",
            "purchase_probability": "purchase_probability",
        },
    ),
    Extra("product_recommendations", {"top_products": "top_products"}, top_products),
)
"""Tables of customers by ``customer_id``; empty where their stage has not been run on the source."""


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
        if extra.prepared is not None:
            table = extra.prepared(table)
        named = {theirs: ours for ours, theirs in extra.columns.items() if theirs in table}
        mine = table[[CUSTOMER_ID, *named]].rename(columns=named).drop_duplicates(CUSTOMER_ID)
        found = found.merge(mine.astype({CUSTOMER_ID: str}), on=CUSTOMER_ID, how="outer")
    return found
