"""Effects: what a job wants done. The shell carries them out in order and decides nothing.

Each names what its answer is. One without an answer may be lost with the host: the books and the
workers' receipts say what is owed then (core/pool/job_recovery).
"""

from typing import Literal, final

import msgspec

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import Micros, Microseconds
from app.core.pool.job import Attempt, AttemptEnd, Ending, JobRequest
from app.wire.engine import Begun, Delta, Embed, Embedded, Ended, Generate, Part, Progress
from app.wire.message import Private
from app.wire.pool import CancelJob, Offer, Sealed

AnswerEvent = Begun | Progress | Delta | Ended | Embedded

# --- books ---------------------------------------------------------------------------------------


@final
class Reserve(msgspec.Struct, frozen=True, kw_only=True):
    """Hold this much of the account, under the job's id. -> HoldGranted | HoldRefused, window 0."""

    job: JobId
    account: AccountId
    amount: Micros
    expires_at: Microseconds
    """Past it the sweeper releases the hold if nobody settled it."""


@final
class ExtendHold(msgspec.Struct, frozen=True, kw_only=True):
    """Hold so much more. -> HoldGranted | HoldRefused of the same window."""

    job: JobId
    window: int
    amount: Micros
    expires_at: Microseconds


@final
class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Write down that this worker is asked from token `first` on. -> Recorded.

    Nothing of the attempt is delivered before it is in the books, so that a worker whose host died
    can be paid for what a caller has seen.
    """

    job: JobId
    attempt: int
    worker: DeviceId
    account: AccountId
    sha256: str
    first: int
    is_own: bool


@final
class Settle(Private, frozen=True, kw_only=True):
    """Pay what is owed and release the rest of the hold. -> SettleDone | SettleFailed.

    `attempts` are those that computed something, in order; every one has its end and its counts.
    """

    job: JobId
    request: JobRequest
    ending: Ending
    attempts: tuple[Attempt, ...]


# --- dispatch ------------------------------------------------------------------------------------


@final
class FindWorker(Private, frozen=True, kw_only=True):
    """Put the job in line. -> Placed | Unplaceable."""

    request: JobRequest
    sha256: str
    """"" while any candidate will do."""
    answered: int
    """Tokens that are delivered already: they are to be computed as prompt."""
    avoided: frozenset[DeviceId]
    is_free_only: bool
    """Nothing is held: only the account's own devices may do it."""


@final
class LeaveQueue(msgspec.Struct, frozen=True, kw_only=True):
    """Take the job out of the line, if it is there."""

    job: JobId


@final
class Observe(msgspec.Struct, frozen=True, kw_only=True):
    """How an attempt went, for speeds and standing. Zeros where it was not seen."""

    worker: DeviceId
    sha256: str
    end: AttemptEnd
    why: str
    """Word of the fault, of the rejection or of core/base/errors."""
    prompt_tokens: int
    """Computed before the first token: those answered by others too."""
    first_milliseconds: float
    """From `Accepted` to the first token."""
    tokens: int
    decode_milliseconds: float
    """From the first token to the last."""
    is_cold: bool
    agrees: bool = True


# --- worker --------------------------------------------------------------------------------------


@final
class SendOffer(Private, frozen=True, kw_only=True):
    """-> Heard(Accepted | Rejected), or Tick when it keeps silent."""

    worker: DeviceId
    offer: Offer


@final
class CancelAttempt(msgspec.Struct, frozen=True, kw_only=True):
    """The worker is to stop. -> Heard(Finished), or Tick."""

    worker: DeviceId
    cancel: CancelJob


# --- caller --------------------------------------------------------------------------------------


@final
class Deliver(Private, frozen=True, kw_only=True):
    """Events of the answer, in order, each once. A sealed chunk is passed on as it came."""

    job: JobId
    events: tuple[AnswerEvent, ...] = ()
    sealed: Sealed | None = None


@final
class End(msgspec.Struct, frozen=True, kw_only=True):
    """The last that the caller hears, after the money is in the books."""

    job: JobId
    ending: Ending
    prompt_tokens: int
    cached_tokens: int
    answer_tokens: int
    reasoning_tokens: int
    cost: Micros | None
    """None while the books cannot be written."""
    served_by: str
    attempts: int
    kind: str = ""
    """Word of core/base/errors; "" where the answer is whole."""
    message: str = ""
    retry_after_seconds: float = 0.0
    available: Micros | None = None
    """Of the balance, where it was short."""


# --- elsewhere -----------------------------------------------------------------------------------


@final
class MeasureAttempt(Private, frozen=True, kw_only=True):
    """Count by the model's own vocabulary. -> Measured."""

    job: JobId
    attempt: int
    sha256: str
    body: Generate | Embed
    """With `answered` as the attempt had it."""
    tokens: tuple[int, ...]
    parts: tuple[Part, ...]


@final
class Countersign(Private, frozen=True, kw_only=True):
    """Put the settled attempt on the chain and send the verdict to its worker."""

    job: JobId
    attempt: Attempt


@final
class ArmTimer(msgspec.Struct, frozen=True, kw_only=True):
    """-> Tick at that time or later. Replaces the one before."""

    job: JobId
    at: Microseconds


@final
class Log(msgspec.Struct, frozen=True, kw_only=True):
    """One line without content."""

    job: JobId
    message: Literal["job placed", "attempt ended", "job ended", "hold refused"]
    fields: dict[str, str | int | float]


Effect = (
    Reserve
    | ExtendHold
    | Record
    | Settle
    | FindWorker
    | LeaveQueue
    | Observe
    | SendOffer
    | CancelAttempt
    | Deliver
    | End
    | MeasureAttempt
    | Countersign
    | ArmTimer
    | Log
)
