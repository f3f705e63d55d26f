"""Calibration of the churn scores for use, all folds together, beside what a perfect model would show.

    kedro run --pipelines=engagement --params="source=retail,raw_root=DIR"
    python benchmarks/pooled_calibration.py data retail

The expected calibration error of `metrics.csv` is that of a fold; with some hundred customers in a fold even a model
whose probabilities are right shows .05, since shares in bins of 45 customers stray that far. Every customer is scored
by the fold that did not learn from it, so all folds can be taken together. The yardstick draws outcomes from the stated
probabilities.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from crm_pipelines.evaluation.calibration import BINS

DRAWS = 200


def error(outcome: NDArray[np.float64], stated: NDArray[np.float64]) -> float:
    """Expected calibration error in bins of equal mass."""
    bins = np.array_split(np.argsort(stated, kind="stable"), BINS)
    return sum(len(rows) * abs(outcome[rows].mean() - stated[rows].mean()) for rows in bins) / len(stated)


def main() -> None:
    """Print the error of all customers and of a fifth of them, measured and of a perfect model."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("source")
    options = parser.parse_args()
    root = options.data_root
    scores = pd.read_parquet(root / f"07_model_output/{options.source}/engagement/churn_scores.parquet")
    records = pd.read_parquet(next(root.glob(f"03_primary/{options.source}/clean_churn_records.parquet")))
    latest = records.sort_values("position", kind="stable").drop_duplicates("customer_id", keep="last")
    table = scores.merge(latest[["customer_id", "label"]], on="customer_id")
    stated = table["churn_probability"].to_numpy(dtype=np.float64)
    by_label = table.groupby("label")["churn_probability"].mean()  # whoever left was given the higher probabilities
    outcome = (table["label"] == by_label.idxmax()).to_numpy(dtype=np.float64)
    draw = np.random.default_rng(0)
    print(f"{options.source}: {scores['churn_model'].iloc[0]}, {len(table):,} customers, {BINS} bins")
    parts = {"all folds": np.arange(len(table)), "a fifth": draw.permutation(len(table))[: len(table) // 5]}
    for name, rows in parts.items():
        perfect = [error((draw.random(len(rows)) < stated[rows]).astype(float), stated[rows]) for _ in range(DRAWS)]
        print(f"  {name:10} {error(outcome[rows], stated[rows]):.3f}; of a perfect model {np.mean(perfect):.3f}")


if __name__ == "__main__":
    main()
