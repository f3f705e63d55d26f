"""Small banks whose customers choose by a rule, or at random."""

from functools import cache

import numpy as np
import pandas as pd

from crm_pipelines.config import SourceSpec
from crm_pipelines.recommendation.config import OfferParameters
from crm_pipelines.recommendation.inputs import ProductInputs
from crm_pipelines.recommendation.preparation import build, split

PRODUCTS = 12
DAY = 86_400
PARAMETERS = OfferParameters(words=16)
SPEC = SourceSpec.model_validate(
    {
        "title": "Bank",
        "reader": "tables",
        "interactions": {"file": "bank.csv", "behaviours": {"buy": "buy"}},
        "customers": {"numeric": ["age"], "categorical": ["city"]},
        "items": {"numeric": ["risk"], "text": ["name"]},
    }
)


def log(*sequences: tuple[str, str], behaviour: str = "buy") -> pd.DataFrame:
    """Customers with one event a day; products are letters."""
    rows = [(who, item, DAY * day, behaviour) for who, items in sequences for day, item in enumerate(items)]
    frame = pd.DataFrame(rows, columns=["customer_id", "item_id", "timestamp", "behaviour"])
    frame = frame.sort_values("timestamp", kind="stable", ignore_index=True)
    return frame.assign(row=np.arange(1, len(frame) + 1))


@cache
def drawn(
    planted: bool = True, customers: int = 80, length: int = 6
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    """Log, customers and products: each walks round a ring of products from where his age puts him, or at random."""
    draw = np.random.default_rng(3)
    ages = draw.integers(0, PRODUCTS, customers)
    rows = []
    for customer in range(customers):
        begin = ages[customer] if planted else draw.integers(PRODUCTS)
        order = (begin + np.arange(length)) % PRODUCTS if planted else draw.permutation(PRODUCTS)[:length]
        start = draw.integers(0, 40)
        rows += [(f"c{customer:03d}", f"p{item:02d}", DAY * int(start + day), "buy") for day, item in enumerate(order)]
    frame = pd.DataFrame(rows, columns=["customer_id", "item_id", "timestamp", "behaviour"])
    frame = frame.sort_values("timestamp", kind="stable", ignore_index=True)
    frame["row"] = np.arange(1, len(frame) + 1)
    people = pd.DataFrame(
        {
            "customer_id": [f"c{n:03d}" for n in range(customers)],
            "age": ages.astype(float),
            "city": [f"city {age}" for age in ages],
        }
    )
    goods = pd.DataFrame(
        {
            "item_id": [f"p{n:02d}" for n in range(PRODUCTS)],
            "risk": np.arange(PRODUCTS) / PRODUCTS,
            "name": [f"fund{n % 3} plan" for n in range(PRODUCTS)],
        }
    )
    return frame, people, goods


@cache
def bank(protocol: str = "leave_last_out", planted: bool = True) -> ProductInputs:
    """The inputs of one protocol."""
    frame, people, goods = drawn(planted)
    arrays, _ = build(frame, people["customer_id"], goods["item_id"], SPEC.offers, "bank.csv")
    return split(arrays, people, goods, SPEC, protocol, PARAMETERS)
