"""How fast TFP-Net trains: events per second on one thread, at width 64 and 20 neighbours on either side.

    kedro run --pipelines=ingestion,preprocessing --params=source=taobao,raw_root=DIR
    python benchmarks/training_throughput.py data taobao

Reads the prepared inputs that the first command leaves below the data root, trains a few epochs of the protocol
`time` on one thread, and prints the events per second of the training steps: history gathering, features, forward,
backward and optimiser, without validation. Wall time and CPU time are both printed; other work on the machine
disturbs the second less.
"""

import argparse
import time
from pathlib import Path

import numpy as np

from crm_pipelines.models.behaviour.tfpnet import TFPNet, TFPNetConfig
from crm_pipelines.training.parameters import TrainingParameters
from crm_pipelines.training.seeds import seed_everything
from prepared import load


def main() -> None:
    """Print events per second."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("source")
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--batch", type=int, default=512)
    options = parser.parse_args()
    seed_everything(42, threads=1)
    inputs = load(options.data_root, options.source)
    training = TrainingParameters(epochs=options.epochs, batch_size=options.batch, patience=options.epochs)
    config = TFPNetConfig(width=64, neighbours=20, training=training)
    model = TFPNet(config, seed=42)
    cpu, wall = time.process_time(), time.perf_counter()
    history = model.fit(inputs)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    seconds = np.asarray([row["seconds"] for row in history])
    events = len(inputs.train)
    rate, features = events / np.median(seconds), len(inputs.all_feature_names)
    print(f"{options.source}: {events:,} training events, {features} features, one thread, batch {options.batch}")
    print(f"training steps: {rate:,.0f} events/s (wall, median of {len(seconds)} epochs)")
    print(f"                {rate * wall / cpu:,.0f} events/s per second of CPU time (estimated)")
    print(f"whole fit with validation and support: {wall:.1f} s wall, {cpu:.1f} s CPU; {model.n_parameters:,} weights")


if __name__ == "__main__":
    main()
