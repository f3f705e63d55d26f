"""Measurements have the right meaning; their size is never asserted beyond what was planted."""

import time

import numpy as np
import pytest

from crm_pipelines.columns import RESULT_COLUMNS
from crm_pipelines.evaluation.efficiency import efficiency_rows, environment, latencies, latency, measure
from crm_pipelines.evaluation.flops import count_flops, parameter_count


def test_a_block_is_timed_and_its_peak_memory_seen_though_it_is_freed() -> None:
    with measure() as cost:
        block = np.ones(10_000_000)
        time.sleep(0.1)
        del block
    assert cost.seconds >= 0.1
    assert 60 <= cost.added_rss_mb <= 400
    assert cost.peak_rss_mb > cost.added_rss_mb


def test_a_failing_block_still_ends_its_measurement() -> None:
    with pytest.raises(RuntimeError, match="planted"), measure() as cost:
        raise RuntimeError("planted")
    assert cost.seconds > 0


def test_training_facts_follow_from_time_and_counts() -> None:
    with measure() as cost:
        time.sleep(0.01)
    facts = cost.training_facts(epochs=4, events=100)
    assert facts["seconds_per_epoch"] == pytest.approx(cost.seconds / 4)
    assert facts["training_events_per_second"] == pytest.approx(400 / cost.seconds)


def test_latency_takes_percentiles_of_timed_calls_after_the_warm_up() -> None:
    calls = []
    # The first of three warm-up calls is the slow one: it must not show.
    found = latency(lambda: calls.append(time.sleep(0.2 if not calls else 0.002)), repeats=10)
    assert len(calls) == 13
    assert 2 <= found["p50_ms"] <= found["p95_ms"] < 200
    with pytest.raises(ValueError, match="repeats"):
        latency(lambda: None, repeats=0)


def test_latencies_are_named_by_part() -> None:
    found = latencies({"features": lambda: None, "end_to_end": lambda: time.sleep(0.001)}, batch=2048, repeats=3)
    assert {"latency_features_p50_ms", "latency_features_p95_ms", "latency_end_to_end_p95_ms"} <= found.keys()
    assert found["inference_events_per_second"] == pytest.approx(2048_000 / found["latency_end_to_end_p50_ms"])


def test_flops_are_two_per_multiply_add_and_the_rest_is_named() -> None:
    torch = pytest.importorskip("torch")
    model = torch.nn.Sequential(torch.nn.Linear(10, 20), torch.nn.ReLU(), torch.nn.Linear(20, 3))
    batch = torch.zeros(7, 10)
    flops, uncounted = count_flops(lambda: model(batch))
    assert flops == 2 * 7 * (10 * 20 + 20 * 3)
    assert uncounted == ("relu",)
    assert parameter_count(model) == 10 * 20 + 20 + 20 * 3 + 3

    def inference() -> None:
        with torch.inference_mode():
            model(batch)

    assert count_flops(inference) == (flops, uncounted)


def test_a_fused_recurrent_layer_is_not_passed_off_as_free() -> None:
    torch = pytest.importorskip("torch")
    layer = torch.nn.LSTM(8, 16)
    flops, uncounted = count_flops(lambda: layer(torch.zeros(5, 4, 8)))
    least = 2 * 5 * 4 * 4 * 16 * (8 + 16)
    assert flops >= least or any("rnn" in name or "lstm" in name for name in uncounted)


def test_rows_are_results_and_words_are_refused(run) -> None:
    rows = efficiency_rows(run, {"parameters": 10, "flops": None, "fit_seconds": 1.5}, n=2048)
    assert tuple(rows.columns) == RESULT_COLUMNS
    assert rows["metric"].tolist() == ["parameters", "flops", "fit_seconds"]
    np.testing.assert_array_equal(rows["value"], [10.0, np.nan, 1.5])
    assert (rows["n"] == 2048).all()
    assert (rows["slice"] == "all").all()
    with pytest.raises(ValueError, match="not numbers: device"):
        efficiency_rows(run, {"device": "cpu"}, n=1)


def test_circumstances_are_words() -> None:
    facts = environment(device="cpu", dtype="bfloat16")
    assert {"device", "dtype", "threads", "processor", "python", "torch", "numpy", "lightgbm"} <= facts.keys()
    assert all(isinstance(value, str) and value for value in facts.values())
    assert facts["dtype"] == "bfloat16"
