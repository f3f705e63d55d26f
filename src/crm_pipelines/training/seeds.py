"""One seed fixes everything on the CPU."""

import random
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch
from threadpoolctl import threadpool_limits


def seed_everything(seed: int, threads: int | None = None) -> None:
    """Seed Python, numpy and torch; optionally fix the number of CPU threads, on which sums depend.

    Args:
        seed: of all generators.
        threads: for torch, and for the libraries beneath numpy and scikit-learn (BLAS, OpenMP), which would
            otherwise take every core there is.
    """
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    if threads is not None:
        torch.set_num_threads(threads)
        threadpool_limits(threads)


@contextmanager
def smallest_as_zero() -> Iterator[None]:
    """Take numbers below 1e-38 for 0, in this thread.

    A processor needs a hundred times as long for them as for others, and weights that decay with age are full of them.
    """
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)
