"""Laws of what is written down of attempts, on real SQLite files."""

import asyncio
import contextlib
import sqlite3
from pathlib import Path

import pytest
from msgspec.structs import replace

from app.server.storage.attempts import Attempts
from app.server.storage.data_folder import ensure_data
from app.server.storage.database import Database
from tests.server.storage.host import BEGIN, Clock, with_host
from tests.server.storage.test_broken_off import RECORD
from tests.server.storage.test_data_folder import old_database


@pytest.mark.parametrize("is_embedding", [True, False])
def test_an_attempt_is_read_as_it_was_written(tmp_path: Path, is_embedding: bool) -> None:
    record = replace(RECORD, is_embedding=is_embedding)

    async def act(database: Database, clock: Clock) -> None:
        attempts = Attempts(database)
        written = asyncio.create_task(attempts.record(record, clock()))
        await asyncio.sleep(0)
        await attempts.flush()
        await written

        assert await attempts.open() == {record.job: (record,)}
        assert await attempts.of_job(record.job) == (record,)

    with_host(tmp_path, act)


def test_attempts_of_a_host_that_did_not_know_embeddings_are_taken_for_answers(
    tmp_path: Path,
) -> None:
    file = tmp_path / "pool" / "pool.db"
    old_database(file, 3, "host")
    with contextlib.closing(sqlite3.connect(file)) as old, old:
        old.execute(
            "insert into attempts values ('j', 0, ?, 'acc_1', 'acc_2', ?, 0, 0, 0, 0, 85, 10, 5,"
            " 10, ?)",
            (RECORD.worker, RECORD.sha256, BEGIN),
        )

    ensure_data(tmp_path, "9.9")

    async def act(database: Database, clock: Clock) -> None:
        assert await Attempts(database).open() == {RECORD.job: (RECORD,)}

    with_host(file.parent, act)
