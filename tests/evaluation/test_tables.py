"""Summaries over runs and the table for the terminal."""

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.evaluation.metrics import evaluate_run
from crm_pipelines.evaluation.tables import comparison_table, summarise


@pytest.fixture(scope="module")
def results(make_predictions, run) -> pd.DataFrame:
    """Two models, a strong and a weak one, three seeds each; a slice that is too small."""
    tables = []
    for model, strength in (("gru", 0.5), ("tfpnet", 2.0)):
        for seed in (1, 2, 3):
            predictions = make_predictions(n=120, strength=strength, noise_seed=seed)
            few = predictions[predictions["slice"] == "all"].head(12).assign(slice="cold_item@1")
            identity = {**run, "model": model, "seed": seed}
            tables.append(evaluate_run(pd.concat([predictions, few]), identity))
    return pd.concat(tables, ignore_index=True)


def test_mean_and_spread_are_over_runs(results: pd.DataFrame) -> None:
    summary = summarise(results)
    key = (summary["model"] == "gru") & (summary["slice"] == "all") & (summary["metric"] == "macro_f1")
    row = summary[key].iloc[0]
    raw = results[(results["model"] == "gru") & (results["slice"] == "all") & (results["metric"] == "macro_f1")]
    assert row["mean"] == pytest.approx(raw["value"].mean())
    assert row["std"] == pytest.approx(raw["value"].std())
    assert (row["runs"], row["n"]) == (3, 120)


def test_runs_without_a_number_do_not_count(results: pd.DataFrame) -> None:
    summary = summarise(results)
    cold = summary[summary["slice"] == "cold_item@1"]
    assert (cold["runs"] == 0).all()
    assert cold["mean"].isna().all()
    assert (cold["n"] == 12).all()
    one = summarise(results[results["seed"] == 1])
    assert one["std"].isna().all()


def test_table_names_the_majority_and_puts_the_best_first(results: pd.DataFrame) -> None:
    text = comparison_table(results)
    title, header, best, second = text.splitlines()
    majority = results.loc[(results["slice"] == "all") & (results["metric"] == "majority_accuracy"), "value"].mean()
    assert title == f"all: n = 120, majority class accuracy {majority:.3f}"
    assert header.split() == ["model", "accuracy", "macro_f1", "balanced_accuracy", "roc_auc", "log_loss", "ece"]
    assert best.split()[0] == "tfpnet"
    assert second.split()[0] == "gru"
    assert "±" in best


def test_small_slices_say_so_instead_of_a_number(results: pd.DataFrame) -> None:
    text = comparison_table(results, "cold_item@1")
    assert "n too small (12)" in text
    assert "±" not in text
    assert comparison_table(results, "warm") == "warm: no results of variant 'main' under protocol 'time'"


def test_several_sources_are_kept_apart(results: pd.DataFrame) -> None:
    both = pd.concat([results, results.assign(source="taobao", value=np.where(results["value"] > 0, 0.125, 0.125))])
    text = comparison_table(both)
    assert text.count("tfpnet") == 2
    assert "taobao" in text
    assert "0.125 ± 0.000" in text
