"""What it costs to score customers: wall time, CPU time and peak memory by their number, and for a million.

    python benchmarks/scoring_by_size.py                    # 10,000, 20,000 and 50,000 customers
    python benchmarks/scoring_by_size.py 1000000            # the size of the claim; some 20 GB of disk
    python benchmarks/scoring_by_size.py --kept=DIR         # models kept by an earlier run on the demo
    python benchmarks/scoring_by_size.py --models=tfpnet_plus,sequence_transformer,churn_transformer_plus

Models are fitted on the demo world once (not counted); then worlds of the given sizes, eight events a customer, are
written (not counted) and scored by `--pipelines=scoring`, reading of the raw files included. Plans are made for the
2,000 customers active latest and reasons sought for the 2,000 of highest risk, whatever the number; `--planned=0` plans
for all. The extrapolation is a straight line through the sizes.
"""

import argparse
import shutil
import tempfile
from pathlib import Path

import numpy as np

from measured import Cost, kedro

PIPELINES = ("coldstart", "engagement", "risk")
TARGET = 1_000_000


def main() -> None:
    """Print a line per size, and the extrapolation."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 20_000, 50_000])
    parser.add_argument("--models", default="lightgbm,markov", help="fitted where a pipeline has them")
    parser.add_argument(
        "--kept", type=Path, help="data_root of an earlier run on the demo, whose kept models are taken"
    )
    parser.add_argument("--planned", type=int, default=2000)
    parser.add_argument("--shards", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="folder for the simulated files, used again if they are there")
    parser.add_argument("--stages", action="store_true", help="time and memory of each node too")
    options = parser.parse_args()
    found = []
    with tempfile.TemporaryDirectory(prefix="scoring-") as scratch:
        data = Path(scratch) / "data"
        if options.kept is None:
            _fit(data, options.models.split(","))
        else:
            shutil.copytree(options.kept / "06_models", data / "06_models")
        for size in options.sizes:
            raw = (options.keep or Path(scratch)) / f"raw-{size}"
            world = {"customers": size, "items": 420, "interactions": 8 * size, "raw_root": raw}
            if not (raw / "demo").exists():
                Cost.of(kedro("simulate", **world))
            settings = {"scoring.planned": options.planned, "scoring.shards": options.shards}
            cost = Cost.of(kedro("scoring", raw_root=raw, data_root=data, processes=options.shards, **settings))
            found.append((size, cost.wall, cost.cpu, cost.peak, cost.own))
            print(f"{size:>10,} customers: {cost}, {cost.cpu / size * 1e3:.2f} ms CPU each", flush=True)
            if options.stages:
                print(cost.by_stage(), flush=True)
    if len(found) > 1:
        table = np.asarray(found)
        line = Cost(*(np.polyval(np.polyfit(table[:, 0], table[:, at], 1), TARGET) for at in (1, 2, 3, 4)))
        print(f"{TARGET:>10,} customers, extrapolated: {line}")


def _fit(data: Path, models: list[str]) -> None:
    from crm_pipelines.models.registry import BEHAVIOUR_MODELS, CHURN_MODELS, RISK_MODELS, SEQUENCE_MODELS

    known = {"coldstart": BEHAVIOUR_MODELS, "engagement": (*SEQUENCE_MODELS, *CHURN_MODELS), "risk": RISK_MODELS}
    for pipeline in PIPELINES:
        chosen = " ".join(name for name in dict.fromkeys(models) if name in known[pipeline])
        if chosen:
            Cost.of(kedro(pipeline, data_root=data, **{f"{pipeline}.runs.models": chosen}))


if __name__ == "__main__":
    main()
