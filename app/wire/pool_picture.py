"""The pool of this node as its faces show it: a part of NodePicture, light to import."""

from typing import Literal

import msgspec

LinkLife = Literal["connecting", "connected", "waiting", "refused"]


class PoolMessage(msgspec.Struct, frozen=True, kw_only=True):
    """Base of the pool's part of the local API. Defaults are written out: scripts read this."""


class SkippedPicture(PoolMessage, frozen=True, kw_only=True):
    """Jobs that this node could have done and did not get."""

    reason: str
    words: str
    jobs: int


class PoolPicture(PoolMessage, frozen=True, kw_only=True):
    """The pool of this node. `is_member` is False while none is joined; the rest says nothing."""

    is_member: bool = False
    pool: str = ""
    """The host's key."""
    name: str = ""
    address: str = ""
    account: str = ""
    link: LinkLife = "connecting"
    link_summary: str = ""
    """One line: "connected to Club"."""
    work_summary: str = ""
    """What is computed for others, or why nothing is."""
    lent_summary: str = ""
    """Such as: Lent: qwen3-8b. Or: Lent once lending is on: qwen3-8b."""
    today_summary: str = ""
    """Such as: Today: 2.5 credits earned · 0.8 kWh."""
    trouble: str = ""
    remedy: str = ""
    retry_at: float | None = None
    device: str = ""
    """This node's key, by which the host knows it."""
    offered: tuple[str, ...] = ()
    guests: int = 0
    spending: int = 0
    """Requests of ours that the pool answers now."""
    balance: int = 0
    held: int = 0
    fee_percent: int = 0
    earned_today: int = 0
    spent_today: int = 0
    jobs_today: int = 0
    kilowatt_hours_today: float | None = None
    """None where the driver does not tell the power."""
    skipped: tuple[SkippedPicture, ...] = ()
    strikes: tuple[str, ...] = ()
    """What the host holds against this machine, such as: 2 x counts above what was delivered."""
    unacknowledged: int = 0
    disputes: int = 0
