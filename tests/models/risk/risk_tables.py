"""A tiny table of records with a planted rule, for tests of risk models."""

import dataclasses

import numpy as np

from crm_pipelines.records.inputs import RecordInputs

NUMERIC = ("recency_days", "tenure_days", "days_active", "often_missing", "noise")
STEPS, CHANNELS = 5, 2


def table(n: int = 1_500, seed: int = 0, planted: bool = True, sequence: bool = True) -> RecordInputs:
    """Customers of whom those leave who have not bought for long, one in ten at odds with the rule.

    Their number of steps varies from none to five; a third of one column is missing; the amount of the next period is
    a multiple of their activity, and zero for who leaves. Without ``planted`` outcomes are drawn at random; without
    ``sequence`` there are columns only.
    """
    draw = np.random.default_rng(seed)
    tenure = draw.uniform(100, 300, n)
    recency = tenure * draw.random(n)
    active = 1 + draw.poisson(4, n)
    leaves = (recency > 75) ^ (draw.random(n) < 0.1)
    if not planted:
        leaves = draw.random(n) < 0.5
    extra = draw.normal(size=n)
    extra[draw.random(n) < 1 / 3] = np.nan
    numeric = np.stack([recency, tenure, active, extra, draw.normal(size=n)], axis=1).astype(np.float32)
    codes = np.stack([draw.integers(1, 4, n), draw.integers(1, 3, n)], axis=1).astype(np.int32)
    length = draw.integers(0, STEPS + 1, n)
    mask = np.arange(STEPS) >= (STEPS - length)[:, None]
    steps = draw.normal(size=(n, STEPS, CHANNELS)).astype(np.float32)
    steps[~mask] = np.nan
    amount = np.where(leaves, 0.0, active * draw.lognormal(3, 0.3, n)).astype(np.float32)
    order = draw.permutation(n).astype(np.int64)
    train, validation, test = (np.sort(part) for part in np.split(order, [n * 3 // 5, n * 3 // 4]))
    return RecordInputs(
        protocol="stratified",
        fold=0,
        record_id=np.arange(n).astype(str),
        classes=("stays", "leaves"),
        labels=leaves.astype(np.int64),
        numeric=numeric,
        numeric_names=NUMERIC,
        codes=codes,
        cardinalities=(4, 3),
        categorical_names=("region", "channel"),
        sequence=steps if sequence else np.zeros((n, 0, 0), dtype=np.float32),
        sequence_mask=mask if sequence else np.zeros((n, 0), dtype=bool),
        channel_names=("orders", "spend") if sequence else (),
        step_names=tuple(f"week {i}" for i in range(STEPS)) if sequence else (),
        amount=amount,
        customer=np.arange(n, dtype=np.int64),
        train=train,
        validation=validation,
        test=test,
        groups={},
    )


def changed(inputs: RecordInputs, **arrays: np.ndarray) -> RecordInputs:
    """The same records with other arrays."""
    return dataclasses.replace(inputs, **arrays)
