"""Satisfaction lift (paper D, equation 8) on the demo world, where the truth is known. SIMULATED: it says nothing of
real customers.

    kedro run --pipelines=feedback
    python benchmarks/satisfaction_lift.py data            # the data_root of that run

The shop can offer support to one customer in ten. Chosen are those whose voice is lowest in `customer_voice`, those
least likely to buy, anybody at random, and those whom the truth of the world names; the lift of each choice is computed
from the world, not from the data. The world is drawn anew from the parameters of the committed demo.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from crm_pipelines.simulate.config import SimulateParameters
from crm_pipelines.simulate.service import answered, satisfaction_lift
from crm_pipelines.simulate.world import build_world


def main() -> None:
    """Print a line per choice."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path, nargs="?", default=Path("data"))
    parser.add_argument("--share", type=float, default=0.1, help="of the customers who can be offered support")
    options = parser.parse_args()
    voice = pd.read_parquet(options.data_root / "08_reporting/demo/profile/customer_voice.parquet")
    customers = build_world(SimulateParameters()).truth.customers
    table = voice.set_index(voice["customer_id"].astype(int)).reindex(customers.identifier)
    if table["segment"].isna().all():
        raise SystemExit("these are not the customers of the committed demo; run the pipelines on it first")
    size = round(options.share * customers.size)
    draw = np.random.default_rng(0)
    orders = {
        "lowest sentiment in customer_voice": table["sentiment_now"].fillna(0.0).to_numpy(dtype=float),
        "lowest purchase probability": table["purchase_probability"].fillna(1.0).to_numpy(dtype=float),
        "at random": draw.random(customers.size),
        "the truth": answered(customers),
    }
    print("SIMULATED, on the demo world: lift of mean satisfaction, and the share of the best choice's")
    found = {}
    for name, order in orders.items():
        supported = np.zeros(customers.size, dtype=bool)
        supported[np.argsort(order, kind="stable")[:size]] = True
        found[name] = satisfaction_lift(customers, supported)
    for name, lift in found.items():
        print(f"{name:<36} {100 * lift:6.2f} % {lift / found['the truth']:6.2f}")


if __name__ == "__main__":
    main()
