"""Laws of the database, the keys and the remembered rungs, on real SQLite files."""

import asyncio
import re
import sqlite3
import stat
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from app.core.base.errors import RequestError
from app.server.storage.database import Database, DatabaseUnusable, migrations
from app.server.storage.keys import SECRET_PREFIX, USE_STEP_SECONDS, Keys
from app.server.storage.rungs import Rungs


class Clock:
    """A time that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def with_keys(path: Path, act: Callable[[Keys, Clock], Awaitable[None]]) -> None:
    async def run() -> None:
        clock = Clock()
        async with await Database.open(path / "node.db") as database:
            await act(await Keys.open(database, clock), clock)

    asyncio.run(run())


def test_a_key_opens_with_its_secret_and_with_nothing_else(tmp_path: Path) -> None:
    async def act(keys: Keys, clock: Clock) -> None:
        made = await keys.create("laptop", "inference")

        assert made.secret.startswith(SECRET_PREFIX)
        assert keys.verify(made.secret) == keys.all()[0]
        for wrong in ("", made.secret[:-1], made.secret + "x", made.key.prefix, "\udcff"):
            assert keys.verify(wrong) is None

    with_keys(tmp_path, act)


def test_a_secret_is_in_no_file_and_in_no_repr(tmp_path: Path) -> None:
    secrets = []

    async def act(keys: Keys, clock: Clock) -> None:
        made = await keys.create("laptop", "admin")
        secrets.append(made.secret)
        assert made.secret not in repr(made) + str(made)
        for file in tmp_path.iterdir():
            assert made.secret.encode() not in file.read_bytes()

    with_keys(tmp_path, act)
    assert secrets[0].encode() not in (tmp_path / "node.db").read_bytes()


def test_a_revoked_key_is_refused_at_once_and_after_a_restart(tmp_path: Path) -> None:
    secrets = []

    async def revoke(keys: Keys, clock: Clock) -> None:
        made = await keys.create("laptop", "inference")
        secrets.append(made.secret)
        first = await keys.revoke(made.key.id)
        clock.now += 5
        assert await keys.revoke(made.key.id) == first
        assert keys.verify(made.secret) is None
        assert not keys.has_live

    async def again(keys: Keys, clock: Clock) -> None:
        assert keys.verify(secrets[0]) is None
        assert keys.all()[0].revoked_at == 1000.0

    with_keys(tmp_path, revoke)
    with_keys(tmp_path, again)


def test_keys_survive_a_restart_with_all_their_columns(tmp_path: Path) -> None:
    made = []

    async def create(keys: Keys, clock: Clock) -> None:
        made.append(await keys.create("one", "inference"))
        clock.now += 1
        made.append(await keys.create("two", "admin"))

    async def again(keys: Keys, clock: Clock) -> None:
        assert keys.all() == (made[0].key, made[1].key)
        verified = keys.verify(made[1].secret)
        assert verified is not None and verified.scope == "admin"

    with_keys(tmp_path, create)
    with_keys(tmp_path, again)


def test_a_last_use_is_kept_and_costs_a_write_a_minute_at_most(tmp_path: Path) -> None:
    async def act(keys: Keys, clock: Clock) -> None:
        secret = (await keys.create("laptop", "inference")).secret
        for _ in range(100):
            keys.verify(secret)
            clock.now += USE_STEP_SECONDS / 1000
        assert keys.all()[0].last_used_at == 1000.0
        clock.now += USE_STEP_SECONDS
        keys.verify(secret)
        await keys.flush()
        assert _stored_use(tmp_path) == keys.all()[0].last_used_at == clock.now

    with_keys(tmp_path, act)


def test_uses_are_written_as_they_come_and_a_full_disk_is_survived(tmp_path: Path) -> None:
    async def act(keys: Keys, clock: Clock) -> None:
        secret = (await keys.create("laptop", "inference")).secret
        async with asyncio.timeout(10), asyncio.TaskGroup() as group:
            writer = group.create_task(keys.write_uses())
            with sqlite3.connect(tmp_path / "node.db") as other:
                other.execute("alter table keys rename to gone")
            keys.verify(secret)
            await keys.flush()
            with sqlite3.connect(tmp_path / "node.db") as other:
                other.execute("alter table gone rename to keys")
            assert not writer.done()
            writer.cancel()

    with_keys(tmp_path, act)


def _stored_use(path: Path) -> float | None:
    with sqlite3.connect(path / "node.db") as connection:
        return connection.execute("select last_used_at from keys").fetchone()[0]  # type: ignore[no-any-return]


@pytest.mark.parametrize("name", ["", "  ", "x" * 101, "a\nb"])
def test_a_key_needs_a_name_that_can_be_shown(tmp_path: Path, name: str) -> None:
    async def act(keys: Keys, clock: Clock) -> None:
        with pytest.raises(RequestError):
            await keys.create(name, "inference")
        assert keys.all() == ()

    with_keys(tmp_path, act)


def test_an_unknown_key_cannot_be_revoked(tmp_path: Path) -> None:
    async def act(keys: Keys, clock: Clock) -> None:
        assert await keys.revoke("nobody") is None

    with_keys(tmp_path, act)


def test_a_rung_is_remembered_until_a_new_version_or_zero(tmp_path: Path) -> None:
    async def run() -> None:
        async with await Database.open(tmp_path / "node.db") as database:
            rungs, newer = Rungs(database, "1.0"), Rungs(database, "1.1")
            assert await rungs.of("model") == 0
            await rungs.remember("model", 1, at=1.0)
            await rungs.remember("model", 2, at=2.0)
            assert await rungs.of("model") == 2
            assert await newer.of("model") == 0
            await rungs.remember("model", 0, at=3.0)
            assert await rungs.of("model") == 0

    asyncio.run(run())


def test_the_file_is_private_and_in_wal_mode(tmp_path: Path) -> None:
    async def run() -> None:
        async with await Database.open(tmp_path / "node.db") as database:
            assert await database.read("pragma journal_mode") == [("wal",)]
            assert await database.read("pragma foreign_keys") == [(1,)]

    asyncio.run(run())
    assert stat.S_IMODE((tmp_path / "node.db").stat().st_mode) == 0o600


def test_a_database_of_a_newer_version_is_refused_with_a_remedy(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "node.db") as connection:
        connection.execute("pragma user_version = 999")

    with pytest.raises(DatabaseUnusable, match="newer version") as refused:
        asyncio.run(Database.open(tmp_path / "node.db"))
    assert "Update" in refused.value.remedy


def test_a_damaged_file_is_refused_with_a_remedy(tmp_path: Path) -> None:
    (tmp_path / "node.db").write_bytes(b"this is no database" * 100)

    with pytest.raises(DatabaseUnusable) as refused:
        asyncio.run(Database.open(tmp_path / "node.db"))
    assert "move it away" in refused.value.remedy


def test_a_file_that_cannot_be_opened_is_not_called_damaged(tmp_path: Path) -> None:
    (tmp_path / "node.db").mkdir()

    with pytest.raises(DatabaseUnusable) as refused:
        asyncio.run(Database.open(tmp_path / "node.db"))
    assert "move it away" not in refused.value.remedy
    assert "right to read and write" in refused.value.remedy


def test_a_failed_statement_leaves_nothing_behind(tmp_path: Path) -> None:
    async def run() -> None:
        async with await Database.open(tmp_path / "node.db") as database:
            rows = [("a", 1, "v", 0.0), ("b", -1, "v", 0.0)]
            with pytest.raises(sqlite3.IntegrityError):
                await database.write_many("insert into rungs values (?, ?, ?, ?)", rows)
            assert await database.read("select * from rungs") == []
            assert await database.write("insert into rungs values ('a', 1, 'v', 0.0)") == 1

    asyncio.run(run())


def test_every_column_of_every_table_is_commented_and_every_table_is_strict() -> None:
    for script in [*migrations("node"), *migrations("host")]:
        for table in re.findall(r"create table .*?\n\)[^\n]*;", script, re.DOTALL):
            head, *lines, end = table.splitlines()
            columns = [line for line in lines if not re.match(r"    (unique|primary key) \(", line)]
            assert end in (") strict;", ") strict, without rowid;"), head
            assert all("--" in column for column in columns), head


def test_the_files_of_a_node_and_of_a_host_are_not_mixed_up(tmp_path: Path) -> None:
    async def run() -> None:
        async with await Database.open(tmp_path / "host.db", "host") as database:
            assert await database.read("select * from accounts") == []
            assert await database.read("pragma user_version") == [(len(migrations("host")),)]
        async with await Database.open(tmp_path / "node.db") as database:
            assert await database.read("select * from rungs") == []

    asyncio.run(run())
    with pytest.raises(DatabaseUnusable, match="not the database of a node"):
        asyncio.run(Database.open(tmp_path / "host.db", "node"))
    with pytest.raises(DatabaseUnusable, match="not the database of a host"):
        asyncio.run(Database.open(tmp_path / "node.db", "host"))


def test_a_durable_database_waits_for_the_disk(tmp_path: Path) -> None:
    async def run() -> None:
        async with await Database.open(tmp_path / "h.db", "host", is_durable=True) as database:
            assert await database.read("pragma synchronous") == [(2,)]

    asyncio.run(run())


def test_several_statements_are_written_all_or_none(tmp_path: Path) -> None:
    async def run() -> None:
        async with await Database.open(tmp_path / "node.db") as database:
            insert = "insert into rungs values (?, ?, 'v', 0.0)"
            assert await database.write_all([(insert, ("a", 1)), (insert, ("b", 2))]) == [1, 1]
            with pytest.raises(sqlite3.IntegrityError):
                await database.write_all([(insert, ("c", 1)), (insert, ("d", -1))])
            assert await database.read("select identity from rungs") == [("a",), ("b",)]

    asyncio.run(run())


def test_a_commit_that_is_refused_is_told_as_it_is_and_leaves_nothing_behind(
    tmp_path: Path,
) -> None:
    async def run() -> None:
        async with await Database.open(tmp_path / "pool.db", "host") as database:
            orphan = "insert into projects values ('prj', 'nobody', 'default', 0, null)"
            with pytest.raises(sqlite3.IntegrityError):
                await database.write_all([("pragma defer_foreign_keys = on", ()), (orphan, ())])
            await database.write("insert into accounts values ('a', 'a', 'active', '', 0, 1, 0)")

            assert await database.read("select id from projects") == []
            assert await database.read("select id from accounts") == [("a",)]

    asyncio.run(run())


def test_another_process_may_use_the_file_at_the_same_time(tmp_path: Path) -> None:
    async def run() -> None:
        async with (
            await Database.open(tmp_path / "n.db") as first,
            await Database.open(tmp_path / "n.db") as second,
        ):
            writes = [
                database.write("insert into rungs values (?, 1, 'v', 0.0)", f"{name}{number}")
                for name, database in (("a", first), ("b", second))
                for number in range(20)
            ]
            await asyncio.gather(*writes)

            assert await second.read("select count(*) from rungs") == [(40,)]
            assert await second.read("pragma user_version") == [(len(migrations()),)]

    asyncio.run(run())
