"""PoolState: the pool that this node is a member of, as its faces show it; None while it has none.

Counts and amounts, never content. Amounts are micros; times are those of NodeState. What the host
said (balance, why idle) is as of its last word; what was earned and spent today is by this node's
own books.
"""

from collections.abc import Mapping
from typing import Literal, final

import msgspec

from app.core.state.engine_life import Picture

LinkLife = Literal["connecting", "connected", "waiting", "refused"]
"""connecting: a socket is being opened. connected: the session stands. waiting: the socket was
lost, and it is tried again at `retry_at`. refused: the host said no and not to come back."""


@final
class PoolState(Picture, frozen=True, kw_only=True):
    """One membership."""

    pool: str
    """The host's key."""
    name: str = ""
    """What the host calls the pool."""
    address: str = ""
    account: str = ""
    link: LinkLife = "connecting"
    since: float = 0.0
    """Of this life of the link."""
    trouble: str = ""
    """Why it is not connected, in a sentence."""
    remedy: str = ""
    retry_at: float | None = None
    offered: tuple[str, ...] = ()
    """Names of the models that are lent now."""
    guests: int = 0
    """Jobs of others under way."""
    spending: int = 0
    """Requests of ours under way in the pool."""
    balance: int = 0
    held: int = 0
    fee_percent: int = 0
    earned_today: int = 0
    spent_today: int = 0
    jobs_today: int = 0
    joules_today: float = 0.0
    is_power_known: bool = False
    """The driver tells the power of the GPU, so energy is measured."""
    skipped: Mapping[str, int] = msgspec.field(default_factory=dict)
    """Reason -> jobs that this node could have done and did not get, since the last one it got."""
    paused: str = ""
    """Why the host gives it no work at all; "" when it does."""
    strikes: Mapping[str, int] = msgspec.field(default_factory=dict)
    """What the host holds against this node, in its words -> how often; enough of it is a pause."""
    is_host_leaving: bool = False
    """The host said that it is about to stop; it takes no new requests."""
    is_capped: bool = False
    """The earnings of today reached the owner's cap."""
    unacknowledged: int = 0
    """Receipts that the host has not counter-signed yet."""
    disputes: int = 0
    """Entries of the host's books that do not agree with our own."""
