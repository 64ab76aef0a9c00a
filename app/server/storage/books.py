"""Books: the double entry of a node or a host, asked by one event loop.

    async with await Bookkeeper.open(path) as books:
        outcome = await books.submit(Reserve(...))

One thread writes. What is submitted while it waits for the disk goes into the next commit, all in
one, so that a thousand callers wait for a few commits and not for a thousand. What is answered is
on the disk; what raises was not carried out and may be submitted again with the same id.

Reads have a connection of their own and see what was committed. They raise DatabaseUnusable or Busy
where the file cannot be read.
"""

import asyncio
import hashlib
import sqlite3
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self, TypeVar, final

from app.core.base.units import Micros, Microseconds
from app.core.ledger.accounts import AccountKind, LedgerAccount
from app.core.ledger.changes import Hold
from app.core.ledger.commands import ID_LENGTH_MAX, AnyCommand, EventId, Expire, Lapse, LotId
from app.core.ledger.lots import Lot
from app.core.ledger.result import Outcome
from app.server.storage.books_audit import Audit, audit
from app.server.storage.books_reader import (
    Balance,
    BooksReader,
    Flow,
    LotRow,
    Parties,
    StatementRow,
)
from app.server.storage.books_schema import translated
from app.server.storage.books_store import BooksStore, Broken
from app.server.storage.database import BUSY_SECONDS

BATCH_MAX: Final = 512
"""Commands in one commit: about 40 ms of work, so that nobody waits long for others."""
WAITING_MAX: Final = 8_192
"""Commands that may wait for the disk; who comes then waits for room first."""
SWEEP_MAX: Final = 1_000
"""Holds and lots that are ended in one sweep."""

_T = TypeVar("_T")


class Swept(NamedTuple):
    """What a sweep ended."""

    holds: int
    lots: int
    is_complete: bool
    """Whether nothing that was due is left."""


@final
class Bookkeeper:
    """An open set of books. Used by one event loop, and by one process at a time for speed."""

    def __init__(self, path: Path, store: BooksStore, reader: BooksReader) -> None:
        self._path = path
        self._store = store
        self._reader = reader
        self._writing = ThreadPoolExecutor(1, thread_name_prefix="books")
        self._reading = ThreadPoolExecutor(1, thread_name_prefix="books-read")
        self._waiting: deque[tuple[AnyCommand, asyncio.Future[Outcome]]] = deque()
        self._room = asyncio.Semaphore(WAITING_MAX)
        self._idle = asyncio.Event()
        self._idle.set()

    @classmethod
    async def open(cls, path: Path, *, busy_seconds: float = BUSY_SECONDS) -> Self:
        """The books in the database at `path`, made if absent.

        Raises: DatabaseUnusable, DiskFull, Busy.
        """
        store = await asyncio.to_thread(BooksStore.open, path, busy_seconds=busy_seconds)
        return cls(path, store, await asyncio.to_thread(BooksReader, path))

    async def submit(self, command: AnyCommand) -> Outcome:
        """What became of a command, once that is on the disk.

        A caller that is cancelled does not know; the same command tells it later.
        Raises: DatabaseUnusable, DiskFull, Busy: then it was not carried out.
        """
        async with self._room:
            asked: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
            self._waiting.append((command, asked))
            if self._idle.is_set():
                self._write_next()
            return await asked

    async def sweep(self, now: Microseconds) -> Swept:
        """End the holds and lots whose time has come."""
        holds, lots = await self._read(partial(self._reader.due, now, SWEEP_MAX))
        commands: list[AnyCommand] = [
            Expire(id=_derived("expire", hold), at=now, hold=hold) for hold in holds
        ]
        # A lot can lapse again after a hold gave back what had ended in it.
        commands += [Lapse(id=_derived(f"lapse/{now}", lot), at=now, lot=lot) for lot in lots]
        told = await asyncio.gather(*map(self.submit, commands))
        done = [outcome.result.is_in_books for outcome in told]
        ended = sum(done[: len(holds)])
        is_complete = max(len(holds), len(lots)) < SWEEP_MAX
        return Swept(ended, sum(done) - ended, is_complete)

    async def balance(self, account: LedgerAccount, now: Microseconds) -> Balance:
        """What an account has, holds and can spend."""
        return await self._read(partial(self._reader.balance, account, now))

    async def balances(
        self, kind: AccountKind, now: Microseconds
    ) -> list[tuple[LedgerAccount, Balance]]:
        """Every account of a kind that anything was ever posted to, the highest balance first."""
        return await self._read(partial(self._reader.balances, kind, now))

    async def hold(self, hold: EventId) -> Hold | None:
        """The hold of that id, ended or not; None where there never was one."""
        return await self._read(partial(self._reader.hold, hold))

    async def paid(self, *holds: EventId) -> list[dict[int, Micros]]:
        """What each attempt of a job earned, for each hold; empty where it was not paid from."""
        return await self._read(lambda: [self._reader.paid(hold) for hold in holds])

    async def parties(self, *holds: EventId) -> list[Parties]:
        """Who paid and who earned, for each hold."""
        return await self._read(lambda: [self._reader.parties(hold) for hold in holds])

    async def charged(self, *holds: EventId) -> list[Micros]:
        """What each hold's account paid when it was settled; 0 where it never was."""
        return await self._read(lambda: [self._reader.charged(hold) for hold in holds])

    async def lots(self, account: LedgerAccount) -> list[LotRow]:
        """The lots of a user that are not empty, in the order of spending."""
        return await self._read(partial(self._reader.lots, account))

    async def lot(self, lot: LotId) -> Lot | None:
        """The lot of that id, empty or not; None where there never was one."""
        return await self._read(partial(self._reader.lot, lot))

    async def statement(
        self, account: LedgerAccount, *, before: int | None = None, limit: int = 100
    ) -> list[StatementRow]:
        """The postings of an account, the newest first; `before` is a row's `event` to go on at."""
        return await self._read(partial(self._reader.statement, account, before, limit))

    async def flow(
        self, account: LedgerAccount, *, since: Microseconds, until: Microseconds
    ) -> Flow:
        """What came into and went out of an account from `since` on and before `until`."""
        return await self._read(partial(self._reader.flow, account, since, until))

    async def earned_in_day(self, account: LedgerAccount, at: Microseconds) -> Micros:
        """What an account earned by work on the day of `at`, in UTC, before anything was spent."""
        return await self._read(partial(self._reader.earned_in_day, account, at))

    async def audit(self) -> Audit:
        """Everything rebuilt from the events, and what does not agree; other work goes on."""
        return await asyncio.to_thread(audit, self._path)

    async def close(self) -> None:
        """Finish what was submitted, then close the file. Nothing may be asked after it."""
        await self._idle.wait()
        await asyncio.to_thread(self._shut_down)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    def _shut_down(self) -> None:
        self._writing.shutdown()
        self._reading.shutdown()
        self._store.close()
        self._reader.close()

    async def _read(self, query: Callable[[], _T]) -> _T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._reading, query)
        except sqlite3.Error as error:
            raise translated(error, self._path) from error

    def _write_next(self) -> None:
        """Hand what waits to the writer's thread; it comes back to `_written`."""
        batch = [self._waiting.popleft() for _ in range(min(BATCH_MAX, len(self._waiting)))]
        self._idle.clear()
        commands = [command for command, _ in batch]
        loop = asyncio.get_running_loop()
        written = loop.run_in_executor(self._writing, self._store.execute, commands)
        written.add_done_callback(partial(self._written, [asked for _, asked in batch]))

    def _written(
        self,
        asked: list[asyncio.Future[Outcome]],
        written: "asyncio.Future[list[Outcome | Broken]]",
    ) -> None:
        failed = written.exception()
        outcomes = [failed] * len(asked) if failed is not None else written.result()
        for future, outcome in zip(asked, outcomes, strict=True):
            if future.done():
                continue  # its caller was cancelled
            if isinstance(outcome, Outcome):
                future.set_result(outcome)
            else:
                future.set_exception(outcome)
        if self._waiting:
            self._write_next()
        else:
            self._idle.set()


def _derived(verb: str, name: str) -> EventId:
    """The id of what the sweeper does to something, short enough whatever its name is."""
    made = f"{verb}/{name}"
    if len(made) > ID_LENGTH_MAX:
        made = f"{verb}/{hashlib.sha256(name.encode()).hexdigest()}"
    return EventId(made)
