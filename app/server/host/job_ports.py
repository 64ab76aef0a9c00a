"""Ports of jobs: what requests and their jobs need of the rest of the host, and no more."""

from collections.abc import Callable
from typing import Protocol

from app.core.base.errors import EngineFailed
from app.core.base.ids import DeviceId, JobId
from app.core.base.units import Micros, Microseconds
from app.core.ledger.commands import Extend, Reserve, Settle, Void
from app.core.ledger.result import Outcome
from app.core.ledger.work import Reported
from app.core.pool.jobs.effects import (
    Countersign,
    End,
    MeasureAttempt,
    Observe,
    ObserveCount,
    Record,
)
from app.core.pool.jobs.job import AnswerEvent, Counted, Job
from app.server.host.bugs import INTERNAL
from app.wire.engine import ApplyTemplate, Detokenize, Embed, Generate, Text, Tokenize, Tokens
from app.wire.message import Message
from app.wire.pool import Finished, Sealed

Tell = Callable[[DeviceId, Message], bool]
"""Sends a frame to a member; False when it has no session, and of what is too large."""


class Listener(Protocol):
    """Who waits for an answer: a client's stream, or a member that asked."""

    def deliver(self, events: tuple[AnswerEvent | Sealed, ...]) -> None:
        """Events in order, each once. Must return at once."""

    def end(self, end: End) -> None:
        """The last that is heard: once, or once more where its cost was not known at first."""


class JobCaller(Listener, Protocol):
    """The same, with the limits of who pays."""

    def may_hold(self, amount: Micros) -> Micros:
        """How much of so much more the caller's limits let be held; it counts from now on."""

    def not_held(self, amount: Micros) -> None:
        """So much of it was not held after all: it serves what is held next."""


class Bookkeeping(Protocol):
    """The books (server/storage/books)."""

    async def submit(self, command: Reserve | Extend | Settle | Void) -> Outcome:
        """What came of it, durably. Raises: DatabaseUnusable, DiskFull, Busy."""


class Attempts(Protocol):
    """Which workers were asked (server/storage/attempts)."""

    async def record(self, record: Record, at: Microseconds) -> None:
        """Written durably. Raises: Unwritable."""

    def forget(self, job: JobId) -> None:
        """The job's hold is over."""


class Counter(Protocol):
    """The models' own vocabularies (server/host/counting)."""

    async def measure(self, effect: MeasureAttempt) -> Counted | None:
        """What the attempt counts; None where it cannot be counted."""


class Vocabularies(Protocol):
    """Counting by the models' own templates and vocabularies (server/host/counting)."""

    async def prompt_tokens(self, sha256: str, work: Generate | Embed) -> int:
        """Tokens of the prompt. Raises: what the engine would refuse it with."""

    async def ask(
        self, sha256: str, question: Tokenize | Detokenize | ApplyTemplate
    ) -> Tokens | Text:
        """The one answer. Raises: what the engine would refuse it with."""


class Verdicts(Protocol):
    """The chain of receipts (server/host/verdicts)."""

    def reported(self, worker: DeviceId, finished: Finished) -> Reported | None:
        """What the receipt says, if signature and place in the worker's chain are right."""

    async def countersign(self, effect: Countersign, charged: Micros) -> None:
        """On the chain, and sent to the worker."""


class Ears(Protocol):
    """Who else wants to know how jobs go (usage, standing)."""

    def observed(self, effect: Observe | ObserveCount, job: JobId) -> None:
        """An attempt's end, or how its count compares."""

    def ended(self, job: Job) -> None:
        """A job is over, with all its money."""


def broken_end(job: Job) -> End:
    """What a caller is told whose job a bug has ended: it costs nothing."""
    return End(
        job=job.request.job,
        ending="failed",
        prompt_tokens=0,
        cached_tokens=0,
        answer_tokens=0,
        delivered_tokens=job.delivered,
        cost=Micros(0),
        served_by="",
        sha256="",
        attempts=len(job.attempts),
        kind=EngineFailed.kind,
        message=INTERNAL,
    )
