"""The invariants hold whatever befalls the pool; `python -m tests.sim` runs many more seeds."""

from typing import get_args

import pytest

from app.core.pool.jobs.job import Ending
from tests.sim.run import Broken, run_seed
from tests.sim.world import World

EACH = 40


@pytest.mark.parametrize("first", range(0, 6 * EACH, EACH))
def test_the_invariants_hold_after_every_step_of_every_seed(first: int) -> None:
    outcomes = [run_seed(seed) for seed in range(first, first + EACH)]

    assert not [str(one) for one in outcomes if isinstance(one, Broken)]


def test_a_seed_is_the_same_world_every_time() -> None:
    one, other = World(7), World(7)

    assert one.run() == other.run()
    assert one.host.disk.verdicts == other.host.disk.verdicts
    assert dict(one.host.disk.books.balances) == dict(other.host.disk.books.balances)


def test_the_swarm_meets_every_end_a_job_can_have() -> None:
    missing = {*get_args(Ending), "cut off"}

    for seed in range(1000, 1200):
        outcome = run_seed(seed)
        missing -= set() if isinstance(outcome, Broken) else set(outcome.endings)
        if not missing:
            break

    assert not missing
