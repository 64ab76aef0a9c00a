"""What a host does by itself: addresses go after their days, however short it runs at a time."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from app.core.base.ids import AccountId, DeviceId
from app.core.base.units import SECOND, Micros, Microseconds
from app.core.pool.standing import Standing
from app.server.host.care import Care
from app.server.host.roster import Roster
from app.server.storage.books import Swept
from app.server.storage.books_reader import Balance
from app.settings.paths import Paths
from app.wire.message import Message
from app.wire.pool import Standing as StandingFrame
from tests.pool.members import wait_for
from tests.server.host.pools import chat, pool, workers
from tests.support.pool_host import running_host

NOW, DEVICE = Microseconds(1_790_000_000 * SECOND), DeviceId("d" * 64)
YEAR = 365 * 86_400 * SECOND


def in_usage(home: Path, statement: str, *values: int) -> list[str | None]:
    """The first column of what it finds in the host's file."""
    with closing(sqlite3.connect(Paths.under(home).pool / "pool.db")) as database, database:
        return [row[0] for row in database.execute(statement, values)]


def test_an_address_that_is_old_enough_goes_when_the_host_starts(tmp_path: Path) -> None:
    async def ask() -> None:
        async with workers(club, "box") as (box,), club.api() as api:
            (await api.post("/chat/completions", json=chat("hello"))).raise_for_status()
            await box.until(lambda: len(box.verdicts) == 1)

    with pool(tmp_path) as club:
        asyncio.run(ask())
        home = club.host.home
    assert in_usage(home, "select address from usage") == ["127.0.0.1"]
    in_usage(home, "update usage set at = at - ?", YEAR)

    with running_host(home):
        # The row itself is as old, and may be gone with its address.
        wait_for(
            lambda: in_usage(home, "select address from usage") in ([None], []),
            "the address to be dropped",
        )


def test_the_books_are_audited_at_the_start_without_anybody_asking(tmp_path: Path) -> None:
    with running_host(tmp_path) as host, host.client() as client:
        wait_for(lambda: client.hosted().audit is not None, "the audit of the start")

        audit = client.hosted().audit
        assert audit is not None and audit.holds


class Books:
    """Their file cannot be read once."""

    def __init__(self) -> None:
        self.reads = 0

    async def sweep(self, _: Microseconds) -> Swept:
        return Swept(0, 0, is_complete=True)

    async def balance(self, _: str, __: Microseconds) -> Balance:
        self.reads += 1
        if self.reads == 1:
            raise sqlite3.OperationalError("disk I/O error")
        return Balance(*map(Micros, (0, 0, 0, 0)))

    async def earned_in_day(self, _: str, __: Microseconds) -> Micros:
        return Micros(7)


class Old:
    """What forgets: it meets a bug."""

    async def sweep(self, **_: int) -> int:
        raise ZeroDivisionError


def test_what_one_member_cannot_be_told_ends_nothing_and_the_next_is_told() -> None:
    told: asyncio.Queue[Message] = asyncio.Queue()

    def tell(_: DeviceId, frame: Message) -> bool:
        told.put_nowait(frame)
        return True

    async def act() -> Message:
        members = Roster(
            circle=lambda _, __: "anyone", is_reachable=lambda _: True, listed=lambda _: None,
            now=lambda: NOW,
        )  # fmt: skip
        members.joined(DEVICE, AccountId("a"), "box")
        care = Care(
            books=Books(), verdicts=None, roster=members, judgement=Standing(),  # type: ignore[arg-type]
            idempotency=Old(), usage=Old(), tell=tell, now=lambda: NOW,  # type: ignore[arg-type]
            address_days=1, row_days=1,
        )  # fmt: skip
        async with care.running():
            care.warn(DEVICE)
            care.warn(DEVICE)
            return await asyncio.wait_for(told.get(), 60)

    standing = asyncio.run(act())

    assert isinstance(standing, StandingFrame) and standing.earned_today == 7
