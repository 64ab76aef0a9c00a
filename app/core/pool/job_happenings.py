"""Happenings: everything that can befall a job. Frames of a worker come as they were on the wire.

A happening that is late, doubled or of an attempt that was abandoned is ignored: the shell need not
sift. Only a happening that no honest peer could cause is a fault, and then it is the worker's.
"""

from typing import final

import msgspec

from app.core.base.ids import DeviceId
from app.core.base.units import Micros
from app.core.pool.job import Counted, Placement
from app.wire.message import Private
from app.wire.pool import Accepted, Chunk, Finished, Rejected

# --- from the books ------------------------------------------------------------------------------


@final
class HoldGranted(msgspec.Struct, frozen=True, kw_only=True):
    """`Reserve` or `ExtendHold` number `window` is in the books."""

    window: int
    amount: Micros


@final
class HoldRefused(msgspec.Struct, frozen=True, kw_only=True):
    """The balance does not cover it."""

    window: int
    available: Micros


@final
class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """`Record` is in the books."""

    attempt: int


@final
class SettleDone(msgspec.Struct, frozen=True, kw_only=True):
    """`Settle` is in the books, or was already."""

    cost: Micros
    """What the caller paid for the whole job."""


@final
class SettleFailed(msgspec.Struct, frozen=True, kw_only=True):
    """The books could not be written (disk full, busy); it is tried again."""


# --- from dispatch -------------------------------------------------------------------------------


@final
class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The queue gave the job its turn, and dispatch a worker."""

    placement: Placement


@final
class Unplaceable(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody in the pool could do it, or not in time; it left the queue."""

    message: str
    """With what would work: see core/pool/dispatch."""


# --- from the worker -----------------------------------------------------------------------------


@final
class Heard(Private, frozen=True, kw_only=True):
    """A frame of a worker, in the order in which it was sent."""

    worker: DeviceId
    frame: Accepted | Rejected | Chunk | Finished


@final
class WorkerGone(msgspec.Struct, frozen=True, kw_only=True):
    """The worker's session ended: its grace is over, or it came back as a new process."""

    worker: DeviceId


# --- from the caller -----------------------------------------------------------------------------


@final
class CallerLeft(msgspec.Struct, frozen=True, kw_only=True):
    """The client cancelled or its connection closed."""


@final
class CallerCounted(msgspec.Struct, frozen=True, kw_only=True):
    """The asking node's own count of a sealed answer: the host could not count."""

    counted: Counted


# --- from elsewhere ------------------------------------------------------------------------------


@final
class Measured(msgspec.Struct, frozen=True, kw_only=True):
    """`Measure` of an attempt; None where counting failed: then the ids are the count."""

    attempt: int
    counted: Counted | None


@final
class HostStopping(msgspec.Struct, frozen=True, kw_only=True):
    """The host drains: what runs is stopped, and paid as far as it was delivered."""


@final
class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """It is `due_at`, or somewhat later. May come at any time and often."""


Happening = (
    HoldGranted
    | HoldRefused
    | Recorded
    | SettleDone
    | SettleFailed
    | Placed
    | Unplaceable
    | Heard
    | WorkerGone
    | CallerLeft
    | CallerCounted
    | Measured
    | HostStopping
    | Tick
)
