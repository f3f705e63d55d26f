"""Predictions in shards of customers give the tables of the whole, byte for byte."""

import math
from fractions import Fraction
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from crm_pipelines.evaluation.calibration import one_against_rest, reliability_table
from crm_pipelines.evaluation.fairness import group_table
from crm_pipelines.evaluation.metrics import evaluate_run
from crm_pipelines.evaluation.predictions import Shards, probability_matrix, split_by_customer, true_codes
from crm_pipelines.evaluation.rules import fit_rules, with_decisions
from crm_pipelines.evaluation.scores import Scores, exact_total
from crm_pipelines.evaluation.significance import compare
from crm_pipelines.runs import PREDICTIONS_FILE, StoredRun

numbers = st.floats(-1e6, 1e6)
SHARDS = pytest.mark.parametrize("shards", [2, 3, 7])


@given(st.lists(numbers, max_size=50))
def test_a_total_is_the_exact_sum(values: list[float]) -> None:
    assert exact_total(np.array(values)) == sum(map(Fraction, values))


@given(st.lists(st.tuples(st.sampled_from([0.1, 0.2, 0.5, 0.9]), st.booleans()), min_size=1), st.integers(0, 20))
def test_scores_of_parts_are_those_of_the_whole(rows: list[tuple[float, bool]], cut: int) -> None:
    value, positive = (np.array(column) for column in zip(*rows, strict=True))
    whole = Scores.of(value, positive)
    parts = Scores.merged([Scores.of(value[:cut], positive[:cut]), Scores.of(value[cut:], positive[cut:])])
    for name in ("value", "n", "positive"):
        np.testing.assert_array_equal(getattr(parts, name), getattr(whole, name))
    auc, precision = whole.ranking()
    if positive.all() or not positive.any():
        assert math.isnan(auc)
        assert math.isnan(precision)
    else:
        assert auc == pytest.approx(roc_auc_score(positive, value))
        assert precision == pytest.approx(average_precision_score(positive, value))


@SHARDS
def test_metrics_and_fairness_of_a_run(make_predictions, run, shards: int) -> None:
    predictions = make_predictions(n=300, slices=("validation", "all", "warm"), prior=(0.7, 0.2, 0.1))
    parts = split_by_customer(predictions, shards)
    assert sum(map(len, parts)) == len(predictions)
    whole = evaluate_run(predictions, run, slices=("all", "cold_item@0"))
    assert evaluate_run(parts, run, slices=("all", "cold_item@0")).to_csv() == whole.to_csv()
    assert whole["value"].notna().sum() > 30
    groups = [group_table(with_decisions(each), resamples=40).to_csv() for each in (predictions, parts)]
    assert groups[0] == groups[1]


@SHARDS
def test_reliability(make_predictions, shards: int) -> None:
    predictions = make_predictions(n=300, slices=("all",))
    classes = ("view", "cart", "buy")

    def scores(rows: pd.DataFrame) -> tuple[Scores, ...]:
        return one_against_rest(probability_matrix(rows), true_codes(rows))

    by_class = zip(*map(scores, split_by_customer(predictions, shards)), strict=True)
    merged = reliability_table([Scores.merged(parts) for parts in by_class], classes)
    assert merged.to_csv() == reliability_table(scores(predictions), classes).to_csv()


@SHARDS
def test_comparisons_of_models(make_predictions, shards: int) -> None:
    tables = {name: with_decisions(make_predictions(noise_seed=seed)) for seed, name in enumerate("ab")}

    def compared(split: bool) -> str:
        runs = {name: [split_by_customer(table, shards) if split else table] for name, table in tables.items()}
        return compare(runs, ["a"], ["all", "validation"], resamples=60).to_csv()

    assert compared(True) == compared(False)


def test_models_in_shards_must_have_seen_the_same_events(make_predictions) -> None:
    table = with_decisions(make_predictions())
    other = split_by_customer(table.assign(event_id=table["event_id"] + 1), 2)
    with pytest.raises(ValueError, match="was tested on other events"):
        compare({"a": [table], "b": [other]}, ["a"], ["all"], resamples=5)


def test_a_stored_run_is_read_in_shards_of_its_customers(make_predictions, tmp_path: Path) -> None:
    predictions = make_predictions()
    predictions.to_parquet(tmp_path / PREDICTIONS_FILE, index=False)
    run = StoredRun("main", tmp_path, {})
    assert len(run.shards()) == 1
    shards = run.shards(rows=300)
    assert isinstance(shards, Shards)
    assert len(shards) == 3
    customers = [set(shard["customer"]) for shard in shards]
    assert not customers[0] & customers[1]
    found = pd.concat(list(shards)).sort_values("event_id", ignore_index=True)
    pd.testing.assert_frame_equal(found, predictions)
    assert fit_rules(shards) == fit_rules(predictions)
