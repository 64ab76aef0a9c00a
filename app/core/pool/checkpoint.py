"""Checkpoint: the head of the host's chain of verdicts, signed, the same to every node.

A node sees only the verdicts on its own work, so by itself it cannot tell whether others are shown
another chain. Checkpoints are a chain too: each has a number and names the one before. Every node
keeps those that it saw and says the last one in its heartbeats; two nodes that compare theirs find
a fork as soon as they have one number, or one count of verdicts, in common, or one after another.
What they find is a proof: two statements by the same key that cannot both be true.
"""

import itertools
from collections.abc import Iterable, Sequence
from typing import Final, final

import msgspec

from app.core.base.ids import PoolId
from app.core.base.units import Microseconds
from app.core.pool.keys import Verifier
from app.core.pool.signed import Form, SignedBytes


@final
class CheckpointBody(msgspec.Struct, frozen=True, kw_only=True):
    """How the host's chain stood at a moment."""

    pool: PoolId
    number: int
    """Of the checkpoint, from 0 without a gap."""
    previous: bytes
    """SHA-256 of the checkpoint before it; empty in the first."""
    count: int
    """Verdicts in the chain."""
    head: bytes
    """SHA-256 of the last of them; empty while there is none."""
    at: Microseconds


CHECKPOINT: Final = Form("checkpoint 1", CheckpointBody)


@final
class Fork(msgspec.Struct, frozen=True, kw_only=True):
    """Two statements of one pool's key that contradict each other."""

    one: SignedBytes
    other: SignedBytes
    message: str


def read_checkpoint(signed: SignedBytes, pool: PoolId, verify: Verifier) -> CheckpointBody | None:
    """The checkpoint, where this pool signed exactly these bytes; else None."""
    found = CHECKPOINT.read_signed(signed, pool, verify)
    return found if found is not None and found.pool == pool else None


def find_fork(
    mine: Iterable[SignedBytes], theirs: Iterable[SignedBytes], *, pool: PoolId, verify: Verifier
) -> Fork | None:
    """The first contradiction among the checkpoints of two nodes; None where both fit one chain.

    What the pool's key has not signed proves nothing and is passed over.
    """
    read = [
        (body, signed)
        for signed in dict.fromkeys((*mine, *theirs))
        if (body := read_checkpoint(signed, pool, verify)) is not None
    ]
    read.sort(key=lambda one: (one[0].number, one[0].count))
    for (one, first), (other, second) in itertools.pairwise(read):
        message = _contradiction(one, first, other, second)
        if message:
            return Fork(one=first, other=second, message=message)
    return None


def _contradiction(
    one: CheckpointBody, first: SignedBytes, other: CheckpointBody, second: SignedBytes
) -> str:
    """Of two neighbours by number; "" when one chain can hold both."""
    if one.number == other.number:
        same = first.body == second.body
        return "" if same else f"there are two checkpoints of number {one.number}"
    if other.count < one.count:
        return f"the chain had {one.count} verdicts, and later {other.count}"
    if other.count == one.count and other.head != one.head:
        return f"there are two verdicts of number {one.count - 1}"
    if other.number == one.number + 1 and other.previous != first.hash:
        return f"checkpoint {other.number} does not follow the one before it"
    return ""


def heads_of(
    checkpoints: Sequence[SignedBytes], pool: PoolId, verify: Verifier
) -> dict[int, bytes]:
    """Count of verdicts -> hash of the last of them, by the checkpoints that hold."""
    read = (read_checkpoint(signed, pool, verify) for signed in checkpoints)
    return {body.count: body.head for body in read if body is not None and body.count > 0}
