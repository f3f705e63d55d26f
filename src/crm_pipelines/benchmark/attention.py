"""How a model spread its attention over past events, and what of it the age of the events explains.

Attention weights depend on how long ago an event was (TFP-Net multiplies them by a decay), so a day that lies close
to the queries gets more whatever happened on it. Two yardsticks therefore stand beside each weight: what *uniform*
attention over the same history would give, and what a rule that knows *age alone* would give. The second is the
maximum-likelihood softmax over age bins, sum_j = g(age_j) / sum of g over the history, fitted by iterative scaling
(Hunter 2004, "MM algorithms for generalized Bradley-Terry models", doi:10.1214/aos/1079120141): histories of one
query compete with one another, so a plain mean by age would be wrong where a history is crowded with events of one
day.
"""

from typing import Any, Final, Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_array

from crm_pipelines.columns import CUSTOMER, SIDES, N
from crm_pipelines.events.inputs import EventInputs

CHUNK: Final = 2048
AGE_BINS: Final = 30
"""Bins of age with equally many past events; the same number of equally wide ones divides them further."""
_ROUNDS: Final = 60
_NOTHING: Final = 1e-12
_FAINTEST: Final = 1e-30

QUERY: Final = "query"
PAST: Final = "past_event"
SIDE: Final = "side"
WEIGHT: Final = "weight"
ATTENTION: Final = "attention"
UNIFORM: Final = "uniform"
BY_AGE: Final = "by_age"
SHARE: Final = "share"
SAME_AGE: Final = "same_age"
LOW: Final = "low"
HIGH: Final = "high"

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class AttentiveModel(Protocol):
    """A fitted behaviour model whose attention can be looked at."""

    network: Any

    def attention(self, inputs: EventInputs, events: np.ndarray, side: str) -> tuple[np.ndarray, np.ndarray]:
        """Weights (B, K) and past event ids (B, K), most recent last, of one side's history."""
        ...

    def predict_proba(self, inputs: EventInputs, events: np.ndarray) -> np.ndarray:
        """Class probabilities (B, C)."""
        ...

    def log_of(self, inputs: EventInputs) -> Any:
        """What the network reads."""
        ...


def sample(events: Ints, most: int, seed: int) -> Ints:
    """At most ``most`` of the events, drawn without replacement, in their order."""
    if len(events) <= most:
        return np.asarray(events, dtype=np.int64)
    return np.sort(np.random.default_rng(seed).choice(events, most, replace=False)).astype(np.int64)


def attended(model: AttentiveModel, inputs: EventInputs, events: Ints) -> pd.DataFrame:
    """Every (query, past event) pair of both sides' histories as the model attended to it.

    Args:
        model: fitted, with attention.
        inputs: what it was fitted on.
        events: queries (B,).

    Returns:
        ``side``, ``query`` and ``past_event`` (event ids), ``weight`` (as used in the prediction, decay included),
        ``attention`` (its share of the query's weights on that side), ``uniform`` (one by the length of that history),
        ``by_age`` (what an age-only rule gives it). The last three sum to one over each query and side; queries
        whose history is too old for any weight to be left are out.
    """
    parts = [_side(model, inputs, np.asarray(events, dtype=np.int64), side) for side in SIDES]
    return pd.concat(parts, ignore_index=True)


def _side(model: AttentiveModel, inputs: EventInputs, events: Ints, side: str) -> pd.DataFrame:
    index = inputs.store.customers if side == CUSTOMER else inputs.store.items
    columns: dict[str, list[NDArray[Any]]] = {name: [] for name in (QUERY, PAST, WEIGHT, ATTENTION, UNIFORM)}
    if not getattr(getattr(model, "config", None), "tgat", True):  # its attention was switched off
        events = events[:0]
    for queries in np.split(events, range(CHUNK, len(events), CHUNK)) if len(events) else ():
        weights, ids = model.attention(inputs, queries, side)
        weights = np.asarray(weights, dtype=np.float64)
        mask = index.mask(*index.spans(queries), weights.shape[1])
        total = weights.sum(axis=1, where=mask)
        row, column = np.nonzero(mask & (total > _NOTHING)[:, None])
        columns[QUERY].append(queries[row])
        columns[PAST].append(ids[row, column].astype(np.int64))
        columns[WEIGHT].append(weights[row, column])
        columns[ATTENTION].append(weights[row, column] / total[row])
        columns[UNIFORM].append(1.0 / mask.sum(axis=1)[row])
    kinds = {QUERY: np.int64, PAST: np.int64}
    empty = {name: np.zeros(0, dtype=kinds.get(name, np.float64)) for name in columns}
    table = pd.DataFrame({name: np.concatenate([empty[name], *values]) for name, values in columns.items()})
    table.insert(0, SIDE, side)
    time = inputs.store.timestamp
    age = time[table[QUERY].to_numpy()] - time[table[PAST].to_numpy()]
    table[BY_AGE] = by_age(table[QUERY].to_numpy(), age.astype(np.float64), table[ATTENTION].to_numpy())
    return table


def by_age(query: Ints, age: Floats, attention: Floats) -> Floats:
    """What attention that knows nothing but age gives each pair.

    Args:
        query: (P,) the query of each pair. age: (P,) seconds. attention: (P,) its share of the query's attention.

    Returns:
        (P,) shares that sum to one over each query and, over each bin of age, to what the model gave.
    """
    if not len(age):
        return np.zeros(0)
    inner = np.linspace(0, 1, AGE_BINS + 1)[
        1:-1
    ]  # equally full bins where most events are, equally wide ones in the tail
    edges = np.unique(np.concatenate([np.quantile(age, inner), age.min() + inner * np.ptp(age)]))
    cell = np.searchsorted(edges, age, side="right")
    _, group = np.unique(query, return_inverse=True)
    received = np.bincount(cell, attention, len(edges) + 1)
    strength = np.ones(len(edges) + 1)

    def shares() -> Floats:
        values = strength[cell]
        return np.asarray(values / np.bincount(group, values)[group])

    for _ in range(_ROUNDS):
        strength *= received / np.maximum(np.bincount(cell, shares(), len(strength)), _NOTHING)
        strength = np.maximum(strength / strength.max(), _FAINTEST)
    return shares()


def given(table: pd.DataFrame) -> pd.Series:
    """Attention that each side of a table from `attended` gave: its number of queries with a history."""
    return table.groupby(SIDE)[ATTENTION].sum()


def preferences(
    table: pd.DataFrame, by: list[str], inputs: EventInputs, total: pd.Series, resamples: int = 200, seed: int = 42
) -> pd.DataFrame:
    """Attention received by each group of past events, against both yardsticks.

    Args:
        table: from `attended`, with the columns to group by.
        by: those columns; the first must be ``side``.
        inputs: for the customers, who are drawn again and again for the interval.
        total: attention that each side gave, of which shares are.
        resamples: bootstrap resamples. seed: of the bootstrap.

    Returns:
        One row per group: ``n`` pairs; ``share`` of the side's attention; ``weight`` = attention by what uniform
        attention gives, 1 is no preference; ``same_age`` = attention by what events of that age get, with its
        95 % interval ``low`` to ``high``.
    """
    grouped = table.groupby(by, sort=True, observed=True)
    sums = grouped[[ATTENTION, UNIFORM, BY_AGE]].sum()
    result = grouped.size().rename(N).reset_index()
    result[SHARE] = sums[ATTENTION].to_numpy() / total.reindex(result[SIDE]).to_numpy()
    result[WEIGHT] = (sums[ATTENTION] / sums[UNIFORM]).to_numpy()
    result[SAME_AGE] = (sums[ATTENTION] / sums[BY_AGE]).to_numpy()
    group: Ints = np.asarray(grouped.ngroup(), dtype=np.int64)
    result[LOW], result[HIGH] = _interval(table, group, len(result), inputs, resamples, seed)
    return result


def _interval(
    table: pd.DataFrame, group: Ints, groups: int, inputs: EventInputs, resamples: int, seed: int
) -> tuple[Floats, Floats]:
    """95 % interval of attention by age-only attention, over resampled customers of the queries."""
    if not groups:
        return np.zeros(0), np.zeros(0)
    names, customer = np.unique(inputs.store.customer[table[QUERY].to_numpy()], return_inverse=True)
    shape = (len(names), groups)
    received, expected = (csr_array((table[c].to_numpy(), (customer, group)), shape=shape) for c in (ATTENTION, BY_AGE))
    drawn = np.random.default_rng(seed).multinomial(len(names), np.full(len(names), 1 / len(names)), resamples)
    above, below = (np.asarray(drawn.astype(np.float64) @ each) for each in (received, expected))
    ratio = np.where(below > 0, above / np.where(below > 0, below, 1.0), np.nan)
    empty = np.isnan(ratio).all(axis=0)
    ratio[:, empty] = 0.0
    low, high = np.nanquantile(ratio, [0.025, 0.975], axis=0)
    return np.where(empty, np.nan, low), np.where(empty, np.nan, high)
