"""A shop and its contracts as somebody else keeps them: other names, other behaviours, other dates, other delimiters.

Semicolons, decimal commas, a byte order mark, ``dd.mm.yyyy``; clients, articles and contracts in files of their own.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

LABELS = ("angesehen", "gemerkt", "gekauft")


@dataclass(frozen=True)
class ForeignShop:
    """Tables with the columns of their files, everything as text but for nothing."""

    events: pd.DataFrame
    clients: pd.DataFrame
    articles: pd.DataFrame
    contracts: pd.DataFrame

    def write(self, folder: Path) -> None:
        """As files; the log with a byte order mark."""
        folder.mkdir(parents=True, exist_ok=True)
        for name, table, encoding in (
            ("ereignisse.csv", self.events, "utf-8-sig"),
            ("kunden.csv", self.clients, "utf-8"),
            ("artikel.csv", self.articles, "utf-8"),
            ("vertraege.csv", self.contracts, "utf-8"),
        ):
            table.to_csv(folder / name, sep=";", index=False, encoding=encoding)


def foreign_shop(events: int = 2400, clients: int = 120, articles: int = 40, seed: int = 0) -> ForeignShop:
    """Who buys does so after having looked, some clients stop, and short contracts are cancelled more often."""
    draw = np.random.default_rng(seed)
    end = 180 * np.where(draw.random(clients) < 0.3, draw.random(clients), 1.0)
    owner = np.sort(draw.integers(0, clients, events))
    day = draw.random(events) * end[owner]
    start = np.datetime64("2023-03-01T08:00")
    when = pd.Series(start + (day * 1440).astype("timedelta64[m]"))
    item = (articles * draw.random(events) ** 2).astype(int)
    label = np.array(LABELS)[draw.choice(3, events, p=(0.7, 0.15, 0.15))]
    price = np.round(5 + 95 * draw.random(articles), 2)
    amount = [comma(price[i]) if what == "gekauft" else "" for i, what in zip(item, label, strict=True)]
    order = draw.permutation(events)
    log = pd.DataFrame(
        {
            "Kundennummer": [f"K{100 + i}" for i in owner],
            "Artikel": [f"A-{i:03d}" for i in item],
            "Zeitpunkt": when.dt.strftime("%d.%m.%Y %H:%M"),
            "Aktion": label,
            "Betrag": amount,
        }
    ).iloc[order]
    people = pd.DataFrame(
        {
            "Kundennummer": [f"K{100 + i}" for i in range(clients + 3)],
            "Alter": draw.integers(18, 80, clients + 3),
            "Region": draw.choice(["Nord", "Süd", "West"], clients + 3),
            "Geschlecht": draw.choice(["w", "m"], clients + 3),
            "Werbung": draw.choice(["ja", "nein"], clients + 3, p=(0.8, 0.2)),
        }
    )
    goods = pd.DataFrame(
        {
            "Artikel": [f"A-{i:03d}" for i in range(articles)],
            "Preis": [comma(p) for p in price],
            "Warengruppe": draw.choice(["Küche", "Garten", "Bad"], articles),
            "Bezeichnung": [f"Gerät {i}" for i in range(articles)],
        }
    )
    n = 2 * clients
    months = draw.integers(1, 36, n)
    cancelled = draw.random(n) < 1 / (1 + np.exp((months - 12) / 6))
    outcome = np.where(cancelled, "ja", "nein").astype(object)
    outcome[-10:] = ""
    contracts = pd.DataFrame(
        {
            "Vertrag": [f"V{i}" for i in range(n)],
            "Kundennummer": [f"K{100 + i % clients}" for i in range(n)],
            "Laufzeit": months,
            "Beitrag": [comma(x) for x in np.round(10 + 40 * draw.random(n), 2)],
            "Tarif": draw.choice(["S", "M", "L"], n),
            **{f"Zahlung_{k}": [comma(x) for x in np.round(40 * draw.random(n), 2)] for k in (1, 2, 3)},
            "Gekündigt": outcome,
        }
    )
    return ForeignShop(log, people, goods, contracts)


def comma(value: float) -> str:
    """``1.234,50``."""
    return f"{value:,.2f}".replace(",", "x").replace(".", ",").replace("x", ".")
