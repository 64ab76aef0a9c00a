"""CheckpointWatch: whether what members were told of the chain is what the host knows of it.

Every member shows its last checkpoint in its heartbeats. One that this host signed and does not
know means that its files were put back to an older copy, or that its key is used elsewhere: what
was booked since then is missing here, and going on would tell the members two stories.
"""

from collections.abc import Iterable
from typing import Final, final

from app.core.base.ids import PoolId
from app.core.pool.checkpoint import read_checkpoint
from app.core.pool.keys import Verifier
from app.core.pool.signed import SignedBytes, split_signed

REMEMBERED: Final = 4096
"""Shown checkpoints that were looked at and fit, so that each is verified once."""


@final
class CheckpointWatch:
    """All checkpoints of a host by number. Changed by `swear` alone."""

    def __init__(self, own: Iterable[SignedBytes], *, pool: PoolId, verify: Verifier) -> None:
        self._pool, self._verify = pool, verify
        self._own: dict[int, bytes] = {}
        self._fitting: set[bytes] = set()
        for number, signed in enumerate(own):
            self.swear(number, signed)

    def swear(self, number: int, signed: SignedBytes) -> None:
        """One more of our own."""
        self._own[number] = signed.hash
        self._fit(signed.joined)

    def contradiction(self, shown: bytes) -> str:
        """Why a checkpoint that a member shows cannot be ours, one sentence; "" when it is, or when
        it is none that our key signed: anybody can show anything.
        """
        if not shown or shown in self._fitting:
            return ""
        signed = split_signed(shown)
        body = read_checkpoint(signed, self._pool, self._verify)
        if body is None:
            return ""
        own = self._own.get(body.number)
        if own is None:
            return (
                f"a member saw checkpoint {body.number} over {body.count} receipts, which this "
                "host does not have: its files are an older copy, or its key is used elsewhere"
            )
        if own != signed.hash:
            return f"a member saw another checkpoint {body.number} than the one of this host"
        self._fit(shown)
        return ""

    def _fit(self, joined: bytes) -> None:
        if len(self._fitting) >= REMEMBERED:
            self._fitting.clear()
        self._fitting.add(joined)
