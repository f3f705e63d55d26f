"""Latency of 2,048 events: TFP-Net beside LightGBM on the same inputs and PyG's TGN, one thread each, in one process.

    kedro run --pipelines=ingestion,preprocessing --params=source=taobao,raw_root=DIR
    python benchmarks/inference_latency.py data taobao

Three calls of either model of ours: ``features`` computes the event features from the log, ``forward`` predicts on
features that are there, ``end to end`` is both. The peer TGN is that of `training_against_tgn.py` (PyG's modules, as
its example has them) scoring each event's own item: it has no features to compute, and its memory update is not in
its time. Weights do not change how long a network takes: TFP-Net and TGN are untrained. LightGBM is fitted as in
`coldstart`, since its time is that of its trees.

CPU milliseconds, 50th and 95th percentile over rounds in which all take turns.
"""

import argparse
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
import yaml

from crm_pipelines.events.features import FeatureBuilder
from crm_pipelines.models.behaviour.lightgbm import LightGBM
from crm_pipelines.models.behaviour.tfpnet import TFPNet, TFPNetConfig
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.training.seeds import seed_everything
from prepared import load
from training_against_tgn import INFERENCE_BATCH, NEIGHBOURS, TGN, TGN_BATCH, WIDTH

SETTINGS = Path(__file__).parents[1] / "conf" / "base" / "parameters" / "coldstart.yml"


def milliseconds(work: Callable[[], object]) -> float:
    """CPU milliseconds of one call."""
    started = time.process_time()
    work()
    return (time.process_time() - started) * 1e3


def main() -> None:
    """Print a line per call, and what TFP-Net's takes in proportion to the peers'."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("source")
    parser.add_argument("--rounds", type=int, default=40)
    parser.add_argument("--rows", type=int, default=50_000, help="training events that LightGBM is fitted on, at most")
    options = parser.parse_args()
    seed_everything(42, threads=1)
    inputs = load(options.data_root, options.source)
    batch = inputs.test[:INFERENCE_BATCH]

    model = TFPNet(TFPNetConfig(width=WIDTH, neighbours=NEIGHBOURS), seed=42)
    model.sizes = Sizes.of(inputs)
    model.network = model.build(model.sizes)
    log = model.log_of(inputs)
    model.start(inputs, log)
    model.after_epoch(0)
    model.mixture = 0.5  # both heads are asked
    model.network.eval()

    settings = yaml.safe_load(SETTINGS.read_text(encoding="utf-8"))["coldstart"]["lightgbm"]["config"]
    trees = LightGBM(LightGBM.Config(**settings), seed=42)
    rows = inputs.features(inputs.train[-options.rows :]), inputs.labels[inputs.train[-options.rows :]]
    chosen_on = inputs.features(inputs.validation), inputs.labels[inputs.validation]
    trees.trees.classes = len(inputs.classes)
    trees.trees.fit(*rows, *chosen_on)

    tgn = TGN(inputs)
    tgn.train()
    with torch.no_grad():  # its memory and neighbourhoods fill up with all that comes before
        for events in torch.split(torch.arange(int(batch[0])), TGN_BATCH):
            source, target = tgn.source[events], tgn.target[events]
            tgn.memory.update_state(source, target, tgn.time[events], tgn.message[events])
            tgn.neighbours.insert(source, target)
    tgn.eval()
    ids = torch.from_numpy(batch)

    builder = FeatureBuilder(inputs.store, 0.0, inputs.time_unit)
    calls: dict[str, Callable[[], object]] = {
        "features": lambda: builder.events(batch),
        "TFP-Net, forward": lambda: model.predict_proba(inputs, batch),
        "TFP-Net, end to end": lambda: (builder.events(batch), model.predict_proba(inputs, batch)),
        "LightGBM, forward": lambda: trees.predict_proba(inputs, batch),
        "LightGBM, end to end": lambda: (builder.events(batch), trees.predict_proba(inputs, batch)),
        "PyG TGN, forward": lambda: tgn.score(ids, tgn.target[ids]),
    }
    with torch.no_grad():
        for work in calls.values():
            work(), work()
        timed = np.array([[milliseconds(work) for work in calls.values()] for _ in range(options.rounds)])
    print(f"{options.source}: {len(batch):,} events, one thread, CPU milliseconds, {len(timed)} calls each")
    found = dict(zip(calls, np.percentile(timed, [50, 95], axis=0).T, strict=True))
    for name, (half, most) in found.items():
        print(f"  {name:<22} p50 {half:8.1f}   p95 {most:8.1f}")
    mine = found["TFP-Net, forward"][0]
    for other in ("LightGBM, forward", "PyG TGN, forward"):
        print(f"  TFP-Net in proportion to {other}: {mine / found[other][0]:.2f}")


if __name__ == "__main__":
    main()
