"""What it costs to write a world: time and peak memory by size, of a shop's log and of a log of reviews.

    python benchmarks/simulation.py                               # 100,000 and 2,000,000 interactions of either
    python benchmarks/simulation.py 18700000 --env=large          # paper A's Taobao size
    python benchmarks/simulation.py 17600000 --env=large_reviews  # paper A's Amazon size

Each world is written in a process of its own into a folder that is removed. Memory grows with what is true in the world
(13 bytes an event, some hundred a customer and an item); what is written of it is put together in pieces.
"""

import argparse
import tempfile

from measured import Cost, kedro

ENVIRONMENTS = ("large", "large_reviews")


def main() -> None:
    """Print a line per world."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("sizes", type=int, nargs="*", default=[100_000, 2_000_000])
    parser.add_argument("--env", choices=ENVIRONMENTS, action="append", help="both by default")
    options = parser.parse_args()
    for size in options.sizes:
        # The proportions of the published log.
        world = {
            "customers": max(round(size / 14.84), 20),
            "items": max(round(size / 20.78), 100),
            "interactions": size,
        }
        for environment in options.env or ENVIRONMENTS:
            with tempfile.TemporaryDirectory(prefix="simulation-") as scratch:
                cost = Cost.of(kedro("simulate", f"--env={environment}", raw_root=scratch, **world))
            print(
                f"{environment:<14} {size:>12,} interactions: {cost}, {cost.cpu / size * 1e6:.1f} us CPU each",
                flush=True,
            )


if __name__ == "__main__":
    main()
