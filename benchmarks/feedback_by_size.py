"""Paper D's data set by size: what the simulation of it costs, then the text stage and the profile.

    python benchmarks/feedback_by_size.py                  # 20,000 customers
    python benchmarks/feedback_by_size.py 20000 100000     # and a line fitted through them, drawn on to 1,000,000

For each number of customers a world with the paper's shares is simulated (12 transactions a customer on average and 50
at most, 0.2 reviews, 0.1 tickets, 0.5 mentions), then the stages of the chain `feedback` but for its report run, each
in a process of its own, with one model of text and the hybrid. Prints wall and CPU seconds and the largest memory of
each and of its nodes, and what the fitted lines give for the paper's million. That figure is an extrapolation and says
so.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from measured import Cost, kedro

WANTED = 1_000_000
STAGES = ("documents", "feedback_models", "purchases", "profile")


def main() -> None:
    """Print a line per size and stage, and the extrapolation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("customers", type=int, nargs="*", default=[20_000])
    parser.add_argument("--text-models", nargs="+", default=["tfidf_logistic"])
    parser.add_argument("--models", nargs="+", default=["rfm_rules", "lightgbm", "hybrid"])
    parser.add_argument("--stages", nargs="+", default=list(STAGES))
    options = parser.parse_args()
    walls, peaks = [], []
    for customers in options.customers:
        with tempfile.TemporaryDirectory(prefix="feedback-") as scratch:
            raw, data = Path(scratch) / "raw", Path(scratch) / "data"
            world = {"customers": customers, "items": max(customers // 20, 100), "interactions": 12 * customers}
            cost = Cost.of(kedro("simulate", "--env=large_feedback", raw_root=raw, **world))
            print(f"{customers:>9,} customers, simulate:        {cost}", flush=True)
            asked = {"feedback.runs.models": " ".join(options.text_models), "processes": 1}
            asked |= {"profile.runs.models": " ".join(options.models)}
            wall, peak = 0.0, 0.0
            for stage in options.stages:
                cost = Cost.of(kedro(stage, "--env=large_feedback", raw_root=raw, data_root=data, **asked))
                wall, peak = wall + cost.wall, max(peak, cost.peak)
                print(f"{customers:>9,} customers, {stage:<16} {cost}", flush=True)
                print(cost.by_stage(), flush=True)
        walls.append(wall)
        peaks.append(peak)
        print(f"{customers:>9,} customers, together: {wall:.0f} s, {peak:.2f} GiB at most", flush=True)
    if len(walls) > 1:
        for name, values, unit in (("time", walls, "s"), ("memory", peaks, "GiB")):
            slope, start = np.polyfit(options.customers, values, 1)
            print(f"{name}: {start:.2f} {unit} + {slope * 1e6:.2f} {unit} a million customers (extrapolated)")
    else:
        print(f"in proportion, {WANTED:,} customers would take {walls[0] * WANTED / options.customers[0] / 60:.0f} min")


if __name__ == "__main__":
    main()
