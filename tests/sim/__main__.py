"""`python -m tests.sim`: thousands of seeds, or one of them step by step."""

import argparse
import sys

from tests.sim.run import Broken, run_seed, summary, swarm
from tests.sim.world import Outcome, World

EACH = 100


def main() -> int:
    """0 where every invariant held."""
    parser = argparse.ArgumentParser(prog="python -m tests.sim", description=__doc__)
    parser.add_argument("--seeds", type=int, default=1000, help="how many (default: 1000)")
    parser.add_argument("--first", type=int, default=0, help="the first of them (default: 0)")
    parser.add_argument("--seed", type=int, help="this one alone")
    parser.add_argument("--trace", action="store_true", help="with what the host logs")
    options = parser.parse_args()
    if options.seed is not None:
        return _one(options.seed, is_traced=options.trace)
    good: list[Outcome] = []
    broken: list[Broken] = []
    for outcome in swarm(options.first, options.seeds):
        if isinstance(outcome, Broken):
            broken.append(outcome)
            print(outcome, flush=True)
        else:
            good.append(outcome)
        done = len(good) + len(broken)
        if done % EACH == 0:
            print(f"{done} of {options.seeds} seeds, {len(broken)} broken", flush=True)
    print(summary(good))
    return 1 if broken else 0


def _one(seed: int, *, is_traced: bool) -> int:
    if is_traced:
        world = World(seed)
        print("nodes:", [(n.device[:8], n.character, n.account) for n in world.nodes])
        world.host.trace = lambda line: print(f"{world.clock.seconds:9.3f}  {line}")
        world.run()
        return 0
    outcome = run_seed(seed)
    print(outcome if isinstance(outcome, Broken) else summary([outcome]))
    return 1 if isinstance(outcome, Broken) else 0


if __name__ == "__main__":
    sys.exit(main())
