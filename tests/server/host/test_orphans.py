"""Receipts that come after their job was paid: the verdict says what the books gave."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from msgspec.structs import replace

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.ledger.accounts import MINT, user
from app.core.ledger.commands import EventId, Posting, Reserve, Settle, Transfer
from app.core.ledger.pricing import Prices, Shares
from app.core.ledger.settlement import Line
from app.core.ledger.work import Reported
from app.core.pool.jobs.effects import Record
from app.core.pool.receipt import RECEIPT, VERDICT, differs
from app.core.pool.signed import SignedBytes
from app.server.host.orphans import Orphans
from app.server.host.usage import Reporting, late_reports
from app.server.host.verdicts import Verdicts, Work
from app.server.identity.keys import verify
from app.server.storage.accounts import Accounts
from app.server.storage.attempts import Attempts
from app.server.storage.books import Bookkeeper
from app.server.storage.checkpoints import Checkpoints
from app.server.storage.database import Database
from app.server.storage.receipts import Receipts
from app.server.storage.usage import Usage
from app.wire.message import Message
from app.wire.pool import Countersigned, Finished
from tests.core.pool.chains import DEVICE, POOL, receipts
from tests.server.storage.host import with_host

NOW = Microseconds(1_790_000_000 * SECOND)
(RECEIPT_SENT,) = receipts(1)
SAID = RECEIPT.read(RECEIPT_SENT.body)
assert SAID is not None
JOB = SAID.job
HOLD = EventId(f"job/{JOB}")
EARNED = 24
OTHER = DeviceId("cd" * 32)
PRICE = Micros(1_000_000)
"""A micro a token."""


class Host:
    """Orphans on real files. `verdicts` are those that the worker was sent."""

    def __init__(
        self,
        database: Database,
        books: Bookkeeper,
        accounts: Accounts,
        payer: AccountId,
        worker: AccountId,
    ) -> None:
        self.payer, self.worker, self.books = payer, worker, books
        self.usage = Usage(database, lambda: NOW)
        self.database = database
        self.attempts = Attempts(database)
        self.now, self.tick = NOW, 0
        self.told = asyncio.Queue[Countersigned]()
        self.chain = Verdicts(
            Receipts(database),
            Checkpoints(database),
            signer=POOL,
            verify=verify,
            tell=self._tell,
            now=lambda: NOW,
        )
        self.orphans = Orphans(
            books=books,
            attempts=self.attempts,
            receipts=Receipts(database),
            verdicts=self.chain,
            account_of=lambda device: self.worker if device == DEVICE.device else None,
            report=late_reports(Reporting(self.usage, lambda: NOW), accounts, lambda _: None),
            now=self._look_at_the_clock,
            look_seconds=0.0,
        )

    def _look_at_the_clock(self) -> Microseconds:
        self.now = Microseconds(self.now + self.tick)
        return self.now

    def _tell(self, device: DeviceId, frame: Message) -> bool:
        assert device in (DEVICE.device, OTHER) and isinstance(frame, Countersigned)
        self.told.put_nowait(frame)
        return True

    async def record(
        self,
        worker: DeviceId,
        *,
        attempt: int = 0,
        first: int = 0,
        is_embedding: bool = False,
    ) -> None:
        """Somebody was asked, as the books of attempts have it."""
        record = Record(
            id=EventId(f"{HOLD}/attempt/{attempt}"),
            job=JOB,
            attempt=attempt,
            worker=worker,
            account=self.worker,
            sha256="ab" * 32,
            first=first,
            payer=self.payer,
            prices=Prices(input=PRICE, cached_input=PRICE, output=PRICE),
            shares=Shares(worker=80, fee=15, fund=5),
            prompt_tokens=10,
            is_embedding=is_embedding,
        )
        written = asyncio.create_task(self.attempts.record(record, NOW))
        while not written.done():
            await asyncio.sleep(0)
            await self.attempts.flush()

    async def pay(self) -> None:
        """The job is settled, and the host died before it signed."""
        postings = (
            Posting(user(self.payer), Micros(-EARNED)),
            Posting(user(self.worker), Micros(EARNED), 0),
        )
        settle = Settle(id=EventId(f"{HOLD}/end"), at=NOW, hold=HOLD, postings=postings)
        assert (await self.books.submit(settle)).result.is_in_books


def with_orphans(folder: Path, act: Callable[[Host], Awaitable[None]]) -> None:
    async def run(database: Database, clock) -> None:
        accounts = await Accounts.open(database, clock)
        payer, _ = await accounts.create("anna")
        worker, _ = await accounts.create("bert")
        async with await Bookkeeper.open(folder / "books.db") as books:
            grant = Transfer(
                id=EventId("grant"),
                at=NOW,
                payer=MINT,
                payee=user(payer.id),
                amount=Micros(1000),
                source="granted",
            )
            hold = Reserve(
                id=HOLD,
                at=NOW,
                account=user(payer.id),
                amount=Micros(500),
                timeout=Microseconds(60 * SECOND),
                about=JOB,
            )
            for command in (grant, hold):
                assert (await books.submit(command)).result.is_in_books
            await act(Host(database, books, accounts, payer.id, worker.id))

    with_host(folder, run)


def finished() -> Finished:
    body, signature = RECEIPT_SENT
    return Finished(job=JOB, attempt=0, reason="completed", receipt=body, signature=signature)


def test_a_host_that_died_between_paying_and_signing_signs_when_the_receipt_comes(
    tmp_path: Path,
) -> None:
    async def act(host: Host) -> None:
        await host.chain.load()
        await host.record(DEVICE.device)
        await host.pay()
        await host.orphans.load()
        async with host.orphans.running():
            reported = host.chain.reported(DEVICE.device, finished())
            host.orphans.heard(DEVICE.device, finished(), reported)
            told = await asyncio.wait_for(host.told.get(), 20)

        verdict = VERDICT.read(told.verdict)
        assert verdict is not None
        assert (verdict.earned, verdict.charged) == (EARNED, EARNED)
        assert differs(verdict, RECEIPT_SENT) == ""

    with_orphans(tmp_path, act)


def test_who_delivered_before_another_went_on_is_paid_and_told_so_when_its_receipt_comes(
    tmp_path: Path,
) -> None:
    async def act(host: Host) -> None:
        await host.chain.load()
        await host.record(DEVICE.device)
        await host.record(OTHER, attempt=1, first=10)
        host.tick = SECOND
        await host.orphans.load()
        async with host.orphans.running():
            frame = replace(finished(), attempt=1, receipt=b"of another", signature=b"")
            host.orphans.heard(OTHER, frame, Reported(prompt=10, answer=5))
            await asyncio.wait_for(host.told.get(), 20)
            reported = host.chain.reported(DEVICE.device, finished())
            host.orphans.heard(DEVICE.device, finished(), reported)
            told = await asyncio.wait_for(host.told.get(), 20)

        verdict = VERDICT.read(told.verdict)
        assert verdict is not None
        assert (verdict.earned, verdict.charged) == (10 * 80 // 100, 10 + 10 + 5)
        assert "paid before its receipt came" in verdict.reason

    with_orphans(tmp_path, act)


class BusyVerdicts:
    """The chain, which takes verdicts when it may."""

    def __init__(self, verdicts: Verdicts) -> None:
        self.send, self._verdicts = verdicts.send, verdicts
        self.asked, self.may = asyncio.Event(), asyncio.Event()

    async def give(self, work: Work, charged: Micros) -> None:
        self.asked.set()
        await self.may.wait()
        await self._verdicts.give(work, charged)


def test_a_receipt_that_comes_while_its_job_is_settled_is_told_what_the_books_paid(
    tmp_path: Path,
) -> None:
    async def act(host: Host) -> None:
        busy = BusyVerdicts(host.chain)
        host.orphans._verdicts = busy  # type: ignore[assignment]
        await host.chain.load()
        await host.record(DEVICE.device)
        await host.record(OTHER, attempt=1, first=10)
        host.tick = SECOND
        await host.orphans.load()
        async with host.orphans.running():
            frame = replace(finished(), attempt=1, receipt=b"of another", signature=b"")
            host.orphans.heard(OTHER, frame, Reported(prompt=10, answer=5))
            await asyncio.wait_for(busy.asked.wait(), 20)
            reported = host.chain.reported(DEVICE.device, finished())
            host.orphans.heard(DEVICE.device, finished(), reported)
            while not host.orphans._late.empty():
                await asyncio.sleep(0)
            busy.may.set()
            told = [await asyncio.wait_for(host.told.get(), 20) for _ in range(2)]

        verdicts = [VERDICT.read(each.verdict) for each in told]
        (paid,) = await host.books.paid(HOLD)
        assert {each.attempt: each.earned for each in verdicts if each is not None} == paid

    with_orphans(tmp_path, act)


def test_whoever_was_not_asked_gets_no_verdict_on_anothers_attempt(tmp_path: Path) -> None:
    async def act(host: Host) -> None:
        await host.chain.load()
        await host.record(OTHER)
        await host.pay()
        await host.orphans.load()

        await host.orphans.answer(DEVICE.device, finished())

        assert host.told.empty() and host.chain.count == 0

    with_orphans(tmp_path, act)


def test_a_receipt_of_work_that_nobody_recorded_gets_a_verdict_of_nothing(tmp_path: Path) -> None:
    async def act(host: Host) -> None:
        await host.chain.load()
        await host.orphans.load()
        async with host.orphans.running():
            for _ in range(2):  # in each session again, until the verdict is there
                reported = host.chain.reported(DEVICE.device, finished())
                host.orphans.heard(DEVICE.device, finished(), reported)
                told = await asyncio.wait_for(host.told.get(), 20)

        verdict = VERDICT.read(told.verdict)
        assert verdict is not None
        assert (verdict.earned, verdict.charged, verdict.ending) == (0, 0, "unknown")
        assert "no record of this work" in verdict.reason
        assert differs(verdict, RECEIPT_SENT) == ""
        assert host.chain.count == 1

    with_orphans(tmp_path, act)


def test_a_device_gets_so_many_verdicts_a_day_on_unrecorded_work(tmp_path: Path) -> None:
    async def act(host: Host) -> None:
        await host.chain.load()
        for number in range(300):
            await host.orphans.answer(DEVICE.device, replace(finished(), attempt=number))

        assert host.chain.count == 256

        host.orphans._now = lambda: Microseconds(NOW + 24 * 3600 * SECOND)
        await host.orphans.answer(DEVICE.device, replace(finished(), attempt=299))

        assert host.chain.count == 257

    with_orphans(tmp_path, act)


def test_a_receipt_that_comes_after_its_attempt_was_settled_without_it_ends_the_waiting(
    tmp_path: Path,
) -> None:
    async def act(host: Host) -> None:
        await host.chain.load()
        await host.chain.give(
            Work(
                job=JOB,
                attempt=0,
                payer=host.payer,
                device=DEVICE.device,
                earner=host.worker,
                receipt=SignedBytes(b"", b""),
                line=Line(attempt=0),
                ending="interrupted",
                reason="the worker was gone",
            ),
            Micros(0),
        )
        host.told.get_nowait()
        await host.orphans.load()
        async with host.orphans.running():
            reported = host.chain.reported(DEVICE.device, finished())
            host.orphans.heard(DEVICE.device, finished(), reported)
            told = await asyncio.wait_for(host.told.get(), 20)

        verdict = VERDICT.read(told.verdict)
        assert verdict is not None
        assert (verdict.earned, verdict.reason) == (0, "the worker was gone")
        assert differs(verdict, RECEIPT_SENT) == ""

    with_orphans(tmp_path, act)


def test_what_each_attempt_earned_is_read_from_the_books(tmp_path: Path) -> None:
    async def act(host: Host) -> None:
        assert await host.books.paid(HOLD) == [{}]
        await host.pay()

        assert await host.books.paid(HOLD, EventId("job/other")) == [{0: EARNED}, {}]

    with_orphans(tmp_path, act)


def test_what_a_job_cost_is_told_when_its_money_is_where_it_belongs(tmp_path: Path) -> None:
    async def act(host: Host) -> None:
        await host.chain.load()
        await host.record(DEVICE.device)
        await host.orphans.load()
        cost = asyncio.create_task(host.orphans.charge(JOB))
        for _ in range(100):
            await asyncio.sleep(0)
        assert not cost.done(), "its worker may still come with a receipt"

        async with host.orphans.running():
            reported = host.chain.reported(DEVICE.device, finished())
            host.orphans.heard(DEVICE.device, finished(), reported)
            told = await asyncio.wait_for(host.told.get(), 20)
            charged = await asyncio.wait_for(cost, 20)

        verdict = VERDICT.read(told.verdict)
        assert verdict is not None
        assert charged == verdict.charged > 0
        assert await host.orphans.charge(JobId("never-begun")) == 0

    with_orphans(tmp_path, act)


def test_a_job_that_was_paid_before_the_host_died_is_told_at_once(tmp_path: Path) -> None:
    async def act(host: Host) -> None:
        await host.record(DEVICE.device)
        await host.pay()
        await host.orphans.load()

        assert await asyncio.wait_for(host.orphans.charge(JOB), 20) == EARNED

    with_orphans(tmp_path, act)


def test_a_receipt_that_cannot_be_looked_up_ends_nothing_and_the_next_one_is_answered(
    tmp_path: Path,
) -> None:
    async def act(host: Host) -> None:
        await host.chain.load()
        await host.orphans.load()
        reported = host.chain.reported(DEVICE.device, finished())
        async with host.orphans.running():
            unreadable = replace(finished(), job=JobId("\ud800"))
            host.orphans.heard(DEVICE.device, unreadable, reported)
            host.orphans.heard(DEVICE.device, finished(), reported)
            told = await asyncio.wait_for(host.told.get(), 20)

        assert told.job == JOB

    with_orphans(tmp_path, act)
