"""Happenings: everything that can befall a job. Frames of a worker come as they were on the wire.

A happening that is late, doubled or of an attempt that was abandoned is ignored: the shell need not
sift. Only what no honest peer could cause is a fault, and then it is the worker's.
"""

from typing import final

import msgspec

from app.core.base.ids import DeviceId
from app.core.ledger.commands import EventId
from app.core.ledger.result import Outcome
from app.core.ledger.work import Reported
from app.core.pool.jobs.job import Counted, Placement
from app.wire.message import Private
from app.wire.pool import Accepted, Chunk, Finished, Rejected

# --- from the books ------------------------------------------------------------------------------


@final
class Booked(msgspec.Struct, frozen=True, kw_only=True):
    """The answer to `Book`: what came of the command of that id."""

    command: EventId
    outcome: Outcome


@final
class BooksFailed(msgspec.Struct, frozen=True, kw_only=True):
    """`Book` or `Record` of that id could not be written (disk full, busy)."""

    command: EventId


@final
class Recorded(msgspec.Struct, frozen=True, kw_only=True):
    """`Record` of that id is in the books."""

    command: EventId


# --- from dispatch -------------------------------------------------------------------------------


@final
class Placed(msgspec.Struct, frozen=True, kw_only=True):
    """The queue gave the job its turn, and dispatch a worker."""

    placement: Placement


@final
class Unplaceable(msgspec.Struct, frozen=True, kw_only=True):
    """Nobody in the pool can do it; it left the queue, unless it waits for who soon may."""

    message: str
    """With what would work: see core/pool/dispatch."""
    is_waiting: bool = False
    """It stays in the queue: somebody has a slot, lends or answers again before long, perhaps."""
    retry_after_seconds: float = 0.0


# --- from the worker -----------------------------------------------------------------------------


@final
class Heard(Private, frozen=True, kw_only=True):
    """A frame of a worker, in the order in which it was sent."""

    worker: DeviceId
    frame: Accepted | Rejected | Chunk | Finished
    receipt: Reported | None = None
    """Of a `Finished`: what its receipt says, if its signature and its place in the worker's chain
    were verified."""


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
class MeasureDone(msgspec.Struct, frozen=True, kw_only=True):
    """`MeasureAttempt` is answered; None where counting failed: then the ids are the count."""

    attempt: int
    counted: Counted | None


@final
class HostStopping(msgspec.Struct, frozen=True, kw_only=True):
    """The host ends: what runs is stopped, and paid as far as it was delivered."""


@final
class Tick(msgspec.Struct, frozen=True, kw_only=True):
    """It is about the time that `ArmTimer` ordered. May come at any time and often."""


Happening = (
    Booked
    | BooksFailed
    | Recorded
    | Placed
    | Unplaceable
    | Heard
    | WorkerGone
    | CallerLeft
    | CallerCounted
    | MeasureDone
    | HostStopping
    | Tick
)
