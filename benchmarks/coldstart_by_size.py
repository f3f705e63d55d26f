"""How the time of the whole `coldstart` grows with the length of the log, from raw files to the report.

    python benchmarks/coldstart_by_size.py                        # 10,000 to 1,000,000 interactions, two models
    python benchmarks/coldstart_by_size.py 10000 10000000 --models lightgbm

For each size a world is simulated (not counted), then `kedro run --pipelines=coldstart` runs in a process of its own
with the given models, and everything else as in `conf/base` (two folds, two seeds), but that networks pass once over
the log: usually they pass over a short one more often. Prints CPU seconds, microseconds an event, peak memory, and the
exponent fitted from 100,000 events on (least squares of logarithms).
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from crm_pipelines.models.registry import behaviour_model
from measured import Cost, kedro

FITTED_FROM = 100_000


def main() -> None:
    """Print a line per size, and the exponent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--models", nargs="+", default=["tfpnet", "lightgbm"])
    options = parser.parse_args()
    found = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="coldstart-") as scratch:
            raw, data = Path(scratch) / "raw", Path(scratch) / "data"
            world = {"customers": max(size // 15, 20), "items": max(size // 21, 100), "interactions": size}
            Cost.of(kedro("simulate", "--env=large", raw_root=raw, **world))
            asked = {"coldstart.runs.models": " ".join(options.models), "processes": 1}
            networks = [name for name in options.models if "training" in behaviour_model(name).Config.model_fields]
            asked |= {f"coldstart.{name}.config.training.epochs": 1 for name in networks}
            cost = Cost.of(kedro("coldstart", "--env=large", raw_root=raw, data_root=data, **asked))
        found.append((size, cost.cpu))
        print(f"{size:>12,} events: {cost}, {cost.cpu / size * 1e6:.1f} us CPU an event", flush=True)
    fitted = np.asarray([row for row in found if row[0] >= FITTED_FROM])
    if len(fitted) > 1:
        exponent = np.polyfit(np.log(fitted[:, 0]), np.log(fitted[:, 1]), 1)[0]
        print(f"CPU seconds grow with the length of the log to the power of {exponent:.2f}")


if __name__ == "__main__":
    main()
