"""One seed and one number of threads for everything that draws and sums."""

import random
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info, threadpool_limits

from crm_pipelines.training.seeds import seed_everything


@pytest.fixture(autouse=True)
def threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    with threadpool_limits():
        yield
    torch.set_num_threads(before)


def draws() -> tuple[float, float, float]:
    return random.random(), float(np.random.random()), float(torch.rand(1))


def test_every_generator_is_seeded():
    seed_everything(5)
    first = draws()
    seed_everything(5)
    assert draws() == first
    seed_everything(6)
    assert all(a != b for a, b in zip(draws(), first, strict=True))


@pytest.mark.parametrize("threads", [1, 2])
def test_the_number_of_threads_holds_for_torch_and_for_what_lies_beneath_numpy(threads):
    seed_everything(5, threads)
    assert torch.get_num_threads() == threads
    pools = threadpool_info()
    assert pools
    assert {pool["num_threads"] for pool in pools} == {threads}


def test_without_a_number_the_threads_stay():
    before = torch.get_num_threads()
    seed_everything(5)
    assert torch.get_num_threads() == before
