"""Laws of sessions and marks, on real SQLite files."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

from app.server.storage.database import Database
from app.server.storage.marks import Marks
from app.server.storage.sessions import SESSION_SECONDS, Sessions


class Clock:
    """A time that the test moves."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def with_database(path: Path, act: Callable[[Database, Clock], Awaitable[None]]) -> None:
    async def run() -> None:
        async with await Database.open(path / "node.db") as database:
            await act(database, Clock())

    asyncio.run(run())


def test_a_session_is_live_with_its_secret_and_with_nothing_else(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        sessions = await Sessions.open(database, clock)
        secret = await sessions.begin("link")

        assert sessions.is_live(secret)
        for wrong in ("", secret[:-1], secret + "x", "\udcff"):
            assert not sessions.is_live(wrong)

    with_database(tmp_path, act)


def test_a_session_outlives_the_server_and_ends_in_its_time(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        secret = await (await Sessions.open(database, clock)).begin("key")

        again = await Sessions.open(database, clock)
        assert again.is_live(secret)
        clock.now += SESSION_SECONDS
        assert not again.is_live(secret)
        assert again.count == 0
        await Sessions.open(database, clock)
        assert await database.read("select * from sessions") == []

    with_database(tmp_path, act)


def test_a_session_that_ended_is_live_nowhere(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        sessions = await Sessions.open(database, clock)
        one, two, three = [await sessions.begin("link") for _ in range(3)]

        await sessions.end(one)
        assert [sessions.is_live(each) for each in (one, two, three)] == [False, True, True]
        await sessions.end_all()
        again = await Sessions.open(database, clock)
        assert not any(again.is_live(each) for each in (one, two, three))

    with_database(tmp_path, act)


def test_a_cookie_is_in_no_file(tmp_path: Path) -> None:
    secrets = []

    async def act(database: Database, clock: Clock) -> None:
        secrets.append(await (await Sessions.open(database, clock)).begin("link"))
        for file in tmp_path.iterdir():
            assert secrets[0].encode() not in file.read_bytes()

    with_database(tmp_path, act)
    assert secrets[0].encode() not in (tmp_path / "node.db").read_bytes()


def test_a_mark_is_remembered(tmp_path: Path) -> None:
    async def act(database: Database, clock: Clock) -> None:
        marks = await Marks.open(database, clock)
        assert not marks.has("first_run")

        await marks.set("first_run")
        await marks.set("first_run")
        assert marks.has("first_run")
        assert (await Marks.open(database, clock)).has("first_run")

    with_database(tmp_path, act)
