"""Laws of writing that is broken off: what was to be written waits for the next time."""

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from typing import TypeVar

import pytest

from app.core.base.ids import AccountId, DeviceId, JobId
from app.core.base.units import Micros, Microseconds
from app.core.ledger.commands import EventId
from app.core.ledger.pricing import Prices, Shares
from app.core.pool.jobs.effects import Record
from app.server.storage.accounts import Accounts
from app.server.storage.attempts import Attempts
from app.server.storage.database import Database
from app.server.storage.usage import Usage
from tests.server.storage.host import BEGIN, Clock, with_host
from tests.server.storage.test_host_usage import row

T = TypeVar("T")

NOTHING = Micros(0)
RECORD = Record(
    id=EventId("job/j/attempt/0"),
    job=JobId("j"),
    attempt=0,
    worker=DeviceId("d" * 64),
    account=AccountId("acc_1"),
    payer=AccountId("acc_2"),
    sha256="ab" * 32,
    first=0,
    prices=Prices(input=NOTHING, cached_input=NOTHING, output=NOTHING),
    shares=Shares(worker=85, fee=10, fund=5),
    prompt_tokens=10,
)


async def broken_off(writing: Coroutine[object, object, None]) -> None:
    """It is cancelled while SQLite is at its transaction."""
    task = asyncio.create_task(writing)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait({task})
    assert task.cancelled()


async def broken_off_at_its_end(database: Database, writing: Coroutine[object, object, T]) -> None:
    """It is cancelled when SQLite has begun to commit."""
    loop, task = asyncio.get_running_loop(), asyncio.create_task(writing)

    def note(statement: str) -> None:
        if statement == "commit":
            loop.call_soon_threadsafe(task.cancel)

    await database._connection.set_trace_callback(note)
    await asyncio.wait({task})
    await database._connection.set_trace_callback(None)  # type: ignore[arg-type]
    assert task.cancelled()


def test_an_account_that_was_committed_is_in_memory_as_on_the_disk(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts = await Accounts.open(database, clock)

        await broken_off_at_its_end(database, accounts.create("anna"))

        (kept,) = (await Accounts.open(database, clock)).all()
        assert accounts.all() == (kept,)
        assert kept.name == "anna" and accounts.projects(kept.id)

    with_host(tmp_path, act)


def test_who_is_cancelled_at_a_commit_is_told_at_the_next_wait_and_can_be_timed(
    tmp_path: Path,
) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts, reached = await Accounts.open(database, clock), list[str]()

        async def write_twice() -> None:
            await accounts.create("anna")
            reached.append("written")
            await accounts.create("bert")
            reached.append("written again")

        await broken_off_at_its_end(database, write_twice())
        assert reached == ["written"]
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(None) as limit:
                loop = asyncio.get_running_loop()

                def note(statement: str) -> None:
                    if statement == "commit":
                        loop.call_soon_threadsafe(limit.reschedule, loop.time())

                await database._connection.set_trace_callback(note)
                await accounts.create("carl")
                await asyncio.Event().wait()

        assert [each.name for each in accounts.all()] == ["anna", "carl"]

    with_host(tmp_path, act)


def test_rows_of_usage_are_written_by_the_next_flush(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        account, project = await (await Accounts.open(database, clock)).create("anna")
        usage = Usage(database, clock)
        usage.note(row(account, project, 1, BEGIN))

        await broken_off(usage.flush())
        usage.note(row(account, project, 2, BEGIN + 1))

        assert [each.request for each in await usage.rows()] == ["r2", "r1"]

    with_host(tmp_path, act)


def test_who_records_an_attempt_waits_on_and_is_told_when_it_is_written(tmp_path: Path) -> None:
    async def act(database: Database, _: Clock) -> None:
        attempts = Attempts(database)
        recording = asyncio.create_task(attempts.record(RECORD, Microseconds(BEGIN)))
        await asyncio.sleep(0)

        await broken_off(attempts.flush())
        assert not recording.done()
        await attempts.flush()

        async with asyncio.timeout(10):
            await recording
        assert [each.attempt for each in await attempts.of_job(RECORD.job)] == [0]

    with_host(tmp_path, act)
