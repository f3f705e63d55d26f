"""Tables about customers and items that the shop itself keeps: ``customers.csv`` and ``meta.json``."""

import html
from datetime import timedelta

import numpy as np
import pandas as pd

from crm_pipelines.simulate import vocabulary
from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.population import GENDERS, Customers, Items
from crm_pipelines.simulate.sheets import Sheet
from crm_pipelines.simulate.streams import FloatArray, IntArray, TextArray, choice_by_row, stream, texts

LOYALTY_LEVELS = ("bronze", "silver", "gold", "platinum")
REPEATED_LINES = 0.01
"""Share of metadata lines written twice, as in the published files."""


def customer_table(parameters: SimulateParameters, customers: Customers) -> pd.DataFrame:
    """``customers.csv``: attributes that say a little about the segment; some cells are blank."""
    rng = stream(parameters.seed, "customer_table")
    n = customers.size
    tier_weights = np.array([[2, 3, 3, 2], [4, 3, 2, 1], [2, 3, 3, 2], [3, 3, 2, 2.0]])[customers.segment]
    rank = customers.tenure_days / 900 + 1.2 * (customers.segment == 1) + 0.5 * rng.standard_normal(n)
    level = np.where(customers.late, 0, np.clip(np.floor(rank), 0, 3)).astype(np.int64)
    names = texts(LOYALTY_LEVELS)[level]
    table = pd.DataFrame(
        {
            "customer_id": customers.identifier,
            "age": pd.Series(customers.age, dtype="Int64"),
            "gender": texts(GENDERS)[customers.gender],
            "city_tier": pd.Series(1 + choice_by_row(rng, tier_weights), dtype="Int64"),
            "signup_date": _dates(parameters, -customers.tenure_days, "%Y-%m-%d"),
            "loyalty_level": _loyalty_numbers(rank, customers) if parameters.loyalty_numbers else names,
            "marketing_consent": np.where(rng.random(n) < 0.6, "yes", "no"),
        }
    )
    table.loc[rng.random(n) < parameters.missing_share, "age"] = pd.NA
    table.loc[rng.random(n) < parameters.missing_share, "city_tier"] = pd.NA
    return table


def _loyalty_numbers(rank: FloatArray, customers: Customers) -> IntArray:
    """The same standing as a number from 1 to 5."""
    return np.where(customers.late, 1, np.clip(np.floor(1.4 * rank), 0, 4) + 1).astype(np.int64)


def metadata(parameters: SimulateParameters, items: Items) -> Sheet:
    """``meta.json``: the Amazon 2018 metadata layout; the warranty tells something of an item's quality.

    As published, a few prices and brands are empty, ``&`` is written ``&amp;`` and a few lines are repeated.
    """
    rng = stream(parameters.seed, "metadata")
    n = items.size
    years = np.clip(np.round(2.5 + items.quality + 0.7 * rng.standard_normal(n)), 0, 5).astype(np.int64)
    on_sale = np.where(items.launch >= 0, items.launch // 86_400, -rng.integers(30, 1500, n)).astype(np.int64)
    no_price = rng.random(n) < parameters.missing_share
    no_brand = rng.random(n) < parameters.missing_share
    rank = rng.permutation(n) + 1
    copies = np.where(rng.random(n) < REPEATED_LINES, 2, 1)
    order = np.repeat(np.argsort(items.identifier), copies)
    warranties = texts(("No warranty", "1 year warranty", *(f"{y} years warranty" for y in range(2, 6))))

    def part(rows: slice) -> pd.DataFrame:
        i = order[rows]
        base, series = items.category[i] % len(vocabulary.CATALOGUE), items.category[i] // len(vocabulary.CATALOGUE)
        main = texts(tuple(entry[0] for entry in vocabulary.CATALOGUE))[base]
        leaf = texts(tuple(entry[1] for entry in vocabulary.CATALOGUE))[base]
        leaf = leaf + np.where(series > 0, " " + (series + 1).astype(str).astype(object), "")
        brand = texts(vocabulary.BRANDS)[items.brand[i]]
        adjective, noun = texts(vocabulary.ADJECTIVES)[items.adjective[i]], noun_of(items, i)
        return pd.DataFrame(
            {
                "category": _lists(main, leaf),
                "description": _lists("The " + adjective + " " + noun + " by " + brand + "."),
                "title": brand + " " + adjective + " " + noun,
                "also_buy": [[] for _ in i],
                "brand": np.where(no_brand[i], "", brand),
                "feature": _lists(warranties[years[i]]),
                "rank": [f"{r:,} in {m} (" for r, m in zip(rank[i], main, strict=True)],
                "main_cat": main,
                "date": _dates(parameters, on_sale[i], "%B %d, %Y"),
                "price": np.where(no_price[i], "", _dollars(items.price[i])),
                "asin": items.identifier[i].astype(str).astype(object),
            }
        )

    return Sheet(len(order), part)


def noun_of(items: Items, at: IntArray) -> TextArray:
    """What the items at some positions are, in one word or two."""
    nouns = np.array([entry[2] for entry in vocabulary.CATALOGUE], dtype=object)
    return np.asarray(nouns[items.category[at] % len(vocabulary.CATALOGUE), items.noun[at]], dtype=object)


def product_names(items: Items, at: IntArray) -> TextArray:
    """Brand and noun of the items at some positions as people write them, for reviews and tickets."""
    brands = texts(tuple(html.unescape(b) for b in vocabulary.BRANDS))
    return np.asarray(brands[items.brand[at]] + " " + noun_of(items, at))


def _dates(parameters: SimulateParameters, days: IntArray, pattern: str) -> TextArray:
    """Days from ``start_date`` as text; each different day is written once."""
    different, position = np.unique(days, return_inverse=True)
    written = texts(tuple((parameters.start_date + timedelta(days=int(d))).strftime(pattern) for d in different))
    return written[position]


def _dollars(price: FloatArray) -> TextArray:
    """``$12.34`` (and ``$1,234.50``), as published."""
    return texts(tuple(f"${p:,.2f}" for p in price))


def _lists(*columns: TextArray) -> TextArray:
    """Each row's values as a list, in an object array."""
    rows: list[list[str]] = [list(row) for row in zip(*columns, strict=True)]
    out = np.empty(len(rows), dtype=object)
    out[:] = rows
    return out
