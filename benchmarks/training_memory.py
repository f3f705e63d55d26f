"""How much memory TFP-Net needs to train on a log of paper A's size: every array is there, some steps are taken.

    python benchmarks/training_memory.py                     # 18,700,000 events, 15 million of them to learn from
    python benchmarks/training_memory.py 2000000 --steps 50

A log with as many customers and items as Taobao's is drawn (no signal in it: memory does not depend on what is
learnt), its event store written and mapped as `ingestion` and `preprocessing` leave it, with features of every event
in a mapped file that holds zeros. Then TFP-Net (width 64, 20 neighbours) opens the log, takes training steps in random
order, gets a vector of every event into its support bank as after a whole epoch, seeds its prototypes, and takes the
steps again. Prints memory after each: what no file stands behind (`RssAnon`), which is the need, and mapped pages,
which the system takes back.
"""

import argparse
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.events.store import EventStore
from crm_pipelines.models.behaviour.tfpnet import TFPNet, TFPNetConfig
from crm_pipelines.training.parameters import TrainingParameters
from crm_pipelines.training.seeds import seed_everything, smallest_as_zero
from crm_pipelines.training.trainer import time_steps
from measured import GIB, memory

FEATURES = 200
CLASSES = ("pv", "cart", "fav", "buy")
DAYS = 90
BATCH = 512


def main() -> None:
    """Print memory, stage by stage."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("events", type=int, nargs="?", default=18_700_000)
    parser.add_argument("--steps", type=int, default=100)
    options = parser.parse_args()
    seed_everything(42, threads=1)
    with tempfile.TemporaryDirectory(prefix="memory-") as folder:
        told("libraries")
        inputs = drawn(options.events, Path(folder))
        told(f"inputs of {len(inputs.store):,} events, {len(inputs.train):,} to learn from")
        training = TrainingParameters(batch_size=BATCH)
        model = TFPNet(TFPNetConfig(width=64, neighbours=20, training=training), seed=42)
        model.sizes = model.measure(inputs)
        model.network = model.build(model.sizes)
        log = model.log_of(inputs)
        model.start(inputs, log)
        told("log opened")
        steps = (model.network, lambda ids: model.loss(log, ids), inputs.train, BATCH, options.steps, training)
        with smallest_as_zero():
            seconds = time_steps(*steps)
            told(f"{options.steps} steps of {BATCH}, {BATCH / seconds:,.0f} events/s (wall)")
            assert model._bank is not None
            for some in torch.split(torch.arange(len(inputs.store)), 1_000_000):
                model._bank.put(some, torch.ones(len(some), 64))
            told("support of every event")
            model.after_epoch(0)
            told("prototypes seeded")
            time_steps(*steps)
            told(f"{options.steps} steps more")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / GIB
    print(f"largest resident memory, mapped pages included: {peak:.2f} GiB")


def drawn(n: int, folder: Path) -> EventInputs:
    """Inputs of n events without a signal, mapped."""
    draw = np.random.default_rng(0)
    customers, items = max(n // 15, 20), max(n // 21, 100)
    behaviour = draw.choice(len(CLASSES), n, p=(0.9, 0.055, 0.025, 0.02)).astype(np.int16)
    EventStore._indexed(
        customer=draw.integers(customers, size=n, dtype=np.int32),
        item=(items * draw.random(n, dtype=np.float32) ** 3).astype(np.int32),
        timestamp=np.sort(draw.integers(DAYS * 86_400, size=n)),
        behaviour=behaviour,
        value=np.full(n, np.nan, dtype=np.float32),
        category=draw.integers(9_000, size=n, dtype=np.int32),
        row=np.arange(n),
        n_customers=customers,
        n_items=items,
        classes=CLASSES,
        behaviours=CLASSES,
    ).save(folder / "store")
    del behaviour
    store = EventStore.load(folder / "store")
    np.lib.format.open_memmap(folder / "features.npy", "w+", np.float32, (n, FEATURES)).flush()
    cut = int(0.8 * n)
    everyone, everything = np.empty((customers, 0), np.float32), np.empty((items, 0), np.float32)
    return EventInputs(
        protocol="time",
        fold=0,
        store=store,
        classes=CLASSES,
        labels=store.labels,
        feature_names=tuple(f"f{at}" for at in range(FEATURES)),
        event_features=np.load(folder / "features.npy", mmap_mode="r"),
        text_features=np.empty((n, 0), np.float32),
        customer_static=everyone,
        item_static=everything,
        customer_codes=everyone.astype(np.int32),
        item_codes=draw.integers(9_000, size=(items, 1), dtype=np.int32),
        customer_cardinalities=(),
        item_cardinalities=(9_000,),
        customer_segment=draw.integers(4, size=customers, dtype=np.int32),
        n_segments=4,
        train=np.arange(cut),
        validation=np.arange(cut, cut + 1000),
        test=np.arange(cut, n),
        time_unit=86_400.0,
        cold={},
        groups={},
    )


def told(stage: str) -> None:
    """Print memory as it is now."""
    resident, own = memory()
    print(f"{stage:60} {own:6.2f} GiB, {resident - own:6.2f} mapped ({time.process_time():.0f} s CPU)", flush=True)


if __name__ == "__main__":
    main()
