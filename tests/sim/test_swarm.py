"""The invariants hold whatever befalls the pool; `python -m tests.sim` runs many more seeds."""

import pytest

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
    outcomes = [run_seed(seed) for seed in range(1000, 1120)]
    endings = {end for one in outcomes if not isinstance(one, Broken) for end in one.endings}

    assert endings >= {
        "completed",
        "length",
        "credit_exhausted",
        "cancelled",
        "interrupted",
        "failed",
        "refused",
        "unserved",
        "unfunded",
        "cut off",
    }
