"""Orphans: jobs of which only the disk knows, since the host died with them.

At the start every attempt that was recorded and not forgotten belongs to such a job. Its workers
come back with receipts, which their outboxes keep until they are countersigned; the hold is settled
from those receipts (core/pool/jobs/recovery). What nobody claims expires, and its payer has
everything back.

A receipt about a job that was settled in time is answered with the verdict that there is. One that
holds, of work that nobody recorded, gets a verdict too, of nothing: its worker keeps it until then.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Final, Protocol, final

from msgspec.structs import replace

from app.core.base.errors import Busy, DiskFull
from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.changes import Hold
from app.core.ledger.commands import AnyCommand, EventId, Settle, Void
from app.core.ledger.result import Outcome
from app.core.ledger.settlement import Line, Settlement
from app.core.ledger.work import End, Reported
from app.core.pool.jobs.effects import Record
from app.core.pool.jobs.recovery import Orphan, claim, due, is_claimable, orphan_of
from app.core.pool.limits import start_of
from app.core.pool.signed import SignedBytes, hash_of
from app.server.host.bugs import note_bug
from app.server.host.turns import Turns
from app.server.host.usage import Ended
from app.server.host.verdicts import Verdicts, Work
from app.server.storage.attempts import Attempts
from app.server.storage.database import DatabaseUnusable
from app.server.storage.receipts import Receipts
from app.wire.pool import Countersigned, Finished

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 10.0


class Books(Protocol):
    """The books (server/storage/books)."""

    async def submit(self, command: AnyCommand) -> Outcome:
        """What became of it. Raises: DatabaseUnusable, DiskFull, Busy."""

    async def hold(self, hold: EventId) -> Hold | None:
        """The hold of that id, ended or not."""

    async def paid(self, *holds: EventId) -> list[dict[int, Micros]]:
        """What each attempt earned when a hold was settled, for each hold."""

    async def charged(self, *holds: EventId) -> list[Micros]:
        """What each hold's account paid when it was settled."""


@final
@dataclass(slots=True, eq=False)
class _Left:
    """An orphan, with the receipts that claimed."""

    orphan: Orphan
    receipts: dict[int, SignedBytes]
    over: asyncio.Event = field(default_factory=asyncio.Event)
    """It is settled, or nobody can claim it any more."""


@final
class Orphans:
    """What is left of jobs. Used by one event loop, inside `running()`."""

    def __init__(
        self,
        *,
        books: Books,
        attempts: Attempts,
        receipts: Receipts,
        verdicts: Verdicts,
        account_of: Callable[[DeviceId], AccountId | None],
        report: Callable[[AccountId, Ended], Awaitable[None]],
        now: Callable[[], Microseconds],
        look_seconds: float = LOOK_SECONDS,
    ) -> None:
        """`account_of` says whose a member's device is; `report` gets what an account paid."""
        self._books, self._attempts = books, attempts
        self._receipts, self._verdicts = receipts, verdicts
        self._account_of, self._report, self._now = account_of, report, now
        self._look_seconds = look_seconds
        self._strange: Counter[DeviceId] = Counter()
        """Receipts of work that nobody recorded."""
        self._strange_since = 0
        """The beginning of the day in which they came."""
        self._left: dict[JobId, _Left] = {}
        self._turns = Turns[JobId]()
        """Receipts come while the books settle: those are answered by what was settled."""
        self._late: asyncio.Queue[tuple[DeviceId, Finished, Reported | None]] = asyncio.Queue()

    def __len__(self) -> int:
        return len(self._left)

    async def load(self) -> None:
        """What the disk says that was under way. Once, before any job begins."""
        for job, records in (await self._attempts.open()).items():
            hold = await self._books.hold(EventId(f"job/{job}"))
            if hold is None or hold.state not in ("open", "expired"):
                # Its money is where it belongs; a verdict may be owed, for a day, and perhaps the
                # host died before it wrote for what the account has paid.
                if hold is not None and hold.state == "posted":
                    (charge,) = await self._books.charged(hold.id)
                    known = Settlement(charge=charge, lines=(), postings=())
                    await self._tell_payer(records, known)
                if hold is None or not hold.is_claimable(self._now()):
                    self._attempts.forget(job)
                continue
            until = Microseconds(hold.ends_at + hold.claim)
            orphan = orphan_of(job, hold.granted, until, records)
            self._left[job] = _Left(orphan, {})
        if self._left:
            log.warning("jobs of an earlier run", extra={"jobs": len(self._left)})

    async def charge(self, job: JobId) -> Micros:
        """What the payer of a job of an earlier run paid; known when nobody can claim any more."""
        left = self._left.get(job)
        if left is not None:
            await left.over.wait()
        (charge,) = await self._books.charged(EventId(f"job/{job}"))
        return charge

    def heard(self, device: DeviceId, frame: Finished, reported: Reported | None) -> None:
        """A receipt about a job of which nothing runs here."""
        self._late.put_nowait((device, frame, reported))

    @asynccontextmanager
    async def running(self) -> AsyncGenerator[None, None]:
        """Claims are taken inside the block."""
        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(self._keep_hearing(), name="late receipts"),
                group.create_task(self._keep_settling(), name="orphans"),
            ]
            try:
                yield
            finally:
                for task in tasks:
                    task.cancel()

    async def _keep_hearing(self) -> None:
        while True:
            device, frame, reported = await self._late.get()
            try:
                if not await self._said_before(device, frame) and reported is not None:
                    await self._claim(device, frame, reported)
            except Exception as error:  # the root of one receipt: see CATCHES_ALL
                # Its worker keeps it, and shows it again in its next session.
                note_bug("a late receipt ended by a bug", error, job=frame.job)

    async def _keep_settling(self) -> None:
        while True:
            await asyncio.sleep(self._look_seconds)
            for job, left in list(self._left.items()):
                try:
                    await self._look_at(job, left)
                except Exception as error:  # the root of one orphan: see CATCHES_ALL
                    # The books take its settlement once, so it may be tried again.
                    note_bug("an orphan was not settled, by a bug", error, job=job)

    async def _look_at(self, job: JobId, left: _Left) -> None:
        async with self._turns.of(job):
            if left.over.is_set():
                return
            left.orphan, settlement = due(left.orphan, self._now())
            if settlement is not None:
                await self._settle(left, settlement)
            elif self._now() > left.orphan.claim_until:
                self._end(job)
                self._attempts.forget(job)

    async def _said_before(self, device: DeviceId, frame: Finished) -> bool:
        """Whether there is a verdict on this receipt, or on its attempt without any; it is told."""
        for stored in await self._receipts.of_job(frame.job):
            if stored.attempt == frame.attempt and stored.device == device:
                if stored.device_hash in (b"", hash_of(frame.receipt)):
                    self._verdicts.send(
                        device,
                        Countersigned(
                            job=frame.job,
                            attempt=frame.attempt,
                            verdict=stored.verdict,
                            signature=stored.signature,
                        ),
                    )
                return True
        return False

    async def _claim(self, device: DeviceId, frame: Finished, reported: Reported) -> None:
        async with self._turns.of(frame.job):
            left = self._left.get(frame.job)
            if left is None or not is_claimable(left.orphan, frame.attempt, device):
                await self.answer(device, frame)
                return
            left.receipts[frame.attempt] = SignedBytes(frame.receipt, frame.signature)
            left.orphan, settlement = claim(
                left.orphan, frame.attempt, device, reported, self._now()
            )
            if settlement is not None:
                await self._settle(left, settlement)

    async def answer(self, device: DeviceId, frame: Finished) -> None:
        """A receipt that holds, of an attempt that is over: the verdict says what it was paid."""
        hold = EventId(f"job/{frame.job}")
        records = await self._attempts.of_job(frame.job)
        asked = [record for record in records if record.attempt == frame.attempt]
        if not asked:
            await self._answer_stranger(device, frame)
            return
        (record,) = asked
        found = await self._books.hold(hold)
        if record.worker != device or found is None or found.state in ("open", "expired"):
            log.info("a receipt that nobody waits for", extra={"job": frame.job})
            return
        (paid,), (charge,) = await self._books.paid(hold), await self._books.charged(hold)
        earned = paid.get(record.attempt, _NOTHING)
        signed = SignedBytes(frame.receipt, frame.signature)
        line = Line(attempt=record.attempt, earned=earned)
        work = replace(_work(record, line, signed, is_paid=True), reason=_TOO_LATE_TO_COUNT)
        await self._verdicts.give(work, charge)

    async def _answer_stranger(self, device: DeviceId, frame: Finished) -> None:
        """Of work that nobody recorded: the host died as it asked, or has forgotten by now."""
        account, today = self._account_of(device), start_of("day", self._now())
        if today != self._strange_since:
            self._strange_since = today
            self._strange.clear()
        self._strange[device] += 1
        if account is None or self._strange[device] > _STRANGE_MAX:
            log.warning("a receipt of no work of this pool", extra={"device": device[:12]})
            return
        work = Work(
            job=frame.job,
            attempt=frame.attempt,
            payer=account,
            device=device,
            earner=account,
            receipt=SignedBytes(frame.receipt, frame.signature),
            line=Line(attempt=frame.attempt),
            ending=End.UNKNOWN.value,
            reason="the host has no record of this work, so nobody was charged for it",
        )
        await self._verdicts.give(work, _NOTHING)

    async def _settle(self, left: _Left, settlement: Settlement) -> None:
        """The money first, then a verdict for each attempt that claimed."""
        orphan = left.orphan
        hold = EventId(f"job/{orphan.job}")
        name, at = EventId(f"{hold}/late"), self._now()
        command: Settle | Void = (
            Settle(id=name, at=at, hold=hold, postings=settlement.postings)
            if settlement.postings
            else Void(id=name, at=at, hold=hold)
        )
        try:
            outcome = await self._books.submit(command)
        except (DatabaseUnusable, DiskFull, Busy):
            left.orphan = _later(orphan, at)
            return
        is_paid = outcome.result.is_in_books
        # A late claim takes what its payer still has, and of the rest the fund is the payer.
        charge = min(settlement.charge, outcome.amount) if is_paid else _NOTHING
        log.info(
            "an orphan is settled",
            extra={"job": orphan.job, "result": outcome.result.name, "charge": charge},
        )
        for record, line in zip(orphan.records, settlement.lines, strict=True):
            signed = left.receipts.get(record.attempt)
            if signed is not None:
                work = _work(record, line, signed, is_paid=is_paid)
                await self._verdicts.give(work, charge)
        if is_paid:
            await self._tell_payer(orphan.records, replace(settlement, charge=charge))
        self._end(orphan.job)
        # A receipt that comes later wants its verdict, which says what its attempt was paid here.
        if not is_paid or orphan.is_complete:
            self._attempts.forget(orphan.job)

    async def _tell_payer(self, records: tuple[Record, ...], settlement: Settlement) -> None:
        """A charge of which no row tells would be seen in the balance alone."""
        first = records[0]
        if not settlement.charge:
            return
        ended = Ended(
            job=first.job,
            model="",
            sha256=first.sha256,
            status=End.LATE.value,
            prompt=settlement.prompt_tokens,
            cached=settlement.cached_tokens,
            answer=settlement.answer_tokens,
            cost=settlement.charge,
            attempts=len(records),
        )
        await self._report(first.payer, ended)

    def _end(self, job: JobId) -> None:
        left = self._left.pop(job, None)
        if left is not None:
            left.over.set()


_NOTHING: Final = Micros(0)
_TOO_LATE_TO_COUNT: Final = "the job was paid before its receipt came; its counts are not kept"
_AGAIN: Final = 30 * SECOND
_STRANGE_MAX: Final = 256
"""Of one device in a day: each has a place on the chain for ever, and an honest one has but those
that were under way when the host died, and those that were lost and not paid. What is more waits in
its outbox for the next day."""


def _later(orphan: Orphan, now: Microseconds) -> Orphan:
    """The books could not be written: the same again in a while."""
    return replace(orphan, due_at=Microseconds(now + _AGAIN))


def _work(record: Record, line: Line, signed: SignedBytes, *, is_paid: bool) -> Work:
    unpaid = replace(line, prompt=0, cached=0, answer=0, again=0, earned=_NOTHING)
    return Work(
        job=record.job,
        attempt=record.attempt,
        payer=record.payer,
        device=record.worker,
        earner=record.account,
        receipt=signed,
        line=line if is_paid else replace(unpaid, from_fund=_NOTHING),
        ending=End.LATE.value,
        reason="the host was down and could not count; at most what was held is paid"
        if is_paid
        else "the claim came after the hold was over",
    )
