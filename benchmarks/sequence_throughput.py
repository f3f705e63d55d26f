"""How fast networks of the next item train: events per second on one thread at width 50 and length 50.

    kedro run --pipelines=sequences --params=source=movielens,raw_root=DIR
    python benchmarks/sequence_throughput.py data movielens

Takes the protocol `leave_last_out` and times training steps (forward, backward, optimiser) of SASRec with its own loss,
and of the blocks of the Sequence Transformer+ with a softmax over all items, each fed in two ways: by rows of packed
sequences, and, as is usual, by one row for each customer, padded to 50. An event is a target that was learnt from;
padding counts for nothing. CPU time, which other work on the machine disturbs less than wall time.
"""

import argparse
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.nn import functional

from crm_pipelines.config import SequenceParameters
from crm_pipelines.models.layers.causal_transformer import CausalTransformer, TransformerSizes
from crm_pipelines.models.layers.sequence_log import NOTHING, Rows, SequenceLog, history_rows
from crm_pipelines.models.sequence.sasrec import SASRecConfig, SASRecNetwork
from crm_pipelines.sequences.preparation import LEAVE_LAST_OUT, split
from crm_pipelines.training.seeds import seed_everything

WIDTH, LENGTH = 50, 50


def main() -> None:
    """Print events per second of every network and loader."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("source")
    parser.add_argument("--tokens", type=int, default=128 * LENGTH, help="of a step, padding included")
    parser.add_argument("--seconds", type=float, default=15.0, help="CPU seconds for each")
    options = parser.parse_args()
    seed_everything(42, threads=1)
    folder = options.data_root / "03_primary" / options.source / "sequence_arrays"
    arrays = {path.stem: np.load(path) for path in folder.glob("*.npy")}
    inputs = split(arrays, LEAVE_LAST_OUT, SequenceParameters())
    packed = SequenceLog(inputs, LENGTH, 42).training
    loaders = {"packed": packed, "padded": padded(inputs)}
    sizes = TransformerSizes(length=LENGTH, width=WIDTH, heads=1, layers=2, inner=WIDTH)
    networks = {
        "SASRec, one negative a step": (SASRecNetwork(SASRecConfig(), inputs.n_items), sampled),
        "transformer, all items in the softmax": (CausalTransformer(sizes, inputs.n_items), full),
    }
    print(f"{options.source}: {len(inputs.train):,} training events, {inputs.n_items:,} items, one thread")
    for name, (network, loss) in networks.items():
        for loader, rows in loaders.items():
            blank = float((rows.targets == NOTHING).float().mean())
            rate = events_per_second(network, loss, rows, options.tokens // rows.items.shape[1], options.seconds)
            print(f"{name}: {loader} {rate:,.0f} events/s ({100 * blank:.0f} % of the tokens padding)")


def padded(inputs: Any) -> Rows:
    """The last 50 targets of each customer, a row each."""
    present = inputs.known.last(LENGTH + 1)[1]
    rows, _ = history_rows(inputs.known, LENGTH + 1)
    there = torch.from_numpy(np.sort(~present, axis=1))  # absent ones to the right, as in `history_rows`
    following = torch.where(there[:, 1:], NOTHING, rows.items[:, 1:])
    return Rows(rows.items[:, :-1], following, *(part[:, :-1] for part in (rows.piece, rows.place, rows.customer)))


def full(network: Any, rows: Rows) -> torch.Tensor:
    """Cross-entropy over all items."""
    asked = rows.targets != NOTHING
    return network.loss(network.states(rows)[asked], rows.targets[asked])


def sampled(network: Any, rows: Rows) -> torch.Tensor:
    """Binary cross-entropy against one item drawn at random."""
    asked = rows.targets != NOTHING
    states, wanted = network.states(rows)[asked], rows.targets[asked]
    other = torch.randint(network.items.num_embeddings, wanted.shape)
    yes, no = ((states * network.items(items)).sum(dim=1) for items in (wanted, other))
    return functional.softplus(-yes).mean() + functional.softplus(no).mean()


def events_per_second(network: Any, loss: Any, rows: Rows, batch: int, seconds: float) -> float:
    """Targets learnt from in a second of CPU time, after three steps that do not count."""
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-3, fused=True)
    network.train()
    events, started, step = 0, 0.0, 0
    generator = torch.Generator().manual_seed(0)
    while step < 5 or time.process_time() - started < seconds:
        if step == 3:
            events, started = 0, time.process_time()
        some = rows.of(torch.randint(len(rows.items), (batch,), generator=generator))
        optimizer.zero_grad()
        loss(network, some).backward()
        optimizer.step()
        events += int((some.targets != NOTHING).sum())
        step += 1
    return events / (time.process_time() - started)


if __name__ == "__main__":
    main()
