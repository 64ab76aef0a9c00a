"""Who signs two histories is found out by the others, by what they are told and nothing else.

`checks.py` sees every disk, so it would see a fork at once. Here nobody looks but host and nodes.
"""

from collections.abc import Callable, Iterator

import pytest

from app.core.pool.checkpoint import find_fork
from app.core.pool.signed import SignedBytes
from tests.sim.clock import SECOND
from tests.sim.planted import ComesBackOlder, ForksItsChain, RewritesReceipts, TellsTwoStories
from tests.sim.signatures import verify
from tests.sim.world import RULES, Cast, World

UNTIL = 60 * SECOND
SEEDS = range(4000, 4040)


def worlds(cast: Cast) -> Iterator[World]:
    """Some, each at its end; nothing was looked at."""
    for seed in SEEDS:
        world = World(seed, RULES, cast)
        while world.clock.now < UNTIL and world.clock.step():
            pass
        yield world


def disputes(world: World) -> str:
    """What the nodes that are up have against the host."""
    return " ".join(words for node in world.nodes for words in node.chain.disputes)


def doubts(world: World) -> str:
    """What the host has against itself, since members were told otherwise."""
    return " ".join(world.host.doubts)


def forked(world: World) -> str:
    """The devices whose receipts the host did not take."""
    return " ".join(f"forked by {device}" for device in world.host.forks)


@pytest.mark.parametrize(
    ("cast", "heard", "words"),
    [
        (Cast(host=TellsTwoStories), disputes, "told another node another story"),
        (Cast(host=TellsTwoStories), doubts, "a member saw another checkpoint"),
        (Cast(host=RewritesReceipts), disputes, "another receipt than the one that was sent"),
        (Cast(host=ComesBackOlder), doubts, "which this host does not have"),
        (Cast(host=ComesBackOlder), disputes, "the host told two stories"),
        (Cast(node=ForksItsChain), forked, "forked by"),
    ],
)
def test_a_fork_is_found_by_those_who_were_told(
    cast: Cast, heard: Callable[[World], str], words: str
) -> None:
    found = (words in heard(world) for world in worlds(cast))

    assert any(found), f"nobody said {words}"


def test_honest_hosts_and_nodes_have_nothing_against_each_other() -> None:
    for world in worlds(Cast()):
        honest = [node for node in world.nodes if node.character == "honest"]

        assert not doubts(world)
        assert not [words for node in honest for words in node.chain.disputes]
        assert not {node.device for node in honest} & set(world.host.forks)


def test_any_two_nodes_that_were_told_two_stories_hold_a_proof_of_it() -> None:
    proofs = 0
    for world in worlds(Cast(host=TellsTwoStories)):
        told: dict[int, list[SignedBytes]] = {0: [], 1: []}
        for node in world.nodes:
            told[int(node.device, 16) % 2] += node.disk.checkpoints
        if not (told[0] and told[1]):
            continue

        fork = find_fork(told[0], told[1], pool=world.host.key.pool, verify=verify)

        assert fork is not None
        assert verify(world.host.key.pool, fork.one.signature, fork.one.body)
        assert verify(world.host.key.pool, fork.other.signature, fork.other.body)
        proofs += 1
    assert proofs > 5
