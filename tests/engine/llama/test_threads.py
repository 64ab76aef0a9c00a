"""Compute threads: what the plan says, else the physical cores, one spared from four up."""

import os

import pytest

from app.engine.llama import SPIN_COUNT, threads
from tests.engine.llama.conftest import plan_of


def test_what_the_plan_says_goes_before() -> None:
    assert threads.choose(plan_of(threads=7, threads_batch=9), cores=2, has_gpu=False) == (7, 9)
    assert threads.choose(plan_of(threads=7, threads_batch=0), cores=2, has_gpu=True) == (7, 7)


@pytest.mark.parametrize(("cores", "chosen"), [(1, (1, 1)), (2, (2, 2)), (4, (3, 4)), (8, (7, 8))])
def test_decode_spares_a_core_where_there_are_four(cores: int, chosen: tuple[int, int]) -> None:
    plan = plan_of(threads=0, threads_batch=0)

    assert threads.choose(plan, cores=cores, has_gpu=False) == chosen


def test_beside_a_gpu_few_threads_are_enough() -> None:
    plan = plan_of(threads=0, threads_batch=0, gpu_layers=-1)

    assert threads.choose(plan, cores=32, has_gpu=True) == (threads.BESIDE_GPU, 32)


def test_no_more_cores_are_used_than_this_process_may() -> None:
    allowed = threads.cores_allowed()

    assert 1 <= allowed <= (os.cpu_count() or 1)


def test_waiting_threads_sleep_soon() -> None:
    assert os.environ["GOMP_SPINCOUNT"] == SPIN_COUNT
