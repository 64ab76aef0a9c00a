"""Effects: what a job wants done. The shell carries them out in order and decides nothing.

Each names what its answer is. One without an answer may be lost with the host: the books and the
workers' receipts say what is owed then (`recovery`).
"""

from typing import Literal, final

import msgspec

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import Micros, Microseconds
from app.core.ledger.commands import EventId, Extend, Reserve, Settle, Void
from app.core.ledger.pricing import Prices, Shares
from app.core.ledger.settlement import Line
from app.core.pool.jobs.job import (
    AnswerEvent,
    Attempt,
    AttemptEnd,
    Counted,
    Ending,
    JobRequest,
)
from app.wire.engine import Measure
from app.wire.message import Private
from app.wire.pool import CancelJob, Offer, Sealed

# --- books ---------------------------------------------------------------------------------------


@final
class Book(msgspec.Struct, frozen=True, kw_only=True):
    """Put this into the books, durably. -> Booked | BooksFailed of the command's id."""

    command: Reserve | Extend | Settle | Void


@final
class Record(msgspec.Struct, frozen=True, kw_only=True):
    """Write down, durably, that this worker is asked from token `first` on. -> Recorded.

    It is all that `recovery` needs to pay the worker when the host died meanwhile; to be kept until
    the hold is over.

    Nothing of the attempt is delivered before it is written, so that a worker whose host died can
    be paid for what a caller has seen. The offer need not wait for it.
    """

    id: EventId
    job: JobId
    attempt: int
    worker: DeviceId
    account: AccountId
    sha256: str
    first: int
    payer: AccountId
    prices: Prices
    shares: Shares
    prompt_tokens: int
    """By the host's own count; of a sealed job as many as its bytes allow."""
    is_embedding: bool = False
    """The prompt is all the work, so an answer of no tokens is paid."""


# --- dispatch ------------------------------------------------------------------------------------


@final
class FindWorker(Private, frozen=True, kw_only=True):
    """Put the job in line. -> Placed | Unplaceable."""

    request: JobRequest
    sha256: str
    """"" while any candidate will do."""
    answered: int
    """Tokens that are delivered already: they are to be computed as prompt. Such a job, and one
    that was rejected, goes before all that wait: it has waited already."""
    attempts: int
    avoided: frozenset[DeviceId]
    is_free: bool
    """Nothing is held: only the account's own devices may do it."""
    is_refused: bool = False
    """A machine called it a mistake: another is waited for only while it is at work on others."""


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
    """Read before the first token: those answered by others too."""
    first_milliseconds: float
    """From `Accepted` to the first token."""
    tokens: int
    decode_milliseconds: float
    """From the first token to the last."""
    is_cold: bool
    retry_after_seconds: float = 0.0
    """Of a rejection."""
    is_own: bool = False
    """By a device of the payer's own account, which may answer itself as fast as it likes."""


@final
class ObserveCount(msgspec.Struct, frozen=True, kw_only=True):
    """How a worker's words compare with what came of it: what standing strikes for."""

    worker: DeviceId
    sha256: str
    differs: str
    """Of `Counted`."""
    delivered: int
    reported: int | None


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
    events: tuple[AnswerEvent | Sealed, ...]


@final
class End(msgspec.Struct, frozen=True, kw_only=True):
    """The last that the caller hears, after the money is in the books. Where those cannot be
    written for long it comes before, without its cost, and once more with it.

    Its counts are those of the settlement, by which verdicts and the charge are made: the smallest
    that anybody has of each token. The account's own devices are counted alike, and cost nothing.
    """

    job: JobId
    ending: Ending
    prompt_tokens: int
    """0 where nobody is paid for it: nothing was computed, or whoever read it has vanished."""
    cached_tokens: int
    answer_tokens: int
    delivered_tokens: int
    """As they came, each once: how long the answer was, for what the next one may be."""
    cost: Micros | None
    """None while the books cannot be written; then another `End` follows."""
    served_by: str
    """Name of the last worker that delivered."""
    sha256: str
    attempts: int
    kind: str = ""
    """Word of core/base/errors; "" where the answer is whole, or ends in "length"."""
    message: str = ""
    available: Micros | None = None
    """Of the balance, or of what limits and `cost_max` allow, where that was short."""
    needed: Micros | None = None
    retry_after_seconds: float = 0.0


# --- elsewhere -----------------------------------------------------------------------------------


@final
class MeasureAttempt(Private, frozen=True, kw_only=True):
    """Count by the model's own vocabulary. -> MeasureDone."""

    job: JobId
    attempt: int
    sha256: str
    measure: Measure


@final
class Countersign(Private, frozen=True, kw_only=True):
    """Put the settled attempt on the chain of verdicts and send the verdict to its worker.

    Wanted for attempts with a receipt. One that comes later is answered by what the books say.
    """

    request: JobRequest
    attempt: Attempt
    line: Line
    ending: Ending
    caller_counted: Counted | None
    """Of a sealed job, where its caller counted."""


@final
class ArmTimer(msgspec.Struct, frozen=True, kw_only=True):
    """-> Tick at that time or later. Replaces the one before."""

    job: JobId
    at: Microseconds


@final
class Log(msgspec.Struct, frozen=True, kw_only=True):
    """One line without content."""

    job: JobId
    message: Literal[
        "job placed", "attempt ended", "hold refused", "settlement refused", "job ended"
    ]
    fields: dict[str, str | int | float]


Effect = (
    Book
    | Record
    | FindWorker
    | LeaveQueue
    | Observe
    | ObserveCount
    | SendOffer
    | CancelAttempt
    | Deliver
    | End
    | MeasureAttempt
    | Countersign
    | ArmTimer
    | Log
)
