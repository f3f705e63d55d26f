"""From predictions to result rows: agreement with scikit-learn, small slices, chance, determinism."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from crm_pipelines.columns import RESULT_COLUMNS
from crm_pipelines.evaluation.metrics import METRICS, evaluate_run
from crm_pipelines.evaluation.predictions import probability_matrix, true_codes
from crm_pipelines.evaluation.rules import ValidationRules, fit_rules, with_decisions


def values(rows: pd.DataFrame, slice_name: str = "all") -> dict[str, float]:
    """metric -> value of one slice."""
    chosen = rows[rows["slice"] == slice_name]
    return dict(zip(chosen["metric"], chosen["value"], strict=True))


def test_rows_are_tidy_and_carry_the_run(make_predictions, run) -> None:
    rows = evaluate_run(make_predictions(slices=("validation", "all", "warm")), run)
    assert tuple(rows.columns) == RESULT_COLUMNS
    assert set(rows["slice"]) == {"all", "warm"}
    assert not rows.duplicated(["slice", "metric"]).any()
    assert set(METRICS) | {"roc_auc[view]", "roc_auc[cart]", "roc_auc[buy]", "group_fairness"} <= set(rows["metric"])
    assert (rows["n"] == 400).all()
    assert (rows["seed"] == 42).all()
    assert (rows["model"] == "tfpnet").all()
    assert rows["value"].notna().all()


def test_many_classes_agree_with_scikit_learn(make_predictions, run) -> None:
    predictions = make_predictions(prior=(0.7, 0.2, 0.1))
    found = values(evaluate_run(predictions, run))
    decided = with_decisions(predictions)
    test = decided[decided["slice"] == "all"]
    p, true, labels = probability_matrix(test), true_codes(test), test["y_true"]
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(labels, test["decided"].astype(str)))
    chosen = test["decided"].cat.codes.to_numpy()
    assert found["macro_f1"] == pytest.approx(sk.f1_score(true, chosen, average="macro"))
    assert found["macro_f1_argmax"] == pytest.approx(sk.f1_score(true, p.argmax(axis=1), average="macro"))
    assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(true, chosen))
    assert found["precision"] == pytest.approx(sk.precision_score(true, chosen, average="weighted"))
    assert found["f1"] == pytest.approx(sk.f1_score(true, chosen, average="weighted"))
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(true, p, multi_class="ovr", average="macro"))
    assert found["roc_auc[buy]"] == pytest.approx(sk.roc_auc_score(labels == "buy", test["p_buy"]))
    one_hot = np.eye(3)[true]
    assert found["average_precision"] == pytest.approx(sk.average_precision_score(one_hot, p, average="macro"))
    assert found["log_loss_uncalibrated"] == pytest.approx(sk.log_loss(true, p))
    assert found["majority_accuracy"] == pytest.approx((labels == "view").mean())


def test_two_classes_treat_the_last_as_positive(make_predictions, run) -> None:
    predictions = make_predictions(classes=("stays", "leaves"), prior=(0.8, 0.2))
    found = values(evaluate_run(predictions, run))
    test = with_decisions(predictions).query("slice == 'all'")
    positive, chosen = test["y_true"] == "leaves", test["decided"] == "leaves"
    assert found["precision"] == pytest.approx(sk.precision_score(positive, chosen))
    assert found["recall"] == pytest.approx(sk.recall_score(positive, chosen))
    assert found["f1"] == pytest.approx(sk.f1_score(positive, chosen))
    assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(positive, test["p_leaves"]))
    assert found["average_precision"] == pytest.approx(sk.average_precision_score(positive, test["p_leaves"]))


def test_small_and_absent_slices_have_n_and_no_number(make_predictions, run) -> None:
    predictions = make_predictions(n=100, slices=("validation", "all", "cold_item@10"))
    few = predictions[predictions["slice"] == "cold_item@10"].head(29)
    predictions = pd.concat([predictions[predictions["slice"] != "cold_item@10"], few])
    rows = evaluate_run(predictions, run, slices=("all", "cold_item@10", "cold_customer@0"))
    small, absent = rows[rows["slice"] == "cold_item@10"], rows[rows["slice"] == "cold_customer@0"]
    assert (small["n"] == 29).all()
    assert small["value"].isna().all()
    assert (absent["n"] == 0).all()
    assert absent["value"].isna().all()
    assert list(small["metric"]) == list(absent["metric"])
    thirty = evaluate_run(pd.concat([predictions, few.head(1).assign(event_id=-1)]), run)
    assert not np.isnan(values(thirty, "cold_item@10")["macro_f1"])


def test_shuffled_labels_fall_to_chance(make_predictions, run) -> None:
    predictions = make_predictions(n=3000, strength=3.0)
    honest = values(evaluate_run(predictions, run))
    shuffled = predictions.assign(y_true=np.random.default_rng(0).permutation(predictions["y_true"]))
    chance = values(evaluate_run(shuffled, run))
    assert honest["macro_f1"] > 0.8
    assert chance["macro_f1"] == pytest.approx(1 / 3, abs=0.04)
    assert chance["roc_auc"] == pytest.approx(0.5, abs=0.03)


def test_choices_are_made_on_validation_rows_only(make_predictions, run) -> None:
    predictions = make_predictions(prior=(0.8, 0.15, 0.05))
    changed = predictions.copy()
    test = changed["slice"] == "all"
    changed.loc[test, "y_true"] = changed.loc[test, "y_true"].sample(frac=1.0, random_state=0).to_numpy()
    assert fit_rules(predictions) == fit_rules(changed)


def test_the_order_of_rows_is_irrelevant(make_predictions, run) -> None:
    predictions = make_predictions()
    one = evaluate_run(predictions, run)
    other = evaluate_run(predictions.sample(frac=1.0, random_state=3), run, slices=("all",))
    merged = one.merge(other, on=["slice", "metric"], suffixes=("_one", "_other"))
    assert len(merged) == len(one)
    np.testing.assert_allclose(merged["value_one"], merged["value_other"], rtol=1e-9)


@settings(max_examples=15, deadline=None)
@given(st.integers(0, 1000), st.integers(2, 4), st.floats(0.0, 3.0))
def test_bounded_metrics_stay_in_bounds(make_predictions, run, seed: int, c: int, strength: float) -> None:
    predictions = make_predictions(n=40, classes=tuple("abcd"[:c]), strength=strength, seed=seed)
    found = values(evaluate_run(predictions, run))
    free = {"log_loss", "log_loss_uncalibrated", "brier"}
    for metric, value in found.items():
        upper = (
            100
            if metric.startswith("group_fairness")
            else np.inf
            if "log_loss" in metric
            else 2
            if metric in free
            else 1
        )
        assert np.isnan(value) or 0 <= value <= upper, metric


def test_mistakes_are_named(make_predictions, run) -> None:
    predictions = make_predictions(n=40)
    with pytest.raises(ValueError, match="'run' lacks seed"):
        evaluate_run(predictions, {key: value for key, value in run.items() if key != "seed"})
    with pytest.raises(ValueError, match="no rows of slice 'validation'"):
        evaluate_run(predictions[predictions["slice"] == "all"], run)
    with pytest.raises(ValueError, match="no test slice"):
        evaluate_run(predictions[predictions["slice"] == "validation"], run)


def test_rules_survive_json_and_refuse_other_classes(make_predictions) -> None:
    rules = fit_rules(make_predictions(prior=(0.2, 0.7, 0.1)))
    assert rules.majority == "cart"
    assert ValidationRules.from_dict(rules.to_dict()) == rules
    with pytest.raises(ValueError, match="do not fit"):
        with_decisions(make_predictions(classes=("a", "b")), rules)
    with pytest.raises(ValueError, match="lack the keys majority"):
        ValidationRules.from_dict({key: value for key, value in rules.to_dict().items() if key != "majority"})


def test_a_slice_of_one_class_has_no_macro_f1(make_predictions, run) -> None:
    predictions = make_predictions()
    only = predictions[predictions["slice"] == "all"].copy()
    only = only[only["y_true"] == only["y_true"].iloc[0]].assign(slice="warm")
    rows = evaluate_run(pd.concat([predictions, only], ignore_index=True), run)
    values = rows[rows["slice"] == "warm"].set_index("metric")["value"]
    assert values[["macro_f1", "macro_f1_argmax", "balanced_accuracy"]].isna().all()
    assert values["accuracy"] == values["accuracy"]


def test_the_majority_is_that_of_training_where_it_is_known(make_predictions, run) -> None:
    predictions = make_predictions(prior=(0.8, 0.15, 0.05))
    rare = fit_rules(predictions).classes[-1]
    rows = evaluate_run(predictions, run, rules=fit_rules(predictions, rare))
    found = rows[(rows["slice"] == "all") & (rows["metric"] == "majority_accuracy")]["value"].item()
    truth = predictions.loc[predictions["slice"] == "all", "y_true"]
    assert found == pytest.approx((truth == rare).mean())
