"""Two rounds of temporal attention: how fast they train and predict, and what embedding each event once gives.

    kedro run --pipelines=ingestion,preprocessing --params=source=taobao,raw_root=DIR
    python benchmarks/two_layer_attention.py data taobao

TFP-Net with ``layers: 2``, width 64, the 20 latest events of either side in both rounds, one thread, beside the same
network that embeds an event as often as a batch meets it, as DyGLib's TGAT does (Yu et al. 2023, "Towards better
dynamic graph learning", arXiv:2303.13047; 54 to 65 events a second in training with two layers and 20 neighbours on
these logs). Batches in training are drawn from the whole log and share few events; those of prediction follow one
another in time. Rates are medians over rounds in which the two take turns; peak memory is that of the whole process.
"""

import argparse
import resource
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from crm_pipelines.models.behaviour.tfpnet import TFPNet, TFPNetConfig
from crm_pipelines.models.layers.entities import EntityEmbedding
from crm_pipelines.models.layers.event_log import EventLog, History
from crm_pipelines.models.layers.event_tokens import EventTokens
from crm_pipelines.models.layers.neighbour_context import NeighbourContext
from crm_pipelines.models.layers.sizes import Sizes
from crm_pipelines.training.seeds import seed_everything
from crm_pipelines.training.trainer import Batches
from measured import cpu_seconds
from prepared import load

WIDTH, NEIGHBOURS, INFERENCE_BATCH = 64, 20, 2048


class Repeating(NeighbourContext):
    """Embeds an event as often as it is met."""

    def forward(
        self,
        log: EventLog,
        side: str,
        past: History,
        tokens: EventTokens,
        customers: EntityEmbedding,
        items: EntityEmbedding,
    ) -> Tensor:
        """As in the network, without looking for events met before."""
        found = self._embed(log, side, past.events.flatten(), tokens, customers, items)
        return found.view(*past.events.shape, -1) * past.mask.unsqueeze(-1)


def main() -> None:
    """Print rates, ratios and the peak memory of ours in training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("source")
    parser.add_argument("--rounds", type=int, default=6)
    parser.add_argument("--steps", type=int, default=3, help="training steps of ours in a round")
    options = parser.parse_args()
    seed_everything(42, threads=1)
    inputs = load(options.data_root, options.source)
    model = TFPNet(TFPNetConfig(width=WIDTH, neighbours=NEIGHBOURS, layers=2), seed=42)
    model.sizes = Sizes.of(inputs)
    model.network = model.build(model.sizes)
    log = model.log_of(inputs)
    model.start(inputs, log)
    model.after_epoch(0)  # prototypes take part from the first step that is timed
    training = model.config.training
    optimizer = torch.optim.AdamW(model.network.parameters(), lr=training.learning_rate, fused=True)
    batches = iter(Batches(np.tile(inputs.train, 10), training.batch_size, 0))
    model.network.train()

    def steps(count: int) -> None:
        for _ in range(count):
            optimizer.zero_grad()
            model.loss(log, next(batches)).backward()
            nn.utils.clip_grad_norm_(model.network.parameters(), training.clip)
            optimizer.step()

    def rates(count: int, work: Callable[[], object]) -> list[float]:
        """Events per CPU second, embedded once and as often as met."""
        pairs = []
        for _ in range(options.rounds):
            for kind in (NeighbourContext, Repeating):
                for part in model.network.context.values():
                    part.__class__ = kind
                pairs.append(count / cpu_seconds(work))
        return [float(np.median(pairs[side::2])) for side in (0, 1)]

    steps(2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    print(f"{options.source}: two rounds of attention, width {WIDTH}, {NEIGHBOURS} neighbours, events per CPU second")
    print(f"{'':26}{'once':>8}{'as met':>8}{'ratio':>7}")
    once, met = rates(options.steps * training.batch_size, lambda: steps(options.steps))
    print(f"  training, batch {training.batch_size:<8}{once:8,.0f}{met:8,.0f}{once / met:7.1f}   peak {peak:.2f} GiB")
    model.network.eval()
    some = torch.from_numpy(inputs.test[:INFERENCE_BATCH])
    with torch.no_grad():
        model.network(log, some)
        once, met = rates(len(some), lambda: model.network(log, some))
    print(f"  prediction of {len(some):,}     {once:8,.0f}{met:8,.0f}{once / met:7.1f}")


if __name__ == "__main__":
    main()
