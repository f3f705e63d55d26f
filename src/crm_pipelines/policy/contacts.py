"""What a log of contacts tells: how often each customer was contacted, what actions do, and what a policy is worth.

A policy that was not followed is valued by inverse propensity: each logged contact that the policy would have made too
counts by one over the chance with which it was made (Horvitz and Thompson 1952; Swaminathan and Joachims 2015, "The
self-normalized estimator for counterfactual learning", for the form in which the weights are normalised).
"""

import logging
from collections.abc import Collection
from typing import Final, NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.config import ContactsSpec
from crm_pipelines.errors import UserError
from crm_pipelines.sources import cells, timestamps
from crm_pipelines.sources.raw import RawFolder

logger = logging.getLogger(__name__)

Floats = NDArray[np.float64]
DAY: Final = 86_400
NO_CONTACT: Final = "none"
COLUMNS: Final = ("customer_id", "sent_at", "action")
OUTCOMES: Final = ("chance", "spend")
LEAST_CHANCE: Final = 0.01
"""Chances below are refused: one contact would count for a hundred."""


def read_contacts(raw: RawFolder, spec: ContactsSpec | None) -> pd.DataFrame:
    """``customer_id, sent_at, action``, and ``chance, spend`` where the log has both; no rows without a log.

    Raises:
        UserError: a column is missing, a time cannot be read, or a chance is not a share above `LEAST_CHANCE`.
    """
    if spec is None:
        return pd.DataFrame(
            {"customer_id": pd.Series(dtype=str), "sent_at": pd.Series(dtype="int64"), "action": pd.Series(dtype=str)}
        )
    found = raw.read(spec.file)
    names = {name: spec.columns.get(name, name) for name in (*COLUMNS, *OUTCOMES)}
    found.require([names[name] for name in COLUMNS], "'contacts' of the source")
    present = [name for name in (*COLUMNS, *OUTCOMES) if names[name] in found.columns]
    table = found.table.select(**{name: cells.trimmed(found.table[names[name]]) for name in present}).to_pandas()
    times = _numbers(table, "sent_at", spec.file, "; write UTC seconds since 1970")
    timestamps.check_scale(
        times.median() if len(times) else None, False, timestamps.SECONDS, spec.file, names["sent_at"]
    )
    table["sent_at"] = times.astype("int64")
    for name in set(present) & set(OUTCOMES):
        table[name] = _numbers(table, name, spec.file)
    if "chance" in present and not table["chance"].between(LEAST_CHANCE, 1).all():
        row = int((~table["chance"].between(LEAST_CHANCE, 1)).to_numpy().argmax()) + 1
        raise UserError(
            f"{spec.file}, column '{names['chance']}', row {row}: the chance of a contact must lie between "
            f"{LEAST_CHANCE} and 1"
        )
    blank = table[list(COLUMNS)].isna().any(axis=1)
    if blank.any():
        raise UserError(f"{spec.file}, row {int(blank.to_numpy().argmax()) + 1}: a contact needs customer and action")
    found_contacts: pd.DataFrame = table
    return found_contacts


def check_known(contacts: pd.DataFrame, customer_ids: Collection[str], file: str) -> None:
    """Stop at a log of contacts of strangers: ids written otherwise would lift the cap for everybody.

    Args:
        contacts: of `read_contacts`. customer_ids: all that are known. file: for messages.

    Raises:
        UserError: no contact is of a customer of the source.
    """
    strangers = ~contacts["customer_id"].isin(list(customer_ids))
    if len(contacts) and strangers.all():
        raise UserError(
            f"{file}: none of the {len(contacts)} contacts is of a customer of the log or of 'customers'; write the "
            "ids alike in all files"
        )
    if strangers.any():
        logger.warning("%s: %d of %d contacts are of customers not known", file, strangers.sum(), len(contacts))


def _numbers(table: pd.DataFrame, name: str, file: str, advice: str = "") -> "pd.Series[float]":
    values = pd.to_numeric(table[name], errors="coerce")
    if values.isna().any():
        row = int(values.isna().to_numpy().argmax()) + 1
        cell = table[name].iloc[row - 1]
        what = "the cell is blank" if pd.isna(cell) else f"'{cell}' is not a number"
        raise UserError(f"{file}, column '{name}', row {row}: {what}{advice}")
    return values


def recent_contacts(contacts: pd.DataFrame, customer_ids: NDArray[np.str_], now: int, days: float) -> NDArray[np.int64]:
    """(n,) how many contacts each customer had within ``days`` before ``now`` (UTC seconds)."""
    sent = contacts["sent_at"]
    inside = contacts[(sent < now) & (sent >= now - days * DAY) & (contacts["action"] != NO_CONTACT)]
    counted = inside.groupby("customer_id").size()
    return np.asarray(counted.reindex(customer_ids).fillna(0), dtype=np.int64)


class PolicyValue(NamedTuple):
    """Estimated profit of a contact under a policy.

    Attributes:
        value: self-normalised inverse-propensity estimate. low, high: 95 % interval over customers.
        matched: logged contacts that the policy would have made too.
        n: logged contacts.
    """

    value: float
    low: float
    high: float
    matched: int
    n: int


def policy_value(
    contacts: pd.DataFrame, chosen: NDArray[np.str_], costs: dict[str, float], resamples: int = 500, seed: int = 0
) -> PolicyValue:
    """Mean spend less cost of a contact, had ``chosen`` (n,) been done at each logged contact.

    Args:
        contacts: ``customer_id, action, chance, spend``.
        chosen: the policy's action for each.
        costs: of each action; one that is not in the catalogue costs nothing.
        resamples, seed: of the bootstrap over customers.
    """
    same = (contacts["action"].to_numpy(dtype=str) == chosen).astype(np.float64)
    weight = same / contacts["chance"].to_numpy(dtype=np.float64)
    cost = np.array([costs.get(action, 0.0) for action in chosen])
    profit = contacts["spend"].to_numpy(dtype=np.float64) - cost
    names, place = np.unique(contacts["customer_id"].to_numpy(dtype=str), return_inverse=True)
    top = np.bincount(place, weights=weight * profit)
    bottom = np.bincount(place, weights=weight)
    if not bottom.sum():
        return PolicyValue(np.nan, np.nan, np.nan, 0, len(contacts))
    random = np.random.default_rng(seed)
    sums = np.stack([top, bottom], axis=1)
    drawn = np.stack(  # one sample at a time: together they are as many numbers as customers times resamples
        [
            np.bincount(random.integers(len(names), size=len(names)), minlength=len(names)) @ sums
            for _ in range(resamples)
        ]
    )
    below = drawn[:, 1]
    values = np.divide(drawn[:, 0], below, out=np.full(resamples, np.nan), where=below > 0)
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return PolicyValue(float(top.sum() / bottom.sum()), float(low), float(high), int(same.sum()), len(contacts))
