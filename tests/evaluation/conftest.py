"""Small predictions tables with a planted strength, for every test of the evaluation."""

from collections.abc import Callable

import numpy as np
import pandas as pd
import pytest

MakePredictions = Callable[..., pd.DataFrame]


def _make(
    n: int = 400,
    classes: tuple[str, ...] = ("view", "cart", "buy"),
    prior: tuple[float, ...] | None = None,
    strength: float = 1.5,
    seed: int = 0,
    slices: tuple[str, ...] = ("validation", "all"),
    noise_seed: int | None = None,
) -> pd.DataFrame:
    """``n`` rows per slice; ``strength`` 0 knows nothing. ``noise_seed`` varies the model and keeps the labels."""
    world = np.random.default_rng(seed)
    model = np.random.default_rng(seed + 1 if noise_seed is None else noise_seed)
    c, rows = len(classes), n * len(slices)
    share = np.full(c, 1 / c) if prior is None else np.asarray(prior)
    true = world.choice(c, rows, p=share)
    scores = model.normal(size=(rows, c)) + np.log(share)
    scores[np.arange(rows), true] += strength
    p = np.exp(scores - scores.max(axis=1, keepdims=True))
    p /= p.sum(axis=1, keepdims=True)
    customer = world.integers(0, max(n // 4, 1), rows)
    return pd.DataFrame(
        {
            "event_id": np.arange(rows),
            "customer": customer,
            "slice": np.repeat(slices, n),
            "y_true": np.asarray(classes)[true],
            **{f"p_{label}": p[:, code] for code, label in enumerate(classes)},
            "group_age": np.where(customer % 2 == 0, "new", "established"),
        }
    )


@pytest.fixture(scope="session")
def make_predictions() -> MakePredictions:
    """A function that builds predictions."""
    return _make


@pytest.fixture(scope="session")
def run() -> dict[str, object]:
    """A value for each of RUN_COLUMNS."""
    return {
        "paper": "A",
        "pipeline": "coldstart",
        "source": "demo",
        "model": "tfpnet",
        "variant": "main",
        "protocol": "time",
        "fold": 5,
        "seed": 42,
    }
