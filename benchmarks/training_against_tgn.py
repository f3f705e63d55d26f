"""Training and inference of TFP-Net against PyG's TGN: the same events, one thread each, in one process.

    kedro run --pipelines=ingestion,preprocessing --params=source=taobao,raw_root=DIR
    python benchmarks/training_against_tgn.py data taobao

The peer is put together from PyG's own modules (`TGNMemory`, `LastNeighborLoader`, `TransformerConv`) in the way of
its example `examples/tgn.py` (Rossi et al. 2020, "Temporal graph networks for deep learning on dynamic graphs",
arXiv:2006.10637): memory, latest neighbours, one round of attention, a link predictor with one negative an event, in
batches of 200 in the order of time. Both have width 64 and see the 20 latest events of either side. TFP-Net's rate is
that of its whole training step: features, both sides' attention, DeepFM, prototypes and optimiser.

Rates are medians over rounds in which the two take turns, so that other work on the machine hits both alike; the
ratio is what counts.
"""

import argparse
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch_geometric.nn import TGNMemory, TransformerConv
from torch_geometric.nn.models.tgn import IdentityMessage, LastAggregator, LastNeighborLoader

from crm_pipelines.events.inputs import EventInputs
from crm_pipelines.models.behaviour.tfpnet import TFPNet, TFPNetConfig
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.training.seeds import seed_everything, smallest_as_zero
from crm_pipelines.training.trainer import Batches
from measured import cpu_seconds
from prepared import load

WIDTH, NEIGHBOURS, TGN_BATCH, INFERENCE_BATCH = 64, 20, 200, 2048


class TGN(nn.Module):
    """PyG's example as one training step over events in the order of time."""

    def __init__(self, inputs: EventInputs) -> None:
        super().__init__()
        store = inputs.store
        self.source = torch.from_numpy(store.customer.astype(np.int64))
        self.target = torch.from_numpy(store.item.astype(np.int64)) + store.n_customers
        self.time = torch.from_numpy(np.asarray(store.timestamp, dtype=np.int64) - int(store.timestamp[0]))
        self.message = nn.functional.one_hot(torch.from_numpy(store.behaviour.astype(np.int64))).float()
        nodes, width = store.n_customers + store.n_items, self.message.shape[1]
        self.range = (store.n_customers, nodes)
        self.memory = TGNMemory(
            nodes, width, WIDTH, WIDTH, IdentityMessage(width, WIDTH, WIDTH), aggregator_module=LastAggregator()
        )
        self.attend = TransformerConv(WIDTH, WIDTH // 2, heads=2, dropout=0.1, edge_dim=width + WIDTH)
        self.link = nn.ModuleList([nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, WIDTH), nn.Linear(WIDTH, 1)])
        self.neighbours = LastNeighborLoader(nodes, size=NEIGHBOURS)
        self.place = torch.empty(nodes, dtype=torch.long)
        self.optimizer = torch.optim.Adam(self.parameters(), lr=1e-3)

    def score(self, events: Tensor, targets: Tensor) -> Tensor:
        """Scores (B,) of each event's source with some targets (B,)."""
        source = self.source[events]
        nodes, edges, ids = self.neighbours(torch.cat([source, self.target[events], targets]).unique())
        self.place[nodes] = torch.arange(len(nodes))
        memory, last_update = self.memory(nodes)
        relative = (last_update[edges[0]] - self.time[ids]).to(memory.dtype)
        edge = torch.cat([self.memory.time_enc(relative), self.message[ids]], dim=-1)
        z = self.attend(memory, edges, edge)
        hidden = self.link[0](z[self.place[source]]) + self.link[1](z[self.place[targets]])
        return self.link[2](hidden.relu()).squeeze(1)

    def step(self, events: Tensor) -> None:
        """Predict, then update memory and neighbours; learn."""
        self.optimizer.zero_grad()
        negative = torch.randint(*self.range, (len(events),))
        criterion = nn.functional.binary_cross_entropy_with_logits
        positive_score, negative_score = self.score(events, self.target[events]), self.score(events, negative)
        loss = criterion(positive_score, torch.ones_like(positive_score))
        loss = loss + criterion(negative_score, torch.zeros_like(negative_score))
        source, target = self.source[events], self.target[events]
        self.memory.update_state(source, target, self.time[events], self.message[events])
        self.neighbours.insert(source, target)
        loss.backward()
        self.optimizer.step()
        self.memory.detach()


@smallest_as_zero()  # as in every fit of this project; the peer has it too
def main() -> None:
    """Print both rates and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("source")
    parser.add_argument("--rounds", type=int, default=12)
    parser.add_argument("--events", type=int, default=2_000, help="events of each model in a round")
    options = parser.parse_args()
    seed_everything(42, threads=1)
    inputs = load(options.data_root, options.source)

    model = TFPNet(TFPNetConfig(width=WIDTH, neighbours=NEIGHBOURS), seed=42)
    model.sizes = Sizes.of(inputs)
    model.network = model.build(model.sizes)
    log = model.log_of(inputs)
    model.start(inputs, log)
    model.after_epoch(0)  # prototypes take part from the first step that is timed
    training = model.config.training
    optimizer = torch.optim.AdamW(model.network.parameters(), lr=training.learning_rate, fused=True)
    batches = iter(Batches(np.tile(inputs.train, 10), training.batch_size, 0))

    def ours() -> None:
        for _ in range(options.events // training.batch_size + 1):
            optimizer.zero_grad()
            model.loss(log, next(batches)).backward()
            nn.utils.clip_grad_norm_(model.network.parameters(), training.clip)
            optimizer.step()

    tgn = TGN(inputs)
    tgn.train()
    stream = iter(torch.split(torch.from_numpy(inputs.train), TGN_BATCH))

    def theirs() -> None:
        for _ in range(options.events // TGN_BATCH):
            tgn.step(next(stream))

    model.network.train()
    ours_seen = (options.events // training.batch_size + 1) * training.batch_size
    theirs_seen = options.events // TGN_BATCH * TGN_BATCH
    for _ in range(3):  # neighbourhoods of TGN fill up
        ours(), theirs()
    rates = [(ours_seen / cpu_seconds(ours), theirs_seen / cpu_seconds(theirs)) for _ in range(options.rounds)]
    mine, other = (float(np.median(column)) for column in zip(*rates, strict=True))
    print(f"{options.source}: one thread, width {WIDTH}, {NEIGHBOURS} neighbours, events per CPU second in training")
    print(f"  TFP-Net (batch {training.batch_size})  {mine:8,.0f}")
    print(f"  PyG TGN (batch {TGN_BATCH})  {other:8,.0f}")
    print(f"  ratio              {float(np.median([a / b for a, b in rates])):8.1f}")

    batch = torch.from_numpy(inputs.test[:INFERENCE_BATCH])
    model.network.eval()
    tgn.eval()
    model.predict_proba(inputs, inputs.test[:INFERENCE_BATCH])  # encodes the support once
    with torch.no_grad():
        pairs = [
            (
                cpu_seconds(lambda: model.predict_proba(inputs, inputs.test[:INFERENCE_BATCH])),
                cpu_seconds(lambda: tgn.score(batch, tgn.target[batch])),
            )
            for _ in range(options.rounds + 3)
        ][3:]
    mine, other = (float(np.median(column)) * 1e3 for column in zip(*pairs, strict=True))
    print(f"inference of {INFERENCE_BATCH:,} events, CPU milliseconds, median: TFP-Net {mine:.1f}, TGN {other:.1f}")


if __name__ == "__main__":
    main()
