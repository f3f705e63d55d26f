"""Measures of lists, against numbers worked out by hand."""

import numpy as np
import pandas as pd
import pytest

from crm_pipelines.evaluation.lists import (
    LISTED,
    RELEVANT,
    SAMPLED,
    evaluate_lists,
    fit_threshold,
    of_lists,
    pair_metrics,
    per_query,
)

RUN = {"paper": "E", "pipeline": "recommendation", "source": "s", "model": "m"} | {
    "variant": "main", "protocol": "time", "fold": 0, "seed": 42,
}  # fmt: skip


def lists(*queries: tuple[list[float], int]) -> pd.DataFrame:
    """Queries as ranks of their relevant products among so many candidates; product = rank."""
    rows = []
    for number, (ranks, candidates) in enumerate(queries):
        for rank in ranks:
            rows.append((number, number, "all", int(rank), RELEVANT, rank, candidates, -rank, 0.1, len(ranks)))
        for rank in range(1, min(10, candidates) + 1):
            rows.append((number, number, "all", rank, LISTED, rank, candidates, -rank, 0.1, len(ranks)))
    columns = ["event_id", "customer", "slice", "item", "role", "rank", "candidates"]
    return pd.DataFrame(rows, columns=[*columns, "log_probability", "popularity", "wanted"])


def test_the_best_list_reaches_one_and_the_worst_nought():
    found = per_query(lists(([1, 2, 3], 30), ([28, 29], 30)))
    for metric in ("ndcg@10", "map@7", "recall@5", "hr@10", "mrr"):
        assert found[metric][0] == pytest.approx(1)
    for metric in ("ndcg@10", "map@7", "recall@20", "hr@10"):
        assert found[metric][1] == 0


def test_two_products_of_three_by_hand():
    found = per_query(lists(([1, 4, 20], 100))).iloc[0]
    ideal = 1 + 1 / np.log2(3) + 0.5
    assert found["ndcg@10"] == pytest.approx((1 + 1 / np.log2(5)) / ideal)
    assert found["map@7"] == pytest.approx((1 + 2 / 4) / 3)
    assert found["recall@10"] == pytest.approx(2 / 3)


def test_chance_is_what_random_orders_reach():
    draw = np.random.default_rng(0)
    queries = [(sorted(draw.permutation(40)[:4] + 1.0), 40) for _ in range(4000)]
    found = per_query(lists(*queries))
    for metric in ("ndcg@10", "recall@10", "recall@5"):
        assert found[metric].mean() == pytest.approx(found[f"{metric}_chance"].mean(), abs=0.01)


def test_one_list_for_all_covers_little():
    found = of_lists(lists(*[([1], 50)] * 5), n_items=50)
    assert found["coverage@10"] == pytest.approx(10 / 50)


def test_lists_as_popular_as_what_is_taken_diverge_by_nothing():
    table = lists(*[([float(n)], 10) for n in range(1, 11)])
    assert of_lists(table, 10)["popularity_divergence"] == pytest.approx(0, abs=1e-9)


def test_saying_yes_always_has_an_f1_of_two_thirds():
    table = lists(*[([float(n)], 10) for n in range(1, 11)])
    sampled = table[table["role"] == RELEVANT].assign(role=SAMPLED)
    pairs = pd.concat([table, sampled])
    assert pair_metrics(pairs, float("-inf")) == pytest.approx(
        {"pair_precision": 0.5, "pair_recall": 1.0, "pair_f1": 2 / 3}
    )


def test_the_threshold_divides_what_can_be_divided():
    wanted = pd.DataFrame({"role": RELEVANT, "log_probability": [-1.0, -1.2, -0.5]})
    other = pd.DataFrame({"role": SAMPLED, "log_probability": [-3.0, -2.0, -4.0]})
    pairs = pd.concat([wanted, other])
    assert pair_metrics(pairs, fit_threshold(pairs))["pair_f1"] == 1


def test_small_slices_have_no_numbers():
    found = evaluate_lists(lists(*[([1], 50)] * 5), 50, RUN)
    assert found["value"].isna().all()
    assert (found["n"] == 5).all()
