"""A simulated internet finance platform in the shape of the paper's FPRT data, and a larger sister platform.

Paper E describes FPRT (Lian and Li 2020): 10,000 users with age, gender, income, occupation, education and marital
status; 100 products with type, term, interest rate, risk and return; 20,000 purchases with their time. The data were
never published. Here the sizes and attributes are the paper's, and what people like is planted (docs/demo-world.md):

- risk: each customer bears a risk that rises with income and education and falls with age; nearer products are liked;
- term: older and married customers like longer terms;
- type: each occupation likes some types more than others, by a table of random numbers;
- return: more is liked, beside what risk and term say;
- ladder: who holds a deposit next likes a bond fund, then a mixed fund, then shares;
- popularity: some products are simply more often bought, whoever asks.

The sister platform (``general``) sells other products, with the same attributes and nearly the same law, to other
customers who buy more: what a model may be pre-trained on. No row is shared.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

import numpy as np
import pandas as pd
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.simulate.streams import FloatArray, IntArray, choice_by_row, stream

TYPES: Final = ("deposit", "bond_fund", "mixed_fund", "share_fund", "insurance", "money_market", "trust")
LADDER: Final = {"deposit": "bond_fund", "bond_fund": "mixed_fund", "mixed_fund": "share_fund"}
TYPE_RISK: Final = (0.05, 0.3, 0.55, 0.85, 0.25, 0.1, 0.7)
OCCUPATIONS: Final = ("worker", "clerk", "teacher", "engineer", "manager", "self_employed", "student", "retired")
EDUCATIONS: Final = ("school", "college", "bachelor", "master")
MARITAL: Final = ("single", "married", "divorced")
TERMS: Final = (1, 3, 6, 12, 24, 36, 60)
"""Months."""


class PlatformParameters(Parameters):
    """Sizes of both platforms and the strength of what is planted; 0 switches an effect off.

    Attributes:
        customers, products, purchases: of FPRT, as the paper has them.
        general_customers, general_products, general_purchases: of the sister platform.
        seed: draws everything.
        start_date, days: of the purchases.
        risk, term, type, returns, ladder, popularity: strengths, differences of log-odds.
        shift: how far the sister platform's table of types differs from FPRT's, a share.
    """

    customers: int = Field(default=10_000, ge=20)
    products: int = Field(default=100, ge=10)
    purchases: int = Field(default=20_000, ge=40)
    general_customers: int = Field(default=3_000, ge=20)
    general_products: int = Field(default=150, ge=10)
    general_purchases: int = Field(default=18_000, ge=40)
    seed: int = Field(default=42, ge=0)
    start_date: date = date(2022, 1, 1)
    days: int = Field(default=730, ge=30)
    risk: float = Field(default=14.0, ge=0)
    term: float = Field(default=5.0, ge=0)
    type: float = Field(default=1.2, ge=0)
    returns: float = Field(default=0.8, ge=0)
    ladder: float = Field(default=1.8, ge=0)
    popularity: float = Field(default=0.7, ge=0)
    shift: float = Field(default=0.2, ge=0, le=1)


@dataclass(frozen=True)
class Platform:
    """Three tables as they are written.

    Attributes:
        customers: ``customer_id, age, gender, income, occupation, education, marital_status``.
        products: ``product_id, type, term, rate, risk, return``.
        purchases: ``customer_id, product_id, time`` (ISO date), in the order of time.
    """

    customers: pd.DataFrame
    products: pd.DataFrame
    purchases: pd.DataFrame


def build_platforms(parameters: PlatformParameters) -> dict[str, pd.DataFrame]:
    """File name without ending -> table, of FPRT and its sister platform."""
    p = parameters
    tastes = stream(p.seed, "platform tastes").standard_normal((len(OCCUPATIONS), len(TYPES)))
    other = stream(p.seed, "general tastes").standard_normal(tastes.shape)
    mixed = (1 - p.shift) * tastes + p.shift * other
    own = draw_platform(p, "fprt", p.customers, p.products, p.purchases, tastes)
    general = draw_platform(p, "general", p.general_customers, p.general_products, p.general_purchases, mixed)
    return {
        **{name: getattr(own, name) for name in ("customers", "products", "purchases")},
        **{f"general_{name}": getattr(general, name) for name in ("customers", "products", "purchases")},
    }


def draw_platform(
    p: PlatformParameters, name: str, n: int, n_products: int, n_purchases: int, tastes: FloatArray
) -> Platform:
    """One platform with ``n`` customers; ``tastes`` (occupations, types) says what which occupation likes."""
    customers = _customers(p, name, n)
    products = _products(p, name, n_products)
    liked = _liking(p, customers, products, tastes, stream(p.seed, f"{name} popularity"))
    first = 100_000 if name == "fprt" else 500_000
    ids = np.arange(first, first + n)
    bought = _purchases(p, name, liked, products["type"].to_numpy(), n_purchases)
    codes = np.array([f"{'P' if name == 'fprt' else 'G'}{number:03d}" for number in range(1, n_products + 1)])
    days = np.array([(p.start_date + timedelta(days=day)).isoformat() for day in range(p.days)])
    purchases = pd.DataFrame(
        {"customer_id": ids[bought[:, 0]], "product_id": codes[bought[:, 1]], "time": days[bought[:, 2]]}
    )
    purchases = purchases.sort_values(["time", "customer_id"], kind="stable", ignore_index=True)
    customers.insert(0, "customer_id", ids)
    products.insert(0, "product_id", codes)
    return Platform(customers, products, purchases)


def _customers(p: PlatformParameters, name: str, n: int) -> pd.DataFrame:
    rng = stream(p.seed, f"{name} customers")
    age = np.clip(np.round(rng.gamma(6.0, 7.0, n)), 18, 85).astype(np.int64)
    education = choice_by_row(rng, np.tile([0.3, 0.25, 0.33, 0.12], (n, 1)))
    occupation = choice_by_row(rng, np.tile([0.2, 0.2, 0.1, 0.15, 0.1, 0.15, 0.06, 0.04], (n, 1)))
    occupation = np.where(age >= 65, OCCUPATIONS.index("retired"), occupation)
    occupation = np.where(age <= 22, OCCUPATIONS.index("student"), occupation)
    pay = np.array([0.0, 0.1, 0.15, 0.4, 0.6, 0.3, -0.9, -0.3])[occupation]
    income = np.round(np.exp(8.4 + pay + 0.15 * education + rng.normal(0, 0.35, n)), -2).astype(np.int64)
    married = 1 / (1 + np.exp(-(age - 32) / 6))
    status = choice_by_row(rng, np.column_stack([1 - married, 0.85 * married, 0.15 * married]))
    return pd.DataFrame(
        {
            "age": age,
            "gender": np.where(rng.random(n) < 0.5, "F", "M"),
            "income": income,
            "occupation": np.array(OCCUPATIONS)[occupation],
            "education": np.array(EDUCATIONS)[education],
            "marital_status": np.array(MARITAL)[status],
        }
    )


def _products(p: PlatformParameters, name: str, n: int) -> pd.DataFrame:
    rng = stream(p.seed, f"{name} products")
    kind = rng.integers(0, len(TYPES), n)
    risk = np.clip(np.array(TYPE_RISK)[kind] + rng.normal(0, 0.08, n), 0.0, 1.0)
    term = np.array(TERMS)[rng.integers(0, len(TERMS), n)]
    rate = np.clip(1.2 + 0.35 * np.log1p(term) + rng.normal(0, 0.2, n), 0.2, None)
    gain = np.clip(rate + 6.0 * risk + rng.normal(0, 0.6, n), 0.2, None)
    return pd.DataFrame(
        {
            "type": np.array(TYPES)[kind],
            "term": term,
            "rate": np.round(rate, 2),
            "risk": np.round(risk, 2),
            "return": np.round(gain, 2),
        }
    )


def _liking(
    p: PlatformParameters, customers: pd.DataFrame, products: pd.DataFrame, tastes: FloatArray, rng: np.random.Generator
) -> FloatArray:
    """(U, I) log-odds of each product for each customer, before anything is held."""
    scaled = np.log(customers["income"].to_numpy() / np.exp(8.6))
    education = customers["education"].map({name: at for at, name in enumerate(EDUCATIONS)}).to_numpy()
    age = customers["age"].to_numpy()
    borne = 1 / (1 + np.exp(-(0.2 + 1.6 * scaled + 0.35 * (education - 1.2) - 0.045 * (age - 42))))
    horizon = np.clip(0.2 + 0.011 * (age - 20) + 0.2 * (customers["marital_status"] == "married").to_numpy(), 0, 1)
    term = np.log(products["term"].to_numpy()) / np.log(max(TERMS))
    occupation = customers["occupation"].map({name: at for at, name in enumerate(OCCUPATIONS)}).to_numpy()
    kind = products["type"].map({name: at for at, name in enumerate(TYPES)}).to_numpy()
    gain = products["return"].to_numpy()
    excess = gain - np.poly1d(np.polyfit(products["risk"].to_numpy(), gain, 1))(products["risk"].to_numpy())
    liked = -p.risk * (borne[:, None] - products["risk"].to_numpy()) ** 2
    liked -= p.term * (horizon[:, None] - term) ** 2
    liked += p.type * tastes[occupation][:, kind]
    liked += p.returns * excess / max(float(excess.std()), 1e-9) * 0.5
    return np.asarray(liked + p.popularity * rng.standard_normal(len(products)), dtype=np.float64)


def _purchases(p: PlatformParameters, name: str, liked: FloatArray, kinds: np.ndarray, n_purchases: int) -> IntArray:
    """(n, 3) customer, product and day; nobody buys a product twice. A round is everybody's next purchase."""
    rng = stream(p.seed, f"{name} purchases")
    n, n_products = liked.shape
    mean = n_purchases / n
    wanted = 1 + rng.negative_binomial(1.5, 1.5 / (1.5 + mean - 1), n) if mean > 1 else np.ones(n, dtype=np.int64)
    while wanted.sum() != n_purchases:  # a few more or less, so that the number is the asked one
        gap = int(n_purchases - wanted.sum())
        able = np.flatnonzero(wanted > 1) if gap < 0 else np.flatnonzero(wanted < n_products // 2)
        chosen = rng.choice(able, min(abs(gap), len(able)), replace=False)
        wanted[chosen] += 1 if gap > 0 else -1
    wanted = np.minimum(wanted, n_products)
    following = np.array([[LADDER.get(str(held)) == str(kind) for kind in kinds] for held in kinds], dtype=float)
    utility = liked.copy()
    rounds = []
    everyone = np.arange(n)
    last = np.zeros(n, dtype=np.int64)
    for step in range(int(wanted.max())):
        buying = everyone[wanted > step]
        now = utility[buying]
        if step:
            now = now + p.ladder * following[last[buying]]
        chosen = np.argmax(now + rng.gumbel(size=now.shape), axis=1)
        utility[buying, chosen] = -np.inf
        last[buying] = chosen
        rounds.append(np.column_stack([buying, chosen, np.full(len(buying), step)]))
    bought = np.concatenate(rounds)
    bought = bought[np.lexsort((bought[:, 2], bought[:, 0]))]
    day = rng.integers(0, p.days, len(bought))
    bought[:, 2] = day[np.lexsort((day, bought[:, 0]))]  # each customer's days rise with his purchases
    return bought.astype(np.int64)
