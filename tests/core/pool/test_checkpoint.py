"""Two nodes that compare checkpoints find a host that shows them two chains."""

import pytest

from app.core.pool.checkpoint import find_fork
from app.core.pool.signed import SignedBytes
from app.server.identity.keys import verify
from tests.core.pool.chains import (
    POOL,
    checkpoints,
    flipped,
    receipts,
    signed,
    verdicts,
)
from tests.core.pool.session_pair import pool_key

RECEIPTS = receipts(8)
CHAIN = verdicts(RECEIPTS)
OTHER = [*CHAIN[:4], *verdicts(RECEIPTS, charged=999)[4:]]
"""The same to its fourth verdict, and another story from there on."""


def fork_of(mine: list[SignedBytes], theirs: list[SignedBytes]):
    return find_fork(mine, theirs, pool=POOL.pool, verify=verify)


def test_two_nodes_that_saw_one_chain_find_nothing() -> None:
    seen = checkpoints(CHAIN, [0, 2, 4, 4, 8])

    assert fork_of(seen, seen) is None
    assert fork_of(seen[::2], seen[1::2]) is None
    assert fork_of(seen, []) is None


FORKS = {
    "one number, two bodies": ([2, 6], [2, 7]),
    "one count, two heads": ([2, 4, 6], [2, 6]),
    "the last of each": ([2, 8], [2, 8]),
}


@pytest.mark.parametrize(("mine", "theirs"), FORKS.values(), ids=FORKS.keys())
def test_two_nodes_that_compare_find_a_fork_and_hold_its_proof(mine, theirs) -> None:
    mine, theirs = checkpoints(CHAIN, mine), checkpoints(OTHER, theirs)

    fork = fork_of(mine, theirs)

    assert fork is not None
    assert fork.message
    for statement in (fork.one, fork.other):
        assert verify(POOL.pool, statement.signature, statement.body)
    assert fork.one != fork.other
    again = fork_of([fork.one], [fork.other])
    assert again is not None and again.message == fork.message


def test_the_last_checkpoints_alone_show_a_fork_when_they_have_one_number() -> None:
    assert fork_of(checkpoints(CHAIN, [2, 8])[-1:], checkpoints(OTHER, [2, 7])[-1:])


def test_checkpoints_after_one_another_must_follow() -> None:
    mine = checkpoints(CHAIN, [2, 4, 6])
    theirs = checkpoints(OTHER, [2, 5, 7, 8])

    fork = fork_of(mine[1:2], theirs[2:3])

    assert fork is not None
    assert "does not follow" in fork.message


def test_two_heads_of_one_count_are_a_fork_whatever_their_numbers() -> None:
    mine = checkpoints(CHAIN, [2, 4, 5, 6])[3:]
    theirs = checkpoints(OTHER, [2, 6])[1:]

    fork = fork_of(mine, theirs)

    assert fork is not None
    assert fork.message == "there are two verdicts of number 5"


def test_a_chain_that_became_shorter_is_a_fork() -> None:
    # The host was put back to an old copy of its books.
    later = checkpoints(CHAIN, [2, 4, 8])
    fork = fork_of(later, checkpoints(CHAIN, [2, 4, 6, 7])[3:])

    assert fork is not None
    assert fork.message == "the chain had 8 verdicts, and later 7"


def test_what_the_pool_did_not_sign_proves_nothing() -> None:
    mine = checkpoints(CHAIN, [2, 6])
    theirs = checkpoints(OTHER, [2, 7])
    forged = [signed(one.body, pool_key(9)) for one in theirs]
    altered = [SignedBytes(flipped(one.body, 400), one.signature) for one in theirs]

    assert fork_of(mine, forged) is None
    assert fork_of(mine, altered) is None
