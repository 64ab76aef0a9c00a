"""What a host does by itself: addresses go after their days, however short it runs at a time."""

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

from app.core.base.units import SECOND
from app.settings.paths import Paths
from tests.pool.members import wait_for
from tests.server.host.pools import chat, pool, workers
from tests.support.pool_host import running_host

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
