"""What the processes (*ranks*) of one training tell one another; in a single process nothing is said.

Every rank walks through the same batches in the same order and takes its share of each, so that all make equally many
steps and a step sees the events that it sees in one process. Li et al. 2020, "PyTorch Distributed: Experiences on
Accelerating Data Parallel Training", arXiv:2006.15704.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, distributed, nn

_PORT = "MASTER_PORT"


def world_size() -> int:
    """Number of processes that train together."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def share(batch: Tensor) -> tuple[Tensor, int]:
    """This rank's events of a batch (B,), and how many of the batch they stand for."""
    size = world_size()
    return (batch, len(batch)) if size == 1 else part(batch, distributed.get_rank(), size)


def part(batch: Tensor, rank: int, size: int) -> tuple[Tensor, int]:
    """What one of ``size`` ranks takes of a batch (B,): every ``size``-th event from the rank's own number on.

    A rank that would get none takes the first event for nothing, since all ranks have to go through the same steps.
    """
    mine = batch[rank::size]
    return (mine, len(mine)) if len(mine) else (batch[:1], 0)


def total(*values: float) -> list[float]:
    """Sum of each value over the ranks, the same bits on every one."""
    if world_size() == 1:
        return list(values)
    sums = torch.tensor(values, dtype=torch.float64)
    distributed.all_reduce(sums)
    return [float(value) for value in sums.tolist()]


def agree(network: nn.Module) -> None:
    """Give every rank the weights and buffers of the first: its own running statistics differ a little."""
    if world_size() > 1:
        for tensor in network.state_dict().values():
            distributed.broadcast(tensor, 0)


def gathered(events: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Events (B,) and their rows (B, d) of all ranks, in the order of the ranks."""
    size = world_size()
    if size == 1:
        return events, rows
    counts = [torch.zeros(1, dtype=torch.int64) for _ in range(size)]
    distributed.all_gather(counts, torch.tensor([len(events)]))
    longest = int(torch.cat(counts).max())

    def of_all(own: Tensor) -> Tensor:
        padded = own.new_zeros(longest, *own.shape[1:])
        padded[: len(own)] = own
        parts = [torch.empty_like(padded) for _ in range(size)]
        distributed.all_gather(parts, padded)
        return torch.cat([part[: int(count)] for part, count in zip(parts, counts, strict=True)])

    return of_all(events), of_all(rows)


@contextmanager
def free_port() -> Iterator[None]:
    """Let processes that start here find a port of their own, and leave no trace of it for those of a later fit."""
    before = os.environ.pop(_PORT, None)
    try:
        yield
    finally:
        os.environ.pop(_PORT, None)
        if before is not None:
            os.environ[_PORT] = before
