"""Drift is found where it is and not where chance alone makes a difference."""

import numpy as np
import pytest

from crm_pipelines.scoring.config import DriftParameters
from crm_pipelines.scoring.drift import compare, describe_categories, describe_numbers, stability, summary

LIMITS = DriftParameters()


def drifted(was, now, kind="numbers"):
    describe = describe_categories if kind == "categories" else lambda values: describe_numbers(values, LIMITS.bins)
    table = compare("risk", {kind: {"x": describe(was)}}, {kind: {"x": now}}, LIMITS)
    return table.set_index("measure")


def test_the_index_is_that_of_its_definition():
    p, q = np.array([30.5, 70.5]) / 101, np.array([60.5, 40.5]) / 101
    found, _ = stability(np.array([30, 70]), np.array([60, 40]))
    assert found == pytest.approx(((q - p) * np.log(q / p)).sum())


@pytest.mark.parametrize("n", [30, 300, 30_000])
def test_samples_of_one_distribution_do_not_drift(n):
    draw = np.random.default_rng(n)
    severities = [drifted(draw.normal(size=n), draw.normal(size=n)).loc["psi", "severity"] for _ in range(40)]
    assert severities.count("none") >= 38


def test_a_shift_is_found_and_grows_with_its_size():
    draw = np.random.default_rng(0)
    was = draw.normal(size=5_000)
    values = [drifted(was, draw.normal(shift, size=5_000)).loc["psi"] for shift in (0.0, 0.4, 1.5)]
    assert [row["severity"] for row in values] == ["none", "moderate", "major"]
    assert values[0]["value"] < values[1]["value"] < values[2]["value"]


def test_missing_values_are_told_apart_from_a_shift():
    was = np.arange(1000.0)
    now = np.where(np.arange(1000) % 4 == 0, np.nan, was)
    found = drifted(was, now)
    assert found.loc["psi", "severity"] == "none"
    assert found.loc["missing", "severity"] == "major"
    assert found.loc["missing", "today"] == pytest.approx(0.25)


def test_categories_that_training_never_held_are_counted():
    found = drifted(["a", "b"] * 500, ["a", "b", "c", "a"] * 250, "categories")
    assert found.loc["unseen", "value"] == pytest.approx(0.25)
    assert found.loc["unseen", "severity"] == "major"


def test_a_column_without_values_and_a_constant_one_are_no_drift_by_themselves():
    assert (drifted(np.full(50, np.nan), np.full(50, np.nan))["severity"] == "none").all()
    assert (drifted(np.ones(50), np.ones(80))["severity"] == "none").all()


def test_the_worst_come_first_and_are_named():
    draw = np.random.default_rng(0)
    reference = {"numbers": {name: describe_numbers(draw.normal(size=2000), 10) for name in ("calm", "moved")}}
    now = {"numbers": {"calm": draw.normal(size=2000), "moved": draw.normal(3, size=2000)}}
    table = compare("churn", reference, now, LIMITS)
    assert (table["name"].iloc[0], table["severity"].iloc[0]) == ("moved", "major")
    assert summary(table).startswith("1 major, 0 moderate of 4 comparisons (churn moved psi")


def test_limits_must_rise():
    with pytest.raises(ValueError, match="'moderate' must not exceed 'major'"):
        DriftParameters(moderate=0.3)
