"""One seed fixes everything on the CPU."""

import random

import numpy as np
import torch


def seed_everything(seed: int, threads: int | None = None) -> None:
    """Seed Python, numpy and torch; optionally fix torch's number of CPU threads, on which sums depend."""
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
    if threads is not None:
        torch.set_num_threads(threads)
