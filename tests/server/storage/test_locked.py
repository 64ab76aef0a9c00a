"""Laws of a database that another program holds: it is waited for, said so, and borne."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from app.core.base.ids import JobId
from app.server.storage.accounts import Accounts
from app.server.storage.database import Database
from app.server.storage.idempotency import Idempotency
from app.server.storage.unwritable import Unwritable
from tests.server.storage.held import held
from tests.server.storage.host import Clock, with_host

JOB = JobId("job_" + "0" * 24)


def test_whoever_is_cancelled_while_it_waits_for_the_file_leaves_it_open_to_others(
    tmp_path: Path,
) -> None:
    async def act(database: Database, clock: Clock) -> None:
        words = Idempotency(database, clock)
        with held(tmp_path / "pool.db") as other:
            waiting = asyncio.create_task(words.claim("one", "word", b"print", JOB))
            # It is in SQLite's own wait by then, which nothing can cancel.
            done, _ = await asyncio.wait({waiting}, timeout=0.3)
            assert not done
            waiting.cancel()
            await asyncio.wait({waiting}, timeout=0.3)
            other.execute("commit")
            await asyncio.wait({waiting})

        assert waiting.cancelled()
        assert (await words.claim("two", "word", b"print", JOB)).is_new
        with held(tmp_path / "pool.db") as other:
            assert other.in_transaction, "nobody holds the file"

    with_host(tmp_path, act)


def test_a_word_that_cannot_be_written_is_a_refusal_that_says_when_to_come_again(
    tmp_path: Path,
) -> None:
    async def act(database: Database, clock: Clock) -> None:
        words = Idempotency(database, clock)
        await database._connection.execute("pragma busy_timeout = 10")
        with held(tmp_path / "pool.db"):
            with pytest.raises(Unwritable) as caught:
                await words.claim("one", "word", b"print", JOB)
            words.forget("one", "another", JOB)
            await words.flush()

        assert caught.value.retry_after_seconds > 0
        assert (await words.claim("one", "word", b"print", JOB)).is_new

    with_host(tmp_path, act)


def test_whatever_cannot_be_written_says_so_and_what_to_do(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        accounts = await Accounts.open(database, clock)
        await database._connection.execute("pragma busy_timeout = 10")
        with held(tmp_path / "pool.db"):
            with pytest.raises(Unwritable) as caught:
                await accounts.create("anna")
            assert accounts.find("anna") is None

        assert "locked" in caught.value.message
        assert "close the program" in caught.value.remedy
        account, project = await accounts.create("anna")
        with pytest.raises(sqlite3.IntegrityError):
            await database.write(
                "insert into projects (id, account, name, made_at) values (?, ?, 'x', 0)",
                *(project.id, account.id),
            )

    with_host(tmp_path, act)
