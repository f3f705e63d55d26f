"""Fabricated tables of what a model looked at: none of it is measured."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from crm_pipelines.reporting.results import TABLE_COLUMNS


def attention_rows(days: int = 5, behaviours: Sequence[str] = ("pv", "buy")) -> pd.DataFrame:
    """Attention by day: each day later gets more, the last but one also more than its age explains."""
    rows = []
    for side in ("customer", "item"):
        for day in range(days):
            ratio = 1.2 if day == days - 2 else 1.0
            for label in (*behaviours, "(all)"):
                share = (day + 1) / sum(range(1, days + 1)) / (1 if label == "(all)" else len(behaviours))
                date = np.datetime64("2017-11-25") + day
                weekday = ("Saturday", "Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday")[day % 7]
                n = 12 if day == 0 and label == behaviours[-1] else 100
                numbers = (n, share, 0.4 * (day + 1), ratio, ratio - 0.1, ratio + 0.1)
                rows.append((side, "day", str(date), weekday, label, *numbers))
    return pd.DataFrame(rows, columns=list(TABLE_COLUMNS["attention_by_day"]))


def feature_rows(names: Sequence[str] = ("Tents", "Boots")) -> pd.DataFrame:
    """Attention by feature: the same item gets twice an even spread; new items more, which their age explains."""
    levels = [
        ("customer", "same item", "no", 900, 0.8, 0.9, 1.0), ("customer", "same item", "yes", 100, 0.2, 2.0, 1.3),
        ("customer", "new item", "no", 700, 0.6, 0.9, 1.0), ("customer", "new item", "yes", 300, 0.4, 1.2, 1.0),
        *(("customer", "category", name, 400, 0.4, 1.0 + position / 10, 0.8) for position, name in enumerate(names)),
        ("item", "same customer", "yes", 12, 0.1, 9.0, 1.0),
    ]  # fmt: skip
    rows = [(*row, row[-1] - 0.1, row[-1] + 0.1) for row in levels]
    return pd.DataFrame(rows, columns=list(TABLE_COLUMNS["attention_by_feature"]))


def map_rows(classes: Sequence[str] = ("pv", "buy"), customers: int = 20) -> pd.DataFrame:
    """Two prototypes of each class, and customers on a line, every fifth of them new."""
    rows: list[tuple[object, ...]] = [
        (10.0 + rank, 5.0 * segment, "prototype", label, name, None, False, float(rank), float(segment))
        for rank, label in enumerate(classes)
        for segment, name in enumerate(("loyal", "lapsed"))
    ]
    rows += [
        (float(i), -float(i), "customer", classes[i % len(classes)], "loyal", i, i % 5 == 0, None, None)
        for i in range(customers)
    ]
    return pd.DataFrame(rows, columns=list(TABLE_COLUMNS["embedding_map"]))


def explanation_rows(classes: Sequence[str] = ("pv", "buy"), past: int = 3) -> pd.DataFrame:
    """Three test events of each class; past events a day apart, the customer's and the item's by turns."""
    sides = ("customer", "item")
    rows = [
        (900 + 10 * rank + i, 7, 30 + i, label, classes[0], 0.6,
         place + 1, sides[place % 2], 500 + place, 40 + place, classes[-1], 0.02 + place, 0.5 / (place + 1))
        for rank, label in enumerate(classes)
        for i in range(3)
        for place in range(past)
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(TABLE_COLUMNS["explanations"]))


def write_explanations(folder: Path, classes: Sequence[str] = ("pv", "buy")) -> None:
    """The four files of a pipeline's folder."""
    attention_rows(behaviours=classes).to_csv(folder / "attention_by_day.csv", index=False)
    feature_rows(classes).to_csv(folder / "attention_by_feature.csv", index=False)
    map_rows(classes).to_csv(folder / "embedding_map.csv", index=False)
    explanation_rows(classes).to_csv(folder / "explanations.csv", index=False)
