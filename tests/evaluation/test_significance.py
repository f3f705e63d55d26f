"""Paired bootstrap over customers: the naive loop, planted differences, and noise."""

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import f1_score

from crm_pipelines.evaluation.bootstrap import customer_counts, resample_metrics
from crm_pipelines.evaluation.confusion import accuracy, macro_f1
from crm_pipelines.evaluation.rules import with_decisions
from crm_pipelines.evaluation.significance import COMPARISON_COLUMNS, compare


def labelled(true: np.ndarray, decided: np.ndarray, customer: np.ndarray, first_event: int = 0) -> pd.DataFrame:
    """Predictions reduced to what a comparison reads."""
    names = np.array(["a", "b", "c"])
    return pd.DataFrame(
        {
            "event_id": np.arange(first_event, first_event + len(true)),
            "customer": customer,
            "slice": "all",
            "y_true": names[true],
            "decided": names[decided],
        }
    )


def answers(random: np.random.Generator, true: np.ndarray, right: float) -> np.ndarray:
    """Decisions that are right with probability ``right`` and else arbitrary."""
    return np.where(random.random(len(true)) < right, true, random.integers(0, 3, len(true)))


def test_equals_the_naive_loop() -> None:
    random = np.random.default_rng(0)
    customer, true = random.integers(0, 12, 90), random.integers(0, 3, 90)
    decided = [answers(random, true, 0.6), answers(random, true, 0.3)]
    counts = [customer_counts(customer, true, labels, 3, 12) for labels in decided]
    functions = {"macro_f1": macro_f1, "accuracy": accuracy}
    found = resample_metrics(counts, 3, functions, resamples=25, seed=5)
    draws = np.random.default_rng(5)
    for resample in range(25):
        rows = np.concatenate([np.flatnonzero(customer == drawn) for drawn in draws.integers(0, 12, size=12)])
        for model, labels in enumerate(decided):
            y, d = true[rows], labels[rows]
            expected = f1_score(y, d, labels=np.unique(y), average="macro", zero_division=0)
            assert found["macro_f1"][resample, model] == pytest.approx(expected)
            assert found["accuracy"][resample, model] == pytest.approx((y == d).mean())


def test_memory_chunks_do_not_change_the_result() -> None:
    random = np.random.default_rng(1)
    customer, true = random.integers(0, 50, 200), random.integers(0, 3, 200)
    counts = [customer_counts(customer, true, answers(random, true, 0.5), 3, 50)]
    whole = resample_metrics(counts, 3, {"f": macro_f1}, 40, seed=2)["f"]
    for chunk_values in (1, 50 * 7, 50 * 40):
        np.testing.assert_array_equal(resample_metrics(counts, 3, {"f": macro_f1}, 40, 2, chunk_values)["f"], whole)


def test_worked_by_hand() -> None:
    # Two customers of 20 events: the model is right on all of the first and half of the second, the peer the reverse
    # of it on the second only. A resample draws (2,0), (1,1) or (0,2): differences 0, .25 and .5 in accuracy.
    true = np.zeros(40, dtype=int)
    customer = np.repeat([10, 99], 20)
    model, peer = true.copy(), true.copy()
    model[20:30] = 1
    peer[20:] = 1
    table = compare(
        {"m": [labelled(true, model, customer)], "p": [labelled(true, peer, customer)]}, ["m"], ["all"], 400
    )
    row = table.set_index("metric").loc["accuracy"]
    assert (row["difference"], row["low"], row["high"]) == (pytest.approx(0.25), 0.0, pytest.approx(0.5))
    assert (row["n"], row["customers"]) == (40, 2)


def test_identical_models_differ_by_exactly_nothing(make_predictions) -> None:
    runs = [with_decisions(make_predictions(noise_seed=seed)) for seed in (1, 2)]
    table = compare({"one": runs, "two": [run.sample(frac=1.0, random_state=0) for run in runs]}, ["one"], ["all"], 100)
    assert (table[["difference", "low", "high"]] == 0.0).all().all()


def test_a_planted_better_model_is_found_and_the_sign_turns_with_the_sides() -> None:
    random = np.random.default_rng(0)
    true, customer = random.integers(0, 3, 1500), random.integers(0, 300, 1500)
    frames = {
        "good": [labelled(true, answers(random, true, 0.6), customer) for _ in range(3)],
        "fair": [labelled(true, answers(random, true, 0.5), customer) for _ in range(2)],
    }
    table = compare(frames, ["good", "fair"], ["all"], 300, context={"source": "demo", "protocol": "time"})
    assert tuple(table.columns) == ("source", "protocol", *COMPARISON_COLUMNS)
    forth, back = table[table["model"] == "good"], table[table["model"] == "fair"]
    assert (forth["low"] > 0).all()
    assert forth["difference"].between(0.03, 0.11).all()
    np.testing.assert_allclose(forth["difference"], -back["difference"].to_numpy())
    np.testing.assert_allclose(forth["low"], -back["high"].to_numpy(), atol=1e-12)


def test_noise_covers_zero_about_95_times_in_100() -> None:
    covered = []
    for world in range(100):
        random = np.random.default_rng(world)
        customer = np.repeat(np.arange(60), 4)
        true = random.integers(0, 3, 240)
        frames = {m: [labelled(true, answers(random, true, 0.5), customer)] for m in ("one", "two")}
        row = compare(frames, ["one"], ["all"], 100, seed=world, metrics=("macro_f1",)).iloc[0]
        covered.append(row["low"] <= 0 <= row["high"])
    assert 0.88 <= np.mean(covered) <= 0.99


def test_a_customer_is_one_observation_however_many_events_it_has() -> None:
    random = np.random.default_rng(0)
    true = random.integers(0, 3, 40)
    one, two = answers(random, true, 0.7), answers(random, true, 0.5)
    few = {"one": [labelled(true, one, np.arange(40))], "two": [labelled(true, two, np.arange(40))]}
    copies = np.repeat(np.arange(40), 10)
    many = {"one": [labelled(true[copies], one[copies], copies)], "two": [labelled(true[copies], two[copies], copies)]}
    width = [np.ptp(compare(frames, ["one"], ["all"], 300)[["low", "high"]], axis=1) for frames in (few, many)]
    np.testing.assert_allclose(width[0], width[1])


def test_folds_are_averaged_alike_whatever_the_number_of_seeds() -> None:
    random = np.random.default_rng(0)
    true, customer = random.integers(0, 3, (2, 60)), random.integers(0, 20, (2, 60))
    right, wrong = true, (true + 1) % 3
    folds = {
        # Fold 0 right (three seeds), fold 1 wrong (one seed): mean accuracy 1/2, not 3/4.
        "many": [*(labelled(true[0], right[0], customer[0]) for _ in range(3)),
                 labelled(true[1], wrong[1], customer[1], 60)],
        "one": [labelled(true[0], wrong[0], customer[0]), labelled(true[1], wrong[1], customer[1], 60)],
    }  # fmt: skip
    table = compare(folds, ["many"], ["all"], 50, metrics=("accuracy",))
    assert table.loc[0, "difference"] == pytest.approx(0.5)
    assert table.loc[0, "n"] == 120


def test_too_few_events_or_customers_are_not_compared() -> None:
    true = np.arange(40) % 2
    one = np.zeros(40, dtype=int)
    frames = {"m": [labelled(true, true, one)], "p": [labelled(true, 1 - true, one)]}
    row = compare(frames, ["m"], ["all"], 50).iloc[0]
    assert row["difference"] == 1.0
    assert np.isnan(row["low"])
    assert row["customers"] == 1
    small = compare({m: [f[0].head(29)] for m, f in frames.items()}, ["m"], ["all", "absent"], 50)
    assert small["difference"].isna().all()
    assert small["n"].tolist() == [29, 29, 0, 0]


def test_a_slice_of_one_class_has_no_mean_over_classes() -> None:
    true, customer = np.zeros(40, dtype=int), np.arange(40)
    frames = {"m": [labelled(true, true, customer)], "p": [labelled(true, true + 1, customer)]}
    table = compare(frames, ["m"], ["all"], 50).set_index("metric")
    assert table.loc["macro_f1", ["difference", "low", "high"]].isna().all()
    assert table.loc["accuracy", "difference"] == 1.0


def test_mistakes_are_named() -> None:
    true = np.zeros(40, dtype=int)
    frame = labelled(true, true, np.arange(40))
    with pytest.raises(ValueError, match="other events"):
        compare({"m": [frame], "p": [frame.assign(event_id=frame["event_id"] + 1)]}, ["m"], ["all"], 50)
    with pytest.raises(ValueError, match="no predictions of q"):
        compare({"m": [frame], "p": [frame]}, ["q"], ["all"], 50)
    with pytest.raises(ValueError, match="'p' lack decided"):
        compare({"m": [frame], "p": [frame.drop(columns="decided")]}, ["m"], ["all"], 50)
    with pytest.raises(ValueError, match="'p' has no runs"):
        compare({"m": [frame], "p": []}, ["m"], ["all"], 50)
    with pytest.raises(ValueError, match="cannot compare roc_auc"):
        compare({"m": [frame], "p": [frame]}, ["m"], ["all"], 50, metrics=("roc_auc",))
