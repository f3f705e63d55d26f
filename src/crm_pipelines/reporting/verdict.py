"""What paired differences amount to, in words; computed from the intervals, never written by hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import isnan
from typing import Final, Literal

import pandas as pd

from crm_pipelines.columns import METRIC, PIPELINE, PROTOCOL, SLICE, SLICE_ALL
from crm_pipelines.reporting.formatting import count
from crm_pipelines.reporting.names import metric_name, model_label
from crm_pipelines.reporting.tables import focus_models, main_protocol, paired_table

Outcome = Literal["better", "worse", "even", "unknown"]

WORDS: Final[dict[Outcome, str]] = {
    "better": "beats it",
    "worse": "is beaten by it",
    "even": "cannot be told apart",
    "unknown": "not measured",
}
HEADLINE_METRIC: Final = "macro_f1"
HEADLINE_METRIC_OF: Final = {
    "risk": "roc_auc",
    "engagement": "roc_auc",
    "profile": "roc_auc",
    "recommendation": "ndcg@10",
}
"""The same by pipeline, where it is another: risk ranks, and macro-F1 depends on a threshold."""
FEW_CUSTOMERS: Final = 50
"""Fewer customers than this make a small sample, which the verdict says."""


def outcome(low: float, high: float, lower_is_better: bool = False) -> Outcome:
    """Where the 95 % interval of (model - peer) lies: clear of zero on the good side, on the bad side, or neither.

    An interval that touches zero decides nothing; one with a missing end is ``unknown``.
    """
    if isnan(low) or isnan(high):
        return "unknown"
    if low > 0:
        return "worse" if lower_is_better else "better"
    if high < 0:
        return "better" if lower_is_better else "worse"
    return "even"


@dataclass(frozen=True)
class Headline:
    """The comparison of the focus model with every peer on all test events.

    Attributes:
        model: the focus model.
        metric: what is compared.
        rows: ``paired_table`` rows with ``outcome``, best difference for the model first.
        sentence: the verdict in words.
        customers: customers drawn from, or missing.
        n: events compared, or missing.
    """

    model: str
    metric: str
    rows: pd.DataFrame
    sentence: str
    customers: float
    n: float


def headlines(comparisons: pd.DataFrame) -> tuple[Headline, ...]:
    """The verdicts of one pipeline, one per focus model; none where nothing was compared on all test events."""
    found = (_headline(comparisons, model) for model in focus_models(comparisons))
    return tuple(verdict for verdict in found if verdict is not None)


def _headline(comparisons: pd.DataFrame, model: str) -> Headline | None:
    rows = paired_table(comparisons, model)
    rows = rows[(rows[SLICE] == SLICE_ALL) & (rows[PROTOCOL] == main_protocol(rows))]
    pipeline = next(iter(comparisons[PIPELINE]), "") if PIPELINE in comparisons else ""
    wanted = HEADLINE_METRIC_OF.get(pipeline, HEADLINE_METRIC)
    metric = wanted if (rows[METRIC] == wanted).any() else next(iter(rows[METRIC]), wanted)
    rows = rows[rows[METRIC] == metric]
    if rows.empty:
        return None
    lower = bool(metric_name(metric).lower_is_better)
    customers = float(rows["customers"].max())
    rows = with_outcome(rows).sort_values("difference", ascending=lower, kind="stable", ignore_index=True)
    return Headline(
        model,
        metric,
        rows,
        sentence(model, rows["peer"], rows["outcome"], metric) + small_sample(customers),
        customers,
        rows["n"].max(),
    )


def with_outcome(rows: pd.DataFrame) -> pd.DataFrame:
    """``paired_table`` rows with a column ``outcome``, each by the direction of its metric."""
    found = [
        outcome(low, high, bool(metric_name(metric).lower_is_better))
        for low, high, metric in zip(rows["low"], rows["high"], rows[METRIC], strict=True)
    ]
    return rows.assign(outcome=pd.Series(found, index=rows.index, dtype="object"))


def sentence(model: str, peers: Sequence[str] | pd.Series, outcomes: Sequence[str] | pd.Series, metric: str) -> str:
    """The verdict: ``TFP-Net beats A and B, is beaten by C and cannot be told apart from D in macro-F1.``."""
    by_outcome: dict[str, list[str]] = {}
    for peer, found in zip(peers, outcomes, strict=True):
        by_outcome.setdefault(found, []).append(model_label(peer))
    phrases = {"better": "beats", "worse": "is beaten by", "even": "cannot be told apart from"}
    parts = [f"{phrase} {listing(by_outcome[key])}" for key, phrase in phrases.items() if key in by_outcome]
    label = metric_name(metric).label.replace("Macro", "macro")
    if not parts:
        peers_named = listing(by_outcome.get("unknown", []))
        return (
            f"{model_label(model)} was compared with {peers_named}, but the data are too few for a verdict in {label}."
        )
    return f"{model_label(model)} {listing(parts)} in {label}."


def small_sample(customers: float) -> str:
    """What is added to a verdict that rests on few customers; empty where there are enough."""
    if isnan(customers) or customers >= FEW_CUSTOMERS:
        return ""
    noun = "customer" if customers == 1 else "customers"
    return f" The sample is small, {count(customers)} {noun}: read it with care."


def listing(parts: Sequence[str]) -> str:
    """``A, B and C``; ``no model`` for none."""
    if not parts:
        return "no model"
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"
