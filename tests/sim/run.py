"""Running seeds: one, or a swarm over all cores; a failure says how to see it again."""

import os
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

from app.core.pool.jobs.rules import JobRules
from tests.sim.world import CAST, RULES, Cast, Outcome, World

BATCH = 20


@dataclass(frozen=True)
class Broken:
    """A seed in which an invariant did not hold."""

    seed: int
    message: str

    def breaks(self, number: str) -> bool:
        """Whether the invariant of this number is the one."""
        return self.message.partition(" s: ")[2].startswith(f"{number}: ")

    def __str__(self) -> str:
        return (
            f"seed {self.seed}: {self.message}\n"
            f"    see it again: python -m tests.sim --seed {self.seed} --trace"
        )


def run_seed(seed: int, rules: JobRules = RULES, cast: Cast = CAST) -> Outcome | Broken:
    """One world to its end. A crash of the product is as bad as a broken invariant."""
    world = World(seed, rules, cast)
    try:
        return world.run()
    except Exception as error:
        return Broken(seed, f"{type(error).__name__} at {world.clock.seconds:.3f} s: {error}")


def run_batch(seeds: list[int]) -> list[Outcome | Broken]:
    """Some of a swarm, in a process of its own."""
    return [run_seed(seed) for seed in seeds]


def swarm(first: int, count: int) -> Iterator[Outcome | Broken]:
    """All of them, as they end."""
    seeds = list(range(first, first + count))
    batches = [seeds[at : at + BATCH] for at in range(0, len(seeds), BATCH)]
    with ProcessPoolExecutor(max_workers=os.cpu_count()) as pool:
        for outcomes in pool.map(run_batch, batches):
            yield from outcomes


def summary(outcomes: list[Outcome]) -> str:
    """What the worlds were full of: a swarm that meets no trouble proves nothing."""
    endings = Counter(ending for outcome in outcomes for ending in outcome.endings)
    told = ", ".join(f"{ending} {count}" for ending, count in endings.most_common())
    return (
        f"{sum(o.steps for o in outcomes)} steps, {sum(o.jobs for o in outcomes)} jobs, "
        f"{sum(o.attempts for o in outcomes)} attempts; {told}"
    )
