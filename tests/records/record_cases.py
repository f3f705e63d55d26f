"""Small tables of records for tests."""

import numpy as np
import pandas as pd

from crm_pipelines.columns import AMOUNT, CUSTOMER_ID, LABEL, POSITION, RECORD_ID, ROW, step_column
from crm_pipelines.records.layout import Layout

CLASSES = ("stays", "leaves")
STEPS = ("1", "2", "3")
LAYOUT = Layout(
    classes=CLASSES,
    numeric=("age", "limit"),
    categorical=("plan",),
    sensitive=("gender",),
    groups=("plan",),
    leaky=("afterwards",),
    channels=("bill", "paid"),
    steps=STEPS,
)


def records(n: int = 400, seed: int = 0, strength: float = 2.0) -> pd.DataFrame:
    """Clean records whose outcome follows the last bill and the plan, as strongly as ``strength`` says."""
    random = np.random.default_rng(seed)
    table = pd.DataFrame({RECORD_ID: [f"r{i}" for i in range(n)], CUSTOMER_ID: [f"c{i}" for i in range(n)]})
    table["age"] = random.integers(18, 80, n).astype(float)
    table["limit"] = random.normal(size=n)
    table["plan"] = random.choice(["basic", "plus", "pro"], n)
    table["gender"] = random.choice(["f", "m"], n)
    for channel in LAYOUT.channels:
        for step in STEPS:
            table[step_column(channel, step)] = random.normal(size=n)
    signal = table[step_column("bill", "3")] + (table["plan"] == "basic")
    positive = strength * (signal - 0.8) + random.logistic(size=n) > 0
    table[LABEL] = np.where(positive, CLASSES[1], CLASSES[0])
    table["afterwards"] = positive + random.normal(scale=0.1, size=n)
    table.loc[::17, "limit"] = np.nan
    table.loc[::19, "plan"] = None
    return table.assign(**{AMOUNT: np.nan, POSITION: pd.array([pd.NA] * n, dtype="Int64"), ROW: range(1, n + 1)})
