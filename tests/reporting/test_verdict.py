"""The verdict follows from the intervals alone."""

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_pipelines.reporting.results import empty_table
from crm_pipelines.reporting.verdict import headlines, outcome

from .conftest import comparison_rows, variant_comparisons

NAN = float("nan")


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.01, 0.05, "better"),
        (-0.05, -0.01, "worse"),
        (-0.01, 0.05, "even"),
        (0.0, 0.05, "even"),
        (NAN, NAN, "unknown"),
    ],
)
def test_only_an_interval_clear_of_zero_decides(low: float, high: float, expected: str) -> None:
    assert outcome(low, high) == expected


@settings(max_examples=25, deadline=None)
@given(low=st.floats(-1, 1), width=st.floats(0, 1))
def test_a_loss_is_judged_the_other_way_round(low: float, width: float) -> None:
    opposite = {"better": "worse", "worse": "better", "even": "even"}
    assert outcome(low, low + width, lower_is_better=True) == opposite[outcome(low, low + width)]


def test_the_sentence_names_every_peer_on_its_side() -> None:
    rows = comparison_rows(
        "demo",
        "tfpnet",
        {"gru": (0.01, 0.05), "gace": (0.02, 0.05), "lightgbm": (-0.05, -0.01), "deepfm": (-0.01, 0.01)},
    )
    (verdict,) = headlines(rows)
    assert verdict.sentence == (
        "TFP-Net beats GACE and GRU, is beaten by LightGBM and cannot be told apart from DeepFM in macro-F1."
    )
    assert list(verdict.rows["outcome"]) == ["better", "better", "even", "worse"]
    assert (verdict.n, verdict.customers) == (900, 80)


def test_a_model_that_only_loses_is_shown_losing() -> None:
    (verdict,) = headlines(comparison_rows("demo", "tfpnet", {"lightgbm": (-0.05, -0.01)}))
    assert verdict.sentence == "TFP-Net is beaten by LightGBM in macro-F1."


def test_without_intervals_no_claim_is_made() -> None:
    (verdict,) = headlines(comparison_rows("demo", "tfpnet", {"lightgbm": (NAN, NAN)}))
    assert "too few for a verdict" in verdict.sentence
    assert headlines(empty_table("comparisons")) == ()


def test_both_forms_of_the_model_get_their_own_verdict() -> None:
    rows = comparison_rows("demo", "tfpnet_plus", {"tfpnet": (0.01, 0.05), "gru": (0.02, 0.05)})
    assert [verdict.sentence for verdict in headlines(rows)] == [
        "TFP-Net is beaten by TFP-Net+ in macro-F1.",
        "TFP-Net+ beats GRU and TFP-Net in macro-F1.",
    ]


@pytest.mark.parametrize(("customers", "small"), [(29, True), (49, True), (50, False), (800, False)])
def test_a_verdict_on_few_customers_says_so(customers: int, small: bool) -> None:
    rows = comparison_rows("demo", "tfpnet", {"gru": (0.01, 0.05)}).assign(customers=customers)
    (verdict,) = headlines(rows)
    assert verdict.sentence.startswith("TFP-Net beats GRU in macro-F1.")
    assert (f"The sample is small, {customers} customers" in verdict.sentence) == small


def test_variants_are_no_peers_of_the_verdict() -> None:
    rows = pd.concat([comparison_rows("demo", "tfpnet", {"gru": (0.01, 0.05)}), variant_comparisons("demo")])
    (verdict,) = headlines(rows)
    assert verdict.sentence == "TFP-Net beats GRU in macro-F1."
