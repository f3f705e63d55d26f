"""Training of DeepFM against deepctr-torch's: the same events and inputs, one thread each, in one process.

    pip install --no-deps --target DIR deepctr-torch==0.3.0      # apart from the project: it is no dependency
    kedro run --pipelines=ingestion,preprocessing --params=source=taobao,raw_root=...
    PYTHONPATH=DIR python benchmarks/deepfm_against_deepctr.py data taobao

The peer (Shen 2017, "DeepCTR: Easy-to-use, modular and extendible package of deep-learning based CTR models", the
PyTorch edition) is driven as its users do, by `fit`, on the features computed beforehand: its rate leaves out what
they cost. Ours is the whole training step, features read from the log included. Both have factors of width 16, hidden
layers of 128 and 64, the same dropout, the entities' codes as sparse and the event features as dense inputs. The peer
has one output: it tells the most frequent behaviour from the rest; ours has one for each class.

Rates are events per CPU second, medians over rounds in which the two take turns; the ratio is what counts.
"""

import argparse
import contextlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import torch
from torch import nn

from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.behaviour.deepfm import DeepFMConfig, DeepFMModel
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.training.seeds import seed_everything
from crm_pipelines.training.trainer import Batches
from prepared import load

HIDDEN, FACTORS, DROPOUT = (128, 64), 16, 0.4


def peer(inputs: EventInputs, events: np.ndarray, batch: int) -> Callable[[], Any]:
    """One pass of deepctr-torch's `fit` over the events."""
    try:
        with patch("threading.Thread.start"):  # on import it would ask an index on the network for newer versions
            from deepctr_torch.inputs import DenseFeat, SparseFeat
            from deepctr_torch.models import DeepFM
    except ImportError as error:
        raise SystemExit(
            f"deepctr-torch cannot be imported ({error}): see the top of this file, or leave it out"
        ) from error
    features = inputs.features(events)
    values: dict[str, np.ndarray] = {}
    columns: list[Any] = []
    for side, codes, sizes in (
        ("customer", inputs.customer_codes, inputs.customer_cardinalities),
        ("item", inputs.item_codes, inputs.item_cardinalities),
    ):
        entity = np.asarray(getattr(inputs.store, side))[events]
        for column, size in enumerate(sizes):
            name = f"{side}_{column}"
            values[name] = np.asarray(codes)[entity, column].astype(np.float32)
            columns.append(SparseFeat(name, size, embedding_dim=FACTORS))
    for column in range(len(inputs.all_feature_names)):
        known = features[:, column]
        spread = float(np.nanstd(known)) or 1.0
        values[f"f{column}"] = np.nan_to_num((known - np.nanmean(known)) / spread).astype(np.float32)
        columns.append(DenseFeat(f"f{column}", 1))
    model = DeepFM(columns, columns, dnn_hidden_units=HIDDEN, dnn_dropout=DROPOUT, dnn_use_bn=True, seed=42)
    model.compile("adam", "binary_crossentropy")
    labels = inputs.labels[events]
    target = (labels == np.bincount(labels).argmax()).astype(np.float32)

    def one_pass() -> None:
        with contextlib.redirect_stdout(io.StringIO()):
            model.fit(values, target, batch_size=batch, epochs=1, verbose=0, validation_split=0.0)

    return one_pass


def ours(inputs: EventInputs, events: np.ndarray, batch: int) -> Callable[[], Any]:
    """One pass of our training step over the events."""
    model = DeepFMModel(DeepFMConfig(factors=FACTORS, hidden=HIDDEN, dropout=DROPOUT), seed=42)
    model.sizes = Sizes.of(inputs)
    model.network = model.build(model.sizes)
    log = model.log_of(inputs)
    model.start(inputs, log)
    training = model.config.training
    optimizer = torch.optim.AdamW(model.network.parameters(), lr=training.learning_rate, fused=True)
    model.network.train()

    def one_pass() -> None:
        for ids in Batches(events, batch, 0):
            optimizer.zero_grad()
            model.loss(log, ids).backward()
            nn.utils.clip_grad_norm_(model.network.parameters(), training.clip)
            optimizer.step()

    return one_pass


def seconds(work: Callable[[], Any]) -> float:
    """CPU seconds of one call."""
    started = time.process_time()
    work()
    return time.process_time() - started


def main() -> None:
    """Print both rates and their ratio, for two sizes of batch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("source")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--events", type=int, default=20_480, help="events of each in a round")
    parser.add_argument("--batches", type=int, nargs="*", default=[256, 2048])
    options = parser.parse_args()
    seed_everything(42, threads=1)
    inputs = load(options.data_root, options.source)
    events = inputs.train[: options.events]
    width = len(inputs.all_feature_names)
    print(f"{options.source}: {width} features, one thread, {len(events):,} events a round, events per CPU second")
    for batch in options.batches:
        both = ours(inputs, events, batch), peer(inputs, events, batch)
        for work in both:
            work()
        rates = [tuple(len(events) / seconds(work) for work in both) for _ in range(options.rounds)]
        mine, other = (float(np.median(column)) for column in zip(*rates, strict=True))
        ratio = float(np.median([a / b for a, b in rates]))
        print(f"  batch {batch:>5}: DeepFM {mine:9,.0f}   deepctr-torch {other:9,.0f}   ratio {ratio:.2f}", flush=True)


if __name__ == "__main__":
    main()
