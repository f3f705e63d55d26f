"""How the cost of preparing a log grows with its length: everything before the first model, from raw files on.

    python benchmarks/preparation_by_size.py                  # 10,000 to 10,000,000 interactions
    python benchmarks/preparation_by_size.py 100000 1000000

For each size a world is simulated (not counted), then ingestion and preprocessing run in a process of their own, with
features of all events. Prints CPU seconds, microseconds an event, peak memory and the exponent fitted from 100,000
events on (least squares of logarithms): 1 is a cost in proportion to the log.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np

from measured import Cost, kedro

FITTED_FROM = 100_000


def main() -> None:
    """Print a line per size, and the exponent."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", default=[10_000, 100_000, 1_000_000, 10_000_000])
    options = parser.parse_args()
    found = []
    for size in options.sizes:
        with tempfile.TemporaryDirectory(prefix="preparation-") as scratch:
            raw, data = Path(scratch) / "raw", Path(scratch) / "data"
            world = {"customers": max(size // 15, 20), "items": max(size // 21, 100), "interactions": size}
            Cost.of(kedro("simulate", "--env=large", raw_root=raw, **world))
            everything = {"raw_root": raw, "data_root": data, "features.everything_up_to": size * 2}
            cost = Cost.of(kedro("ingestion,preprocessing", "--env=large", **everything))
        found.append((size, cost.cpu))
        print(f"{size:>12,} events: {cost}, {cost.cpu / size * 1e6:.1f} us CPU an event", flush=True)
    fitted = np.asarray([row for row in found if row[0] >= FITTED_FROM])
    if len(fitted) > 1:
        exponent = np.polyfit(np.log(fitted[:, 0]), np.log(fitted[:, 1]), 1)[0]
        print(f"CPU seconds grow with the length of the log to the power of {exponent:.2f}")


if __name__ == "__main__":
    main()
